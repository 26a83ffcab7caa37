"""Tables of an HTML page as grids: spans become merged ranges, the value stands at their top left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from llm_convert.contracts.document import CellRange, Sheet
from llm_convert.documents.options import too_many_cells

_MAX_COLSPAN, _MAX_ROWSPAN = 1_000, 65_534
"""As the HTML standard clamps them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell as the page writes it."""

    text: str
    columns: int = 1
    rows: int = 1
    """0: down to the end of the table."""


@dataclass(slots=True, kw_only=True)
class Table:
    """A table as the page writes it: rows of cells that do not know their column yet."""

    caption: str = ""
    rows: list[list[Cell]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The texts of the cells that have one."""
        return [cell.text for row in self.rows for cell in row if cell.text]


def span(text: str | None, *, of_rows: bool) -> int:
    """The value of a ``rowspan`` or ``colspan``; 1 for what is none."""
    digits = (text or "").strip()
    if not (digits.isascii() and digits.isdigit()):
        return 1
    number = int(digits[:6])
    return min(number, _MAX_ROWSPAN) if of_rows else min(max(number, 1), _MAX_COLSPAN)


def as_sheets(tables: Sequence[Table], *, prefix: str, max_cells: int) -> tuple[Sheet, ...]:
    """A Sheet a table, named by its caption where that is unique, else ``<prefix> <number>``.

    Raises:
        WorkItemError: TOO_LARGE when the tables, with the cells their spans cover, exceed the limit.
    """
    captions = Counter(table.caption for table in tables)
    names = [
        normalize("NFC", table.caption) if table.caption and captions[table.caption] == 1 else f"{prefix} {number}"
        for number, table in enumerate(tables, start=1)
    ]
    sheets = []
    room = max_cells
    for name, table in zip(names, tables, strict=True):
        sheet, cells = _resolve(name, table, room)
        room -= cells
        sheets.append(sheet)
    return tuple(sheets)


def _resolve(name: str, table: Table, room: int) -> tuple[Sheet, int]:
    """The sheet, and how many cells it takes, those under spans included."""
    rows: list[tuple[str | None, ...]] = []
    merged: list[CellRange] = []
    covered: dict[int, int] = {}
    cells = 0
    for top, row in enumerate(table.rows):
        areas, reaching, width = _place(row, covered, len(table.rows) - top)
        cells += width + len(reaching)
        if cells > room:
            raise too_many_cells("a table of the page", cells, room)
        merged.extend(
            CellRange(top, left, top + height - 1, left + columns - 1)
            for left, columns, height in areas
            if columns > 1 or height > 1
        )
        covered = reaching
        texts = {left: cell.text for (left, _, _), cell in zip(areas, row, strict=True) if cell.text}
        rows.append(tuple(texts.get(left) for left in range(max(texts, default=-1) + 1)))
    return Sheet(name=name, rows=tuple(rows), merged=tuple(merged)), cells


def _place(
    row: list[Cell], covered: dict[int, int], rows_left: int
) -> tuple[list[tuple[int, int, int]], dict[int, int], int]:
    """Where each cell of a row lies.

    Args:
        row: its cells.
        covered: by column, for how many rows from this one on a cell above reaches down.
        rows_left: rows of the table from this one on; no cell reaches further.

    Returns:
        Left column, columns and rows of each cell; ``covered`` for the next row; the row's width.
    """
    areas: list[tuple[int, int, int]] = []
    reaching = {column: rows - 1 for column, rows in covered.items() if rows > 1}
    column = 0
    for cell in row:
        while column in covered:
            column += 1
        # Where spans would overlap, browsers draw one cell over the other; here the later one is narrower.
        columns = next((wide for wide in range(1, cell.columns) if column + wide in covered), cell.columns)
        height = min(cell.rows or rows_left, rows_left)
        areas.append((column, columns, height))
        if height > 1:
            reaching.update(dict.fromkeys(range(column, column + columns), height - 1))
        column += columns
    return areas, reaching, column
