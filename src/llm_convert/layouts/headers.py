"""Which rows above the data are headers, and what a column's header path is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from llm_convert.layouts.grid import Cell, Grid, Kind
from llm_convert.layouts.shapes import Area
from llm_convert.readings import find_unit

MOST_ROWS = 6
"""Header rows that are looked for at most."""
_FAR = 12
"""Filled rows above the data that are looked at: group headings may stand between."""
_LONGEST = 120


def header_rows(
    grid: Grid, area: Area, *, first: int, lowest: int, labels: Sequence[int], values: Sequence[int]
) -> tuple[int, ...]:
    """The header rows above the first data row, not above ``lowest``; empty when there are none.

    Rows between that hold nothing over the values are headings of the body, not headers.
    """
    above = (row for row in range(first - 1, lowest - 1, -1) if grid.standing(row, area.left, area.right))
    last = next((row for row in islice(above, _FAR) if _heads(grid, row, values)), None)
    if last is None:
        return ()
    rows = [last]
    for row in range(last - 1, max(lowest, last - MOST_ROWS + 1) - 1, -1):
        if not _continues(grid, area, row, labels, values):
            break
        rows.append(row)
    return tuple(sorted(rows))


def _heads(grid: Grid, row: int, values: Sequence[int]) -> bool:
    cells = [cell for column in values if (cell := grid.seen(row, column)) is not None and cell.row == row]
    # One date alone over figures is the date of the figure below it, not the header of a column.
    dated = len(cells) == 1 and cells[0].kind is Kind.DATE
    return any(not is_remark(cell) for cell in cells) and not dated and not _is_title(grid, row, values)


def _is_title(grid: Grid, row: int, values: Sequence[int]) -> bool:
    """A line that stands alone in its row: long, or over more than the values."""
    cells = grid.standing(row)
    if len(cells) != 1 or len(values) < 2:
        return False
    area = grid.area(row, cells[0].column)
    return len(cells[0].text) > _LONGEST or (area is not None and area.left < values[0] and area.right > values[0])


def _continues(grid: Grid, area: Area, row: int, labels: Sequence[int], values: Sequence[int]) -> bool:
    """Whether a row above a header row is a header too, and no title."""
    cells = [cell for cell in grid.standing(row, area.left, area.right) if not is_remark(cell)]
    if len(cells) >= 2:
        return any(cell.column >= values[0] for cell in cells) and not any(len(cell.text) > _LONGEST for cell in cells)
    if len(cells) == 1:
        span = grid.area(row, cells[0].column)
        # Alone over some or all of the values it groups them; alone over a label column it is a title.
        return cells[0].column >= values[0] and (cells[0].column > values[0] or span is not None)
    # Nothing stands here, but a merged range may reach over it from above to below.
    return any(
        (span := grid.area(row, column)) is not None
        and span.top < row <= span.bottom
        and grid.seen(row, column) is not None
        for column in (*labels, *values)
    )


def is_remark(cell: Cell) -> bool:
    """A statement of a unit, or ``name: value``: it stands near headers and is none."""
    text = cell.text
    if len(text) > 3 and ("단위" in text or text.startswith(("(", "[", "<"))) and find_unit(text) is not None:
        return True
    name, colon, value = text.replace("：", ":").partition(":")
    return bool(colon and name.strip() and value.strip())


def header_cell(grid: Grid, row: int, column: int, *, rows: Sequence[int], values: Sequence[int]) -> Cell | None:
    """What a reader takes for the header of a column in one header row.

    A group's header that is not merged stands over its first column alone and holds for the blank ones to its right,
    where a lower row names them one by one. In a header that merges its groups, blank means blank.
    """
    cell = grid.seen(row, column)
    if cell is not None and is_remark(cell) and cell.column != column:
        return None
    if cell is not None or row == rows[-1] or column not in values or _merges_across(grid, rows):
        return cell
    if not any(grid.seen(below, column) for below in rows if below > row):
        return None
    for left in range(column - 1, values[0] - 1, -1):
        cell = grid.seen(row, left)
        if cell is not None:
            return None if is_remark(cell) or not _grouped(grid, row, left, rows) else cell
    return None


def _merges_across(grid: Grid, rows: Sequence[int]) -> bool:
    return any(area.left < area.right and rows[0] <= area.top <= rows[-1] for area in grid.merged)


def _grouped(grid: Grid, row: int, column: int, rows: Sequence[int]) -> bool:
    """Whether a lower header row goes on below this one: a header that stands for itself is of one column alone."""
    return any(grid.cell(below, column) is not None for below in rows if below > row)


def header_path(grid: Grid, column: int, *, rows: Sequence[int], values: Sequence[int]) -> tuple[Cell, ...]:
    """The headers of a column, top down, each once."""
    cells = (header_cell(grid, row, column, rows=rows, values=values) for row in rows)
    return tuple(dict.fromkeys(cell for cell in cells if cell is not None and cell.kind is not Kind.MISSING))
