"""Which columns of a table label its rows, and which hold its figures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from llm_convert.contracts.prompt import folded
from llm_convert.layouts.grid import Cell, Grid, Kind
from llm_convert.layouts.shapes import Area

_COUNTERS = frozenset({"no", "번호", "순번", "연번", "code", "코드", "id", "nr", "#", "순위", "차수"})
_COUNTER_ENDS = ("번호", "코드", "code", "연도", "년도", "year")


def roles_of_columns(grid: Grid, area: Area, rows: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Label columns and value columns of a table whose data rows are known.

    Labels are the leading columns of texts, dates, years, running numbers and codes. All that follows is values.
    """
    filled: dict[int, list[Cell]] = {}
    for row in rows:
        for cell in grid.standing(row, area.left, area.right):
            filled.setdefault(cell.column, []).append(cell)
    columns = sorted(filled)
    labels: list[int] = []
    for index, column in enumerate(columns):
        later = [filled[c] for c in columns[index + 1 :]]
        if not later or not _labels(grid, column, filled[column], rows[0], later):
            break
        labels.append(column)
    values = [column for column in columns if column not in labels]
    labels += _heading_columns(grid, area, rows, values[0] if values else area.right + 1, labels)
    return tuple(sorted(labels)), tuple(values)


def _labels(grid: Grid, column: int, cells: Sequence[Cell], first: int, later: Sequence[Sequence[Cell]]) -> bool:
    words = sum(cell.kind in {Kind.TEXT, Kind.DATE} for cell in cells)
    years = sum(cell.kind is Kind.PERIOD for cell in cells)
    if words and words + years > len(cells) - words - years:
        return True
    if years > len(cells) - years:
        return not all(_is_stored_number(cell) for cell in cells) or _regular(cells)
    return (
        _runs_up(cells)
        or (_is_counter(grid, column, first) and any(_wordy(other) for other in later))
        or (bool(later) and _wordy(later[0]) and all(_is_whole(cell) for cell in cells) and _distinct(cells))
    )


def _is_stored_number(cell: Cell) -> bool:
    return isinstance(cell.value, int | float)


def _is_whole(cell: Cell) -> bool:
    return isinstance(cell.value, int | float) and float(cell.value).is_integer()


def _distinct(cells: Sequence[Cell]) -> bool:
    return len({cell.value for cell in cells}) == len(cells)


def _wordy(cells: Sequence[Cell]) -> bool:
    return 2 * sum(cell.kind is Kind.TEXT for cell in cells) > len(cells)


def _regular(cells: Sequence[Cell]) -> bool:
    """Years that step evenly or repeat: figures near 2,000 do neither."""
    numbers = [float(cell.value) for cell in cells if isinstance(cell.value, int | float)]
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    return steps <= {1.0} or steps <= {-1.0} or 2 * len(set(numbers)) <= len(numbers)


def _runs_up(cells: Sequence[Cell]) -> bool:
    numbers = [float(cell.value) for cell in cells if isinstance(cell.value, int | float)]
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    return len(numbers) == len(cells) >= 2 and numbers[0] in {0.0, 1.0} and steps == {1.0}


def _is_counter(grid: Grid, column: int, first: int) -> bool:
    for row in range(first - 1, max(-1, first - 7), -1):
        cell = grid.seen(row, column)
        if cell is not None:
            name = folded(cell.text)
            return name in _COUNTERS or name.endswith(_COUNTER_ENDS)
    return False


def _heading_columns(grid: Grid, area: Area, rows: Sequence[int], first_value: int, labels: Sequence[int]) -> list[int]:
    """Columns left of the values that hold headings alone, on rows without figures."""
    standing = {
        cell.column for row in range(rows[0], rows[-1] + 1) for cell in grid.standing(row, area.left, first_value - 1)
    }
    return sorted(standing - set(labels))
