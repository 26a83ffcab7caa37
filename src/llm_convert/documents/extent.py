"""How far the cells of a sheet reach, told before anything allocates memory for them."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384


@dataclass(slots=True, kw_only=True)
class Extent:
    """Filled in while a sheet's records are scanned; an upper bound of what a reader would allocate."""

    rows: int = 0
    """One more than the last row's index."""
    columns: int = 0
    cells: int = 0
    """Cells that the file spells out, empty ones with a format among them."""
    merged: int = 0
    """Cells that lie in merged ranges; counted for .xlsx alone."""
    ranges: int = 0
    """Merged ranges; counted for .xlsx alone."""
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    """Texts such as ``#REF!`` by row and column from 0."""

    @property
    def box(self) -> int:
        """Cells of the rectangle from A1."""
        return self.rows * self.columns

    def reach(self, row: int, column: int) -> None:
        """Take in a cell, by row and column from 0."""
        if row >= self.rows:
            self.rows = row + 1
        if column >= self.columns:
            self.columns = column + 1
