"""Where the tables of a grid are: their header rows, body rows, label columns and value columns.

A table is found from its data rows (rows that hold numbers or marks of missing values); headers, headings and titles
are told from where they stand to them. Prose, notes and lists of contents have no such rows and are no tables.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_convert.layouts.bands import bands
from llm_convert.layouts.columns import roles_of_columns
from llm_convert.layouts.grid import Cell, Grid, Kind
from llm_convert.layouts.headers import header_rows
from llm_convert.layouts.shapes import Area, is_data

_PLAIN_TEXT = 60
"""Characters up to which a text looks like the content of a cell and not like prose."""
_CONTENTS = re.compile(r"목\s*차|차\s*례|contents|índice", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's place. Rows and columns count from 0."""

    grid: Grid
    title_top: int
    """Lines from here to the header may say something about the whole table."""
    header: tuple[int, ...]
    """Header rows, top down; empty for a table without any."""
    body: tuple[int, ...]
    """Data rows and the headings and blanks among them."""
    labels: tuple[int, ...]
    values: tuple[int, ...]

    @property
    def top(self) -> int:
        """The first row that belongs to it."""
        return self.header[0] if self.header else self.body[0]


def find_tables(grid: Grid) -> list[Table]:
    """The tables of a grid, top down, then left to right."""
    whole = Area(top=0, bottom=grid.height - 1, left=0, right=grid.width - 1)
    return _tables_in(grid, whole, depth=0)


def _tables_in(grid: Grid, area: Area, depth: int) -> list[Table]:
    tables: list[Table] = []
    for band in bands(grid, area):
        below = area.top
        for rows in _groups(grid, band):
            table = _table(grid, band, rows, below)
            if table is None:
                continue
            below = table.body[-1] + 1
            tables += _split(grid, band, table, depth)
    tables += [] if tables else _tables_of_text(grid, area)
    return sorted(tables, key=lambda table: (table.top, (table.labels + table.values)[0]))


def _split(grid: Grid, band: Area, table: Table, depth: int) -> list[Table]:
    """Tables that stand side by side in the rows of one."""
    area = Area(top=table.top, bottom=table.body[-1], left=band.left, right=band.right)
    if depth == 0 and len(bands(grid, area)) > 1:
        return _tables_in(grid, area, depth + 1) or [table]
    return [table]


def _groups(grid: Grid, area: Area) -> list[list[int]]:
    """Data rows by table: a row of headers between two of them starts the next."""
    groups: list[list[int]] = []
    numbers: set[int] = set()
    for row in (r for r in range(area.top, area.bottom + 1) if is_data(grid, area, r)):
        if not groups or _starts_anew(grid, area, groups[-1][-1], row, numbers):
            groups.append([])
            numbers = set()
        groups[-1].append(row)
        numbers |= {cell.column for cell in grid.standing(row, area.left, area.right) if cell.kind is Kind.NUMBER}
    return groups


def _starts_anew(grid: Grid, area: Area, last: int, row: int, numbers: set[int]) -> bool:
    """Whether a header stands between two data rows."""
    own = {cell.column for cell in grid.standing(row, area.left, area.right) if cell.kind is Kind.NUMBER}
    apart = False
    for between in range(last + 1, row):
        cells = grid.standing(between, area.left, area.right)
        if len(cells) < 2:
            apart = apart or not cells
            continue
        over = [cell for cell in cells if cell.column in numbers]
        text = any(cell.kind is Kind.TEXT for cell in over)
        if (len(over) >= 2 or len(over) == len(numbers)) and over and (text or apart):
            return True
        if apart and any(cell.column in own for cell in cells):
            return True
    return False


def _table(grid: Grid, area: Area, rows: list[int], below: int) -> Table | None:
    labels, values = roles_of_columns(grid, area, rows)
    header = header_rows(grid, area, first=rows[0], lowest=below, labels=labels, values=values)
    if not header and _counts_up(grid, rows[0], values) and len(rows) > 1:
        header, rows = (rows[0],), rows[1:]
        labels, values = roles_of_columns(grid, area, rows)
    first = header[-1] + 1 if header else rows[0]
    body = tuple(range(first, _tail(grid, area, rows[-1], labels, values) + 1))
    table = Table(grid=grid, title_top=below, header=header, body=body, labels=labels, values=values)
    if not values or (not header and len(rows) < 2) or _is_contents(table, rows):
        return None
    return table


def _counts_up(grid: Grid, row: int, values: Sequence[int]) -> bool:
    """Whether a row numbers its columns, such as with the days of a month."""
    numbers = [cell.value for column in values if (cell := grid.cell(row, column)) and cell.kind is Kind.NUMBER]
    steps = [b - a for a, b in itertools.pairwise(numbers) if isinstance(a, int | float) and isinstance(b, int | float)]
    return len(numbers) >= 4 and len(steps) == len(numbers) - 1 and set(steps) == {1}


def _tail(grid: Grid, area: Area, last: int, labels: Sequence[int], values: Sequence[int]) -> int:
    """The last row of a body whose end holds no numbers: well filled rows that follow without a gap belong to it."""
    while last < area.bottom:
        cells = grid.standing(last + 1, area.left, area.right)
        if 2 * len(cells) <= len(labels) + len(values) or any(len(cell.text) > _PLAIN_TEXT for cell in cells):
            return last
        last += 1
    return last


def _is_contents(table: Table, rows: Sequence[int]) -> bool:
    """A list of contents: texts, and one column of page numbers that never fall, under no header or a telling title."""
    if len(table.values) != 1:
        return False
    pages = [
        cell.value for row in rows if (cell := table.grid.cell(row, table.values[0])) and cell.kind is not Kind.MISSING
    ]
    numbers = [page for page in pages if isinstance(page, int | float)]
    titles = [cell.text for row in range(table.title_top, table.body[0]) for cell in table.grid.standing(row)]
    rising = (
        len(numbers) == len(pages) and numbers == sorted(numbers) and all(float(page).is_integer() for page in numbers)
    )
    return (rising and not table.header) or any(
        _CONTENTS.search(title) and len(title) < _PLAIN_TEXT for title in titles
    )


def _tables_of_text(grid: Grid, area: Area) -> list[Table]:
    """Tables without any number: rows of short texts under a header as wide as they are."""
    tables: list[Table] = []
    row = area.top
    while row <= area.bottom:
        header = grid.standing(row, area.left, area.right)
        last = _last_alike(grid, area, row, header) if len(header) >= 3 else row
        if last - row >= 2 or (last > row and not grid.is_text):
            columns = [cell.column for cell in header]
            body = tuple(range(row + 1, last + 1))
            table = Table(
                grid=grid, title_top=0, header=(row,), body=body, labels=tuple(columns[:1]), values=tuple(columns[1:])
            )
            tables.append(table)
            row = last
        row += 1
    return tables


def _last_alike(grid: Grid, area: Area, row: int, header: Sequence[Cell]) -> int:
    columns = {cell.column for cell in header}
    while row < area.bottom:
        cells = grid.standing(row + 1, area.left, area.right)
        filled = sum(cell.column in columns for cell in cells)
        if (
            filled < max(2, 0.6 * len(columns))
            or filled < len(cells)
            or any(len(cell.text) > _PLAIN_TEXT for cell in cells)
        ):
            return row
        row += 1
    return row
