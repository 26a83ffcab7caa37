"""Small questions about rows of a grid that several modules ask."""

from __future__ import annotations

from dataclasses import dataclass

from llm_convert.layouts.grid import Grid, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A rectangle of a grid; rows and columns count from 0, both ends belong to it."""

    top: int
    bottom: int
    left: int
    right: int


def is_data(grid: Grid, area: Area, row: int) -> bool:
    """Whether a row holds figures: a number, or marks of missing values beside something else."""
    cells = grid.standing(row, area.left, area.right)
    missing = sum(cell.kind is Kind.MISSING for cell in cells)
    return any(cell.kind is Kind.NUMBER for cell in cells) or (missing >= 1 and len(cells) >= 2)
