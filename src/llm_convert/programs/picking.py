"""Picks as functions: from a value cell to a field's value and its addresses.

A pick depends on the cell where it starts alone, so its results are remembered by that: a column start is worked out
once for each row, a header once for each column.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from llm_convert.contracts.document import CellValue
from llm_convert.contracts.tables import FieldType
from llm_convert.programs.fetching import (
    Fetch,
    Get,
    Held,
    Surroundings,
    constant,
    first_of,
    joined,
    without_raised,
)
from llm_convert.programs.finding import NOWHERE, Found, find, whole
from llm_convert.programs.judging import judge
from llm_convert.programs.picks import Condition, Pick
from llm_convert.programs.placed import Placed
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.values import BLANK, Got, Operations
from llm_convert.readings import ReadingError


class Picker:
    """Makes functions of the picks of one placed table."""

    def __init__(self, placed: Placed, around: Surroundings) -> None:
        self._placed = placed
        self._around = around

    def fetch(self, name: str, pick: Pick, type: FieldType | None = None) -> Fetch:
        """The function of a field's pick."""
        fetch = self._guarded(name, pick, type)
        if pick.default is None:
            return fetch
        default = Got(pick.default)

        def or_default(row: int, column: int, content: CellValue) -> Got:
            found = fetch.get(row, column, content)
            return default if found.value is None else found

        return fetch.like(or_default)

    def condition(self, condition: Condition) -> Held:
        """The function of a condition on a value cell."""
        found = find(condition, self._placed, self._around.planes)
        placed = self._placed if found.plane is self._placed.plane else whole(found.plane, self._placed)
        asked = judge(condition.is_, placed)
        known: dict[Position, bool] = {}

        def holds(row: int, column: int) -> bool:
            start = found.start(row, column)
            answer = known.get(start)
            if answer is None:
                at = found.end(start)
                answer = known[start] = asked(*at, 0)
                if at != NOWHERE:
                    found.plane.used.add(found.plane.seen(*at))
            return answer

        return Held(holds, found.by_row, found.by_column)

    def _guarded(self, name: str, pick: Pick, type: FieldType | None) -> Fetch:
        fetch = self._source(name, pick, type)
        conditions = [self.condition(one) for one in pick.when]
        if not conditions:
            return fetch
        get, asked = fetch.get, [one.holds for one in conditions]

        def when(row: int, column: int, content: CellValue) -> Got:
            return get(row, column, content) if all(one(row, column) for one in asked) else BLANK

        by_row = fetch.by_row or any(one.by_row for one in conditions)
        return Fetch(when, by_row, fetch.by_column or any(one.by_column for one in conditions))

    def _source(self, name: str, pick: Pick, type: FieldType | None) -> Fetch:
        if pick.first is not None:
            return self._derived(name, pick, type, first_of([self.fetch(name, one) for one in pick.first]))
        if pick.join is not None:
            return self._derived(name, pick, type, joined([self.fetch(name, one) for one in pick.join], pick.sep))
        if pick.const is not None:
            return constant(Got(pick.const))
        if pick.file:
            stem = PurePosixPath(self._around.document.name.replace("\\", "/")).stem
            return self._derived(name, pick, type, constant(Got(stem)))
        if pick.sheet:
            sheet = self._placed.plane.sheet
            return self._derived(name, pick, type, constant(Got(sheet.name, (f"{sheet.name}!name",))))
        if pick.header == "all":
            return self._derived(name, pick, type, self._all_headers(pick))
        return self._cell(name, pick, type)

    def _derived(self, name: str, pick: Pick, type: FieldType | None, source: Fetch) -> Fetch:
        """Operations on what other picks gave."""
        operations = Operations(pick, type, self._placed.table.missing)
        known: dict[tuple[Got, Got], Got] = {}
        units = self._units(name, pick)
        unit_of, got_of = units.get, source.get

        def fetch(row: int, column: int, content: CellValue) -> Got:
            got, unit = got_of(row, column, content), unit_of(row, column, content)
            done = known.get((got, unit))
            if done is None:
                done = known[got, unit] = self._applied(name, operations, got.value, got.at, unit)
            return done

        return source.like(fetch, units)

    def _units(self, name: str, pick: Pick) -> Fetch:
        return constant(BLANK) if pick.unit is None else self.fetch(name, pick.unit)

    def _cell(self, name: str, pick: Pick, type: FieldType | None) -> Fetch:
        """A pick of one cell."""
        found = find(pick, self._placed, self._around.planes)
        operations = Operations(pick, type, self._placed.table.missing)
        units = self._units(name, pick)
        if found.at_value:
            return Fetch(self._own_value(name, operations, units.get))
        if operations.plain and not found.moves and found.by_row and not found.by_column:
            return Fetch(self._beside(name, operations, found), by_column=False)
        walked = Fetch(self._walked(name, operations, found, units.get), found.by_row, found.by_column)
        return walked.like(walked.get, units)

    def _walked(self, name: str, operations: Operations, found: Found, unit_of: Get) -> Get:
        known: dict[tuple[Position, Got], Got] = {}

        def fetch(row: int, column: int, content: CellValue) -> Got:
            unit, start = unit_of(row, column, content), found.start(row, column)
            done = known.get((start, unit))
            if done is None:
                at = self._own_column(operations, found, found.end(start))
                done = known[start, unit] = self._at(name, operations, found.plane, at, unit)
            return done

        return fetch

    def _own_value(self, name: str, operations: Operations, unit_of: Get) -> Get:
        address, read = self._placed.plane.address, operations.read
        # Marks for no value were passed over before, unless they are kept.
        plain = operations.plain and not self._placed.table.keep_missing

        def fetch(row: int, column: int, content: CellValue) -> Got:
            at = address((row, column))
            if plain:
                try:
                    return Got(read(content), (at,))
                except ReadingError as error:
                    self._around.report(name, at, str(error))
                    return BLANK
            return self._applied(name, operations, content, (at,), unit_of(row, column, content))

        return fetch

    def _beside(self, name: str, operations: Operations, found: Found) -> Get:
        """A column of the value's row, without a walk: most fields of lists of records, each worked out once."""
        plane, start, read = found.plane, found.start, operations.read

        def fetch(row: int, column: int, content: CellValue) -> Got:  # noqa: ARG001
            at = start(row, column)
            stands = plane.value(*at)
            if stands is None or type(stands) is str or stands != stands:
                return self._at(name, operations, plane, self._own_column(operations, found, at), BLANK)
            plane.used.add(at)
            try:
                return Got(read(stands), (plane.address(at),))
            except ReadingError as error:
                self._around.report(name, plane.address(at), str(error))
                return BLANK

        return fetch

    def _own_column(self, operations: Operations, found: Found, at: Position) -> Position:
        """The cell; none where a number or a date is wanted and a label of another column is merged over its place.

        The label of a total is often merged over all columns up to the first amount.
        """
        typed = operations.type not in {None, FieldType.TEXT}
        return NOWHERE if typed and found.by_row and found.plane.seen(*at)[1] != at[1] else at

    def _at(self, name: str, operations: Operations, plane: Plane, at: Position, unit: Got) -> Got:
        if at == NOWHERE:
            return BLANK
        at = plane.seen(*at)
        plane.used.add(at)
        content = plane.value(*at)
        if operations.pick.raised is not None:
            content = without_raised(plane, at, only=operations.pick.raised == "only")
        return self._applied(name, operations, content, (plane.address(at),), unit)

    def _applied(self, name: str, operations: Operations, content: CellValue, at: tuple[str, ...], unit: Got) -> Got:
        stated = None if unit.value is None else str(unit.value)
        try:
            value = operations.apply(content, stated)
        except ReadingError as error:
            self._around.report(name, at[0] if at else "", str(error))
            return BLANK
        if value is None:
            return BLANK
        return Got(value, at if stated is None else (*at, *unit.at))

    def _all_headers(self, pick: Pick) -> Fetch:
        placed = self._placed
        known: dict[int, Got] = {}

        def fetch(row: int, column: int, content: CellValue) -> Got:  # noqa: ARG001
            target = column if pick.column is None else placed.column_for(pick.column, column)
            if target is None:
                return BLANK
            if target not in known:
                cells = dict.fromkeys(placed.header_cell(level, target) for level in range(len(placed.header_rows)))
                filled = [at for at in cells if placed.plane.text(at)]
                placed.plane.used.update(filled)
                text = " ".join(placed.plane.text(at) for at in filled)
                known[target] = Got(text or None, tuple(map(placed.plane.address, filled)))
            return known[target]

        return Fetch(fetch, by_row=False)
