"""One view on sheets and on pages of text: cells with their kind and address, merged ranges resolved on look-up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from llm_convert.contracts.document import CellRange, CellValue, Part, Sheet, TextPage
from llm_convert.layouts.kinds import Kind, kind_of
from llm_convert.layouts.pages import Piece, columns_of
from llm_convert.readings import text_of

__all__ = ["Cell", "Grid", "Kind", "grids_of"]


_STRETCH = 32
"""Rows that share one list of the merged ranges near them."""


class Cell(NamedTuple):
    """A filled cell where it stands. A tuple and not a dataclass: a sheet may hold a million of them."""

    row: int
    column: int
    value: CellValue
    kind: Kind
    whole: bool = True
    """False for a piece of a line: then its address shows more than the piece."""

    @property
    def text(self) -> str:
        """Its content as text, white space collapsed."""
        return " ".join(text_of(self.value).split())

    @property
    def indent(self) -> int:
        """Leading blanks of its text; a full-width one counts twice."""
        text = self.value if isinstance(self.value, str) else ""
        return sum(2 if character == "\u3000" else 1 for character in text[: len(text) - len(text.lstrip())])


class Grid:
    """Cells by row and column from 0. Cells of nothing but blanks are empty."""

    def __init__(
        self,
        part: Sheet | TextPage,
        rows: list[dict[int, Cell]],
        merged: tuple[CellRange, ...] = (),
        unclear: frozenset[int] = frozenset(),
    ) -> None:
        self.part = part
        self.unclear = unclear
        """Lines of text of which nobody can say which columns they leave blank."""
        self.rows = rows
        self.merged = merged
        self.height = len(rows)
        self.width = 1 + max((column for row in rows for column in row), default=-1)
        self.columns = sorted({column for row in rows for column in row})
        self._areas: dict[int, list[CellRange]] = {}
        self._near: dict[int, list[CellRange]] = {}
        for area in merged:
            for stretch in range(area.top // _STRETCH, min(area.bottom, self.height - 1) // _STRETCH + 1):
                self._near.setdefault(stretch, []).append(area)

    def areas(self, row: int) -> list[CellRange]:
        """The merged ranges that reach over a row, left to right.

        Found row by row when asked for: one range may cover a whole sheet, and its cells are never listed.
        """
        found = self._areas.get(row)
        if found is None:
            near = self._near.get(row // _STRETCH, ())
            found = sorted((area for area in near if area.top <= row <= area.bottom), key=lambda area: area.left)
            self._areas[row] = found
        return found

    @property
    def name(self) -> str:
        """The part's name."""
        return self.part.name

    @property
    def is_text(self) -> bool:
        """Whether its cells are pieces of lines, whose address is the line's."""
        return isinstance(self.part, TextPage)

    def cell(self, row: int, column: int) -> Cell | None:
        """The cell that stands here; None where nothing does."""
        return self.rows[row].get(column) if 0 <= row < self.height else None

    def seen(self, row: int, column: int) -> Cell | None:
        """The cell that a reader sees here: it stands here, or at the top left of the merged range over this place."""
        standing = self.cell(row, column)
        if standing is not None:
            return standing
        area = self.area(row, column) if self.merged else None
        return None if area is None else self.cell(area.top, area.left)

    def area(self, row: int, column: int) -> CellRange | None:
        """The merged range that covers this place."""
        areas = self.areas(row)
        index = bisect_right(areas, column, key=lambda area: area.left) - 1
        return areas[index] if index >= 0 and column <= areas[index].right else None

    def standing(self, row: int, left: int = 0, right: int | None = None) -> list[Cell]:
        """The filled cells of a row between two columns, both included, left to right."""
        return [
            cell for column, cell in self.rows[row].items() if left <= column and (right is None or column <= right)
        ]

    def seen_in(self, row: int, left: int, right: int) -> list[Cell]:
        """What a reader sees between two columns of a row, each cell once, left to right."""
        seen = {cell.column: cell for cell in self.standing(row, left, right)}
        for area in self.areas(row):
            cell = self.cell(area.top, area.left)
            if cell is not None and area.left <= right and left <= area.right:
                seen.setdefault(max(area.left, left), cell)
        return list(dict.fromkeys(cell for _, cell in sorted(seen.items())))

    def line(self, row: int) -> str:
        """The whole line of a page of text; empty for a sheet."""
        return self.part.lines[row] if isinstance(self.part, TextPage) else ""

    def address(self, cell: Cell) -> str:
        """The address that proves a cell."""
        if isinstance(self.part, Sheet):
            return self.part.address(cell.row, cell.column)
        return self.part.address(cell.row)


def grids_of(parts: Iterable[Part]) -> list[Grid]:
    """A grid for each sheet and each page of text, in their order."""
    grids = []
    for part in parts:
        if isinstance(part, Sheet):
            grids.append(Grid(part, [_row(index, values) for index, values in enumerate(part.rows)], part.merged))
        elif isinstance(part, TextPage):
            lines, unclear = columns_of(part.lines)
            grids.append(Grid(part, [_line(index, pieces) for index, pieces in enumerate(lines)], unclear=unclear))
    return grids


def _row(index: int, values: tuple[CellValue, ...]) -> dict[int, Cell]:
    return {
        column: Cell(index, column, value, kind_of(value))
        for column, value in enumerate(values)
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def _line(index: int, pieces: dict[int, Piece]) -> dict[int, Cell]:
    return {
        column: Cell(index, column, piece.text, kind_of(piece.text), len(pieces) == 1)
        for column, piece in sorted(pieces.items())
    }
