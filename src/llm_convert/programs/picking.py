"""Picks as functions: from a value cell to a field's value and its addresses.

A pick depends on the cell where it starts alone, so its results are remembered by that: a column start is worked out
once for each row, a header once for each column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from llm_convert.contracts.document import CellValue, Document
from llm_convert.contracts.tables import FieldType
from llm_convert.programs.judging import judge
from llm_convert.programs.patterns import pattern
from llm_convert.programs.picks import Condition, Pick, Place
from llm_convert.programs.placed import Extent, Placed
from llm_convert.programs.placing import data_bounds
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.values import BLANK, Got, Operations, spaced
from llm_convert.programs.walking import Bounds, walker
from llm_convert.readings import ReadingError, text_of

Fetch = Callable[[int, int, CellValue], Got]
"""Row and column of the value cell, and its content or the piece of it that makes the row."""
_NOWHERE: Position = (-1, -1)


@dataclass(slots=True)
class Unread:
    """A cell whose content could not be read as its field wants it."""

    field: str
    address: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What picks may ask for beyond their own table."""

    document: Document
    planes: dict[str, Plane]
    """The sheets, by name, as they stand."""
    unread: list[Unread] = field(default_factory=list)
    unread_count: int = 0

    def report(self, name: str, address: str, reason: str) -> None:
        """Remember a cell that could not be read; the first thousand by their address."""
        self.unread_count += 1
        if len(self.unread) < 1000:
            self.unread.append(Unread(name, address, reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a place is found: the plane that its cells lie on, and from a value cell the start and the end of the walk."""

    plane: Plane
    start: Callable[[int, int], Position]
    end: Callable[[Position], Position]
    at_value: bool
    """It is the value cell itself."""


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
            found = fetch(row, column, content)
            return default if found.value is None else found

        return or_default

    def condition(self, condition: Condition) -> Callable[[int, int], bool]:
        """The function of a condition on a value cell."""
        found = self._find(condition)
        placed = self._placed if found.plane is self._placed.plane else whole(found.plane, self._placed)
        asked = judge(condition.is_, placed)
        known: dict[Position, bool] = {}

        def holds(row: int, column: int) -> bool:
            start = found.start(row, column)
            answer = known.get(start)
            if answer is None:
                at = found.end(start)
                answer = known[start] = asked(*at, 0)
                if at != _NOWHERE:
                    found.plane.used.add(found.plane.seen(*at))
            return answer

        return holds

    def _guarded(self, name: str, pick: Pick, type: FieldType | None) -> Fetch:
        fetch = self._source(name, pick, type)
        conditions = [self.condition(one) for one in pick.when]
        if not conditions:
            return fetch

        def when(row: int, column: int, content: CellValue) -> Got:
            return fetch(row, column, content) if all(one(row, column) for one in conditions) else BLANK

        return when

    def _source(self, name: str, pick: Pick, type: FieldType | None) -> Fetch:
        if pick.first is not None:
            return self._derived(name, pick, type, _first([self.fetch(name, one) for one in pick.first]))
        if pick.join is not None:
            return self._derived(name, pick, type, _joined([self.fetch(name, one) for one in pick.join], pick.sep))
        if pick.const is not None:
            const = Got(pick.const)
            return lambda row, column, content: const  # noqa: ARG005
        if pick.file:
            stem = PurePosixPath(self._around.document.name.replace("\\", "/")).stem
            return self._derived(name, pick, type, lambda row, column, content: Got(stem))  # noqa: ARG005
        if pick.sheet:
            sheet = self._placed.plane.sheet
            own = Got(sheet.name, (f"{sheet.name}!name",))
            return self._derived(name, pick, type, lambda row, column, content: own)  # noqa: ARG005
        if pick.header == "all":
            return self._derived(name, pick, type, self._all_headers(pick))
        return self._cell(name, pick, type)

    def _derived(self, name: str, pick: Pick, type: FieldType | None, source: Fetch) -> Fetch:
        """Operations on what other picks gave."""
        operations = Operations(pick, type, self._placed.table.missing)
        known: dict[tuple[Got, Got], Got] = {}
        units = self.fetch(name, pick.unit) if pick.unit is not None else None

        def fetch(row: int, column: int, content: CellValue) -> Got:
            got = source(row, column, content)
            unit = units(row, column, content) if units is not None else BLANK
            done = known.get((got, unit))
            if done is None:
                done = known[got, unit] = self._applied(name, operations, got.value, got.at, unit)
            return done

        return fetch

    def _cell(self, name: str, pick: Pick, type: FieldType | None) -> Fetch:
        """A pick of one cell."""
        found = self._find(pick)
        operations = Operations(pick, type, self._placed.table.missing)
        units = self.fetch(name, pick.unit) if pick.unit is not None else None
        if found.at_value:
            return self._own_value(name, operations, units)
        known: dict[tuple[Position, Got], Got] = {}

        def fetch(row: int, column: int, content: CellValue) -> Got:
            unit = units(row, column, content) if units is not None else BLANK
            start = found.start(row, column)
            done = known.get((start, unit))
            if done is None:
                done = known[start, unit] = self._at(name, operations, found.plane, found.end(start), unit)
            return done

        return fetch

    def _own_value(self, name: str, operations: Operations, units: Fetch | None) -> Fetch:
        plane = self._placed.plane
        address, use, read = plane.address, plane.used.add, operations.read
        plain = operations.plain and units is None

        def fetch(row: int, column: int, content: CellValue) -> Got:
            use((row, column))
            if plain and type(content) is not str:
                try:
                    return Got(read(content), (address((row, column)),))
                except ReadingError as error:
                    self._around.report(name, address((row, column)), str(error))
                    return BLANK
            unit = units(row, column, content) if units is not None else BLANK
            return self._applied(name, operations, content, (address((row, column)),), unit)

        return fetch

    def _at(self, name: str, operations: Operations, plane: Plane, at: Position, unit: Got) -> Got:
        if at == _NOWHERE:
            return BLANK
        at = plane.seen(*at)
        plane.used.add(at)
        content = plane.value(*at)
        if operations.pick.raised is not None:
            content = _without_raised(plane, at, only=operations.pick.raised == "only")
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
        return Got(value, (*at, *(one for one in unit.at if stated is not None)))

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

        return fetch

    def _find(self, place: Place) -> Found:
        """How the cell of a place is found."""
        if place.find is not None:
            return self._sheet_wide(place)
        placed = self._placed
        steps = [walker(step, placed) for step in (place, *place.then)]
        moves = place.next is not None or place.look is not None or bool(place.then)
        bounds = data_bounds(placed)
        level = place.header if isinstance(place.header, int) else None
        if level is not None:
            rows = placed.header_rows
            bounds = Bounds(min(rows), max(rows), bounds.left, bounds.right)

        targets: dict[int, int | None] = {}

        def start(row: int, column: int) -> Position:
            target: int | None = column
            if place.column is not None:
                if column not in targets:
                    targets[column] = placed.column_for(place.column, column)
                target = targets[column]
            if target is None:
                return _NOWHERE
            return (row, target) if level is None else placed.header_cell(level, target)

        def end(at: Position) -> Position:
            for step in steps:
                if at == _NOWHERE:
                    break
                at = step(at, bounds) or _NOWHERE
            return at

        at_value = level is None and place.column is None and not moves
        return Found(plane=placed.plane, start=start, end=end if moves else lambda at: at, at_value=at_value)

    def _sheet_wide(self, place: Place) -> Found:
        """A start that is the same for the whole table: the first cell of a sheet that passes a test."""
        plane = self._placed.plane
        if place.on is not None:
            named = [name for name in self._around.planes if pattern(place.on).matches(name)]
            plane = self._around.planes[named[0]] if named else Plane(self._placed.plane.sheet)
        placed = self._placed if plane is self._placed.plane else whole(plane, self._placed)
        bounds = Bounds(0, plane.height - 1, 0, plane.width - 1)
        at: Position = _NOWHERE
        if place.on is None or named:
            passes = judge(place.find, placed) if place.find is not None else None
            at = next((one for one in plane.order if passes is not None and passes(*one, 0)), _NOWHERE)
        for step in (place, *place.then):
            if at != _NOWHERE:
                at = walker(step, placed)(at, bounds) or _NOWHERE
        found = at
        return Found(plane=plane, start=lambda row, column: found, end=lambda at: at, at_value=False)  # noqa: ARG005


def whole(plane: Plane, like: Placed) -> Placed:
    """A whole sheet as if it were a table without headers, for picks that look at another sheet."""
    table = like.table.model_copy(update={"header": (), "fill": ()})
    extent = Extent(first=0, last=plane.height - 1, left=0, right=plane.width - 1)
    return Placed(table=table, label=like.label, plane=plane, anchor=(0, 0), extent=extent)


def _without_raised(plane: Plane, at: Position, *, only: bool) -> CellValue:
    style = plane.sheet.styles.get((at[1], at[0]) if plane.transposed else at)
    raised = spaced(style.raised) if style is not None else ""
    if only:
        return raised or None
    text = plane.text(at)
    return text[: -len(raised)].rstrip() if raised and text.endswith(raised) else plane.value(*at)


def _first(fetches: list[Fetch]) -> Fetch:
    def fetch(row: int, column: int, content: CellValue) -> Got:
        return next((got for one in fetches if (got := one(row, column, content)).value is not None), BLANK)

    return fetch


def _joined(fetches: list[Fetch], separator: str) -> Fetch:
    def fetch(row: int, column: int, content: CellValue) -> Got:
        filled = [got for one in fetches if (got := one(row, column, content)).value is not None]
        if not filled:
            return BLANK
        text = separator.join(spaced(text_of(got.value)) for got in filled)
        return Got(text, tuple(dict.fromkeys(address for got in filled for address in got.at)))

    return fetch
