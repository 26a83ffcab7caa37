"""The rows of one placed table. What depends on the row alone, or on the column alone, is worked out once for it."""

from __future__ import annotations

from collections.abc import Iterator

from llm_convert.contracts.document import CellValue
from llm_convert.contracts.tables import FieldType
from llm_convert.programs.contents import is_mark
from llm_convert.programs.fetching import Fetch, Get, Surroundings
from llm_convert.programs.language import Table
from llm_convert.programs.patterns import pattern
from llm_convert.programs.picking import Picker
from llm_convert.programs.placed import Placed
from llm_convert.programs.run import Record
from llm_convert.programs.values import BLANK, Got, pieces, spaced
from llm_convert.readings import is_missing, text_of


def records_of(placed: Placed, around: Surroundings, types: dict[str, FieldType], occurrence: int) -> Iterator[Record]:
    """The rows of one occurrence of a table, in reading order."""
    table, plane = placed.table, placed.plane
    picker = Picker(placed, around)
    holds = [picker.condition(one).holds for one in table.keep]
    fields = {name: index for index, name in enumerate(table.fields)}
    row_of = _Rows([picker.fetch(name, pick, types.get(name)) for name, pick in table.fields.items()]).row
    whole_rows: dict[int, bool] = {}
    label, name, use, turned = placed.label, plane.sheet.name, plane.used.add, plane.transposed
    for row, column, content in _value_cells(placed):
        at = row, column
        if holds and not all(one(row, column) for one in holds):
            plane.passed.add(at)
            whole_rows.setdefault(row, True)
            continue
        if holds:
            whole_rows[row] = False
        use(at)
        if table.split is None:
            yield Record(label, name, at, fields, row_of(row, column, content), occurrence, turned)
            continue
        for piece in _pieces(table, content):
            yield Record(label, name, at, fields, row_of(row, column, piece), occurrence, turned)
    for column in (column for choice in table.ignore for column in placed.chosen(choice)):
        plane.passed.update((row, column) for row in range(placed.extent.first, plane.height))
    # A row of which nothing is kept is passed over as a whole: its other numbers belong to it.
    for row in (row for row, whole in whole_rows.items() if whole):
        plane.passed.update((row, column) for column in range(placed.extent.left, placed.extent.right + 1))


class _Rows:
    """Puts a row together from parts of the row, of the column and of the cell."""

    def __init__(self, fetches: list[Fetch]) -> None:
        self._of_row: list[tuple[int, Get]] = []
        self._of_column: list[tuple[int, Get]] = []
        self._of_cell: list[tuple[int, Get]] = []
        for index, fetch in enumerate(fetches):
            kind = self._of_cell if fetch.by_row and fetch.by_column else None
            kind = kind if kind is not None else self._of_column if fetch.by_column else self._of_row
            kind.append((index, fetch.get))
        self._blank = [BLANK] * len(fetches)
        self._row = -1
        self._begun: list[Got] = []
        self._columns: dict[int, list[tuple[int, Got]]] = {}

    def row(self, row: int, column: int, content: CellValue) -> tuple[Got, ...]:
        """All fields of the row that a value cell makes."""
        if row != self._row:
            self._row = row
            self._begun = self._blank.copy()
            for index, get in self._of_row:
                self._begun[index] = get(row, column, content)
        got = self._begun.copy()
        if self._of_column:
            own = self._columns.get(column)
            if own is None:
                own = self._columns[column] = [(index, get(row, column, content)) for index, get in self._of_column]
            for index, value in own:
                got[index] = value
        for index, get in self._of_cell:
            got[index] = get(row, column, content)
        return tuple(got)


def _value_cells(placed: Placed) -> Iterator[tuple[int, int, CellValue]]:
    """The filled cells of the value columns that are not marked as missing."""
    table, plane = placed.table, placed.plane
    missing = frozenset(map(spaced, table.missing))
    for row in range(placed.extent.first, placed.extent.last + 1):
        cells = plane.rows[row]
        width = len(cells)
        for column in placed.values:
            content = cells[column] if column < width else None
            if content is None:
                continue
            # Stored numbers are most cells of most sheets, and never a mark.
            if missing or content != content or (type(content) is not float and type(content) is not int):
                gone = is_mark(content) if isinstance(content, str) else is_missing(content)
                gone = gone or (bool(missing) and spaced(text_of(content)) in missing)
                if gone and not table.keep_missing:
                    plane.passed.add((row, column))
                    continue
            yield row, column, content


def _pieces(table: Table, content: CellValue) -> list[CellValue]:
    if table.split is None or not isinstance(content, str):
        return [content]
    return [*pieces(pattern(table.split), content)]
