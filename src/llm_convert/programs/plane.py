"""A sheet as the executor sees it: cells by row and column from 0, perhaps transposed, merged ranges seen as one cell.

Everything that is asked more than once is remembered, and nothing is computed before it is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from llm_convert.contracts.document import CellRange, CellValue, Sheet, cell_reference, column_letters
from llm_convert.programs.contents import contents_of
from llm_convert.programs.predicates import Content
from llm_convert.readings import text_of

Position = tuple[int, int]
_STRETCH = 32
"""Rows that share one list of the merged ranges near them."""


class Plane:
    """One sheet in one orientation."""

    def __init__(self, sheet: Sheet, *, transposed: bool = False) -> None:
        self.sheet = sheet
        self.transposed = transposed
        rows = [_cleaned(row) for row in sheet.rows]
        if transposed:
            width = max(map(len, rows), default=0)
            rows = [[row[at] if at < len(row) else None for row in rows] for at in range(width)]
        self.rows: list[list[CellValue]] = rows
        self.height = len(rows)
        self.width = max(map(len, rows), default=0)
        self.used: set[Position] = set()
        """Cells that some value came from."""
        self.passed: set[Position] = set()
        """Value cells that a program passes over on purpose: by a condition, or as marks for no value."""
        self._texts: dict[Position, str] = {}
        self._contents: dict[Position, frozenset[Content]] = {}
        self._letters = [column_letters(at) for at in range(self.height if transposed else self.width)]
        self._prefix = f"{sheet.name}!"
        self._near = _near(sheet.merged, transposed, self.height)
        self._areas: dict[int, list[CellRange]] = {}

    def value(self, row: int, column: int) -> CellValue:
        """What stands here."""
        if 0 <= row < self.height:
            cells = self.rows[row]
            if 0 <= column < len(cells):
                return cells[column]
        return None

    def seen(self, row: int, column: int) -> Position:
        """The cell that a reader sees here: this one, or the first of the merged range over it when this is empty."""
        if self._near and self.value(row, column) is None:
            area = self._area(row, column)
            if area is not None:
                return area.top, area.left
        return row, column

    def edge(self, at: Position, down: int, right: int) -> Position:
        """The last place, in a direction, of the merged range over an empty place; else the place itself."""
        if self._near and self.value(*at) is None:
            area = self._area(*at)
            if area is not None:
                row = area.top if down < 0 else area.bottom if down else at[0]
                return row, area.left if right < 0 else area.right if right else at[1]
        return at

    def text(self, at: Position) -> str:
        """A cell's content as text, trimmed and with white space collapsed."""
        known = self._texts.get(at)
        if known is None:
            known = self._texts[at] = " ".join(text_of(self.value(*at)).split())
        return known

    def contents(self, at: Position) -> frozenset[Content]:
        """What kinds of content a cell is of."""
        known = self._contents.get(at)
        if known is None:
            known = self._contents[at] = contents_of(self.value(*at))
        return known

    def bold(self, at: Position) -> bool:
        """Whether the cell's font is bold, as far as the file's styles were read."""
        style = self.sheet.styles.get(self.origin(at))
        return style is not None and style.bold

    def indent(self, at: Position) -> int:
        """Leading blanks of the text, full-width ones twice, and the indentation of the cell's format."""
        value = self.value(*at)
        text = value if isinstance(value, str) else ""
        blanks = sum(2 if one == "\u3000" else 1 for one in text[: len(text) - len(text.lstrip())])
        style = self.sheet.styles.get(self.origin(at))
        return blanks + (style.indent if style else 0)

    def address(self, at: Position) -> str:
        """The address that proves a cell."""
        row, column = at
        if self.transposed:
            row, column = column, row
        return f"{self._prefix}{self._letters[column]}{row + 1}" if column < len(self._letters) else self._far(at)

    @cached_property
    def order(self) -> list[Position]:
        """Every filled cell, row by row as the sheet stands, whatever the orientation."""
        filled = [
            (row, column)
            for row, cells in enumerate(self.rows)
            for column, value in enumerate(cells)
            if value is not None
        ]
        return sorted(filled, key=lambda at: (at[1], at[0])) if self.transposed else filled

    @cached_property
    def filled_columns(self) -> list[int]:
        """The columns that hold anything."""
        return sorted({column for cells in self.rows for column, value in enumerate(cells) if value is not None})

    def origin(self, at: Position) -> Position:
        """Where a cell stands in the sheet itself."""
        return (at[1], at[0]) if self.transposed else at

    def _far(self, at: Position) -> str:
        return self._prefix + cell_reference(*self.origin(at))

    def _area(self, row: int, column: int) -> CellRange | None:
        areas = self._areas.get(row)
        if areas is None:
            near = self._near.get(row // _STRETCH, ())
            areas = sorted((area for area in near if area.top <= row <= area.bottom), key=lambda area: area.left)
            self._areas[row] = areas
        index = bisect_right(areas, column, key=lambda area: area.left) - 1
        return areas[index] if index >= 0 and column <= areas[index].right else None


def _cleaned(row: tuple[CellValue, ...]) -> list[CellValue]:
    """Cells of nothing but blanks are empty: they are left there by accident, and nobody sees them."""
    return [None if value.__class__ is str and (not value or value.isspace()) else value for value in row]


def _near(merged: tuple[CellRange, ...], transposed: bool, height: int) -> dict[int, list[CellRange]]:
    """The merged ranges by stretches of rows: one may cover the whole sheet, and its cells are never listed."""
    near: dict[int, list[CellRange]] = {}
    for given in merged:
        area = CellRange(given.left, given.top, given.right, given.bottom) if transposed else given
        for stretch in range(area.top // _STRETCH, min(area.bottom, height - 1) // _STRETCH + 1):
            near.setdefault(stretch, []).append(area)
    return near
