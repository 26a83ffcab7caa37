"""Which columns of an area belong together, and which empty column parts two tables."""

from __future__ import annotations

from llm_convert.layouts.grid import Cell, Grid, Kind
from llm_convert.layouts.shapes import Area

_LABELLED = 0.3
"""The share of labels in its first column from which on a run of columns can be a table of its own."""


def bands(grid: Grid, area: Area) -> list[Area]:
    """The area cut at empty columns, but only where both sides can stand alone: spacer columns part nothing."""
    runs = _runs(grid, area)
    if not runs:
        return []
    found = [runs[0]]
    for run in runs[1:]:
        if (_stands_alone(grid, found[-1]) and _stands_alone(grid, run)) or _same_headers(grid, found[-1], run):
            found.append(run)
        else:
            found[-1] = Area(top=area.top, bottom=area.bottom, left=found[-1].left, right=run.right)
    # What lies beside belongs to the outer ones: titles may start left of their table.
    return found


def _runs(grid: Grid, area: Area) -> list[Area]:
    filled = sorted(
        {
            column
            for row in range(area.top, area.bottom + 1)
            for column in grid.rows[row]
            if area.left <= column <= area.right
        }
    )
    runs: list[Area] = []
    for column in filled:
        if runs and runs[-1].right == column - 1:
            runs[-1] = Area(top=area.top, bottom=area.bottom, left=runs[-1].left, right=column)
        else:
            runs.append(Area(top=area.top, bottom=area.bottom, left=column, right=column))
    return runs


def _stands_alone(grid: Grid, run: Area) -> bool:
    """Whether its first column labels the figures beside or below."""
    first: list[Cell] = []
    numbers = 0
    for row in range(run.top, run.bottom + 1):
        cells = grid.standing(row, run.left, run.right)
        own = sum(cell.kind is Kind.NUMBER for cell in cells)
        numbers += own
        if numbers and cells and cells[0].column == run.left:
            first.append(cells[0])
    # Notes below a column are long and are no labels of figures.
    labels = sum(cell.kind in {Kind.TEXT, Kind.DATE, Kind.PERIOD} and len(cell.text) <= 60 for cell in first)
    return numbers > 0 and labels > 0 and labels >= _LABELLED * len(first)


def _same_headers(grid: Grid, left: Area, right: Area) -> bool:
    """Whether the same header words start both sides."""
    for row in range(left.top, left.bottom + 1):
        ours = [cell.text for cell in grid.standing(row, left.left, left.right)]
        theirs = [cell.text for cell in grid.standing(row, right.left, right.right)]
        if len(theirs) >= 2:
            return ours == theirs
    return False
