"""The rows of a sheet by kind, by which the view folds them, and where its data begin."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from statistics import median

from llm_convert.layouts.totals import closes_a_group
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.predicates import Content

RowKind = tuple[object, ...]
_COMPARED = 12
"""Rows below that say whether a row is like them."""
MARK_CHARS = 4
"""A longer text among numbers is no mark but a label."""
_NUMBERS = frozenset({"number", "number-text"})
_NAMES = (
    (Content.ERROR, "error"),
    (Content.MISSING, "mark"),
    (Content.DATE, "date"),
    (Content.BOOLEAN, "bool"),
)


class Kinds:
    """The filled rows of a sheet, by kind.

    Args:
        plane: the sheet.
        filled: its filled columns, by row.
    """

    def __init__(self, plane: Plane, filled: dict[int, list[int]]) -> None:
        self.plane = plane
        self.filled = filled
        self._types = {row: [type_name(plane, (row, at)) for at in columns] for row, columns in filled.items()}
        self.kind_of: dict[int, RowKind] = {row: self._kind(row, columns) for row, columns in filled.items()}
        self.rows: dict[RowKind, list[int]] = {}
        for row, kind in self.kind_of.items():
            self.rows.setdefault(kind, []).append(row)

    @cached_property
    def numeric(self) -> dict[int, int]:
        """The columns of which most filled cells are numbers, each with the row of the first one below the years."""
        more: dict[int, int] = {}
        first: dict[int, int] = {}
        for row, columns in self.filled.items():
            numbers = [at for at, name in zip(columns, self._types[row], strict=True) if name in _NUMBERS]
            more.update((at, more.get(at, 0) - 1) for at in columns)
            more.update((at, more[at] + 2) for at in numbers)
            if not is_years(self.plane, row, numbers):
                first.update((at, row) for at in numbers if at not in first)
        return {at: first.get(at, self.plane.height) for at, count in more.items() if count > 0}

    @cached_property
    def first_data(self) -> int:
        """The first row of data: what stands above are titles and headers.

        It has half as many numbers as most rows that have any, no label where the others have numbers, and its numbers
        are no header: years, or such as 10, 20, 25 over others. Without such a row it is the first of the commonest
        look.
        """
        counts = {row: count for row in self.filled if (count := len(self._numbers(row)))}
        least = median(counts.values()) / 2 if counts else 0
        rows = [row for row, count in counts.items() if count >= least and not self._labels(row)]
        for at, row in enumerate(rows):
            if not self._are_years(row) and not self._alone_rises(row, rows[at + 1 : at + _COMPARED]):
                return row
        looks: dict[RowKind, list[int]] = {}
        for row, columns in self.filled.items():
            looks.setdefault(self._look(row, columns), []).append(row)
        return max(looks.values(), key=len)[0] if looks else 0

    @cached_property
    def _year_columns(self) -> frozenset[int]:
        """The columns of which most numbers are years."""
        more: dict[int, int] = {}
        for row in self.filled:
            for at in self._numbers(row):
                more[at] = more.get(at, 0) + (1 if Content.YEAR in self.plane.contents((row, at)) else -1)
        return frozenset(at for at, count in more.items() if count > 0)

    def _are_years(self, row: int) -> bool:
        """Whether all numbers of a row are years over columns of something else."""
        numbers = self._numbers(row)
        years = all(Content.YEAR in self.plane.contents((row, at)) for at in numbers)
        return years and self._year_columns.isdisjoint(numbers)

    def _alone_rises(self, row: int, below: Sequence[int]) -> bool:
        """Whether a row's numbers rise from column to column and those of most rows below do not."""
        rising = sum(rises(self.plane, one, self._numbers(one)) for one in below)
        return 2 * rising < len(below) and rises(self.plane, row, self._numbers(row))

    def holds_numbers(self, row: int) -> bool:
        """Whether a row has a number in a column of numbers."""
        return bool(self._numbers(row))

    def _numbers(self, row: int) -> list[int]:
        cells = zip(self.filled[row], self._types[row], strict=True)
        return [column for column, name in cells if name in _NUMBERS and column in self.numeric]

    def _labels(self, row: int) -> list[int]:
        cells = zip(self.filled[row], self._types[row], strict=True)
        return [at for at, name in cells if at in self.numeric and name == "text" and not self.is_mark(row, at)]

    def types(self, row: int) -> list[str]:
        """The types of a row's filled cells, short texts that stand for a number being marks."""
        cells = zip(self.filled[row], self._types[row], strict=True)
        return ["mark" if name == "text" and self.is_mark(row, column) else name for column, name in cells]

    def is_mark(self, row: int, column: int) -> bool:
        """Whether a short text stands below numbers, as 'x' for one that is not given does."""
        first = self.numeric.get(column)
        return first is not None and row > first and len(self.plane.text((row, column))) <= MARK_CHARS

    def _kind(self, row: int, columns: Sequence[int]) -> RowKind:
        return (*self._look(row, columns), row < self.first_data)

    def _look(self, row: int, columns: Sequence[int]) -> RowKind:
        """What rows of one kind share: column, type, bold and indent of two cells, the types of the rest, a total."""
        plane, types = self.plane, self.types(row)
        first = [
            (column, name, plane.bold((row, column)), plane.indent((row, column)))
            for column, name in zip(columns[:2], types[:2], strict=True)
        ]
        rest = set(types[2:]) - {"mark"}
        short = len(plane.text((row, columns[0]))) < 60
        total = short and any(closes_a_group(plane.text((row, column))) for column in columns[:2])
        return (*first, tuple(sorted(rest)), total)


def type_name(plane: Plane, at: Position) -> str:
    """The type of a cell in a word; a number that is stored as text is told apart."""
    contents = plane.contents(at)
    for content, name in _NAMES:
        if content in contents:
            return name
    if Content.NUMBER in contents:
        return "number" if Content.STORED_NUMBER in contents else "number-text"
    return "text"


def is_years(plane: Plane, row: int, columns: Sequence[int]) -> bool:
    """Whether a row holds years and nothing else in these columns, three at least: such a row is a header."""
    return len(columns) > 2 and all(Content.YEAR in plane.contents((row, column)) for column in columns)


def rises(plane: Plane, row: int, columns: Sequence[int]) -> bool:
    """Whether whole numbers rise from column to column, as weeks, hours and percentiles do."""
    values = [plane.value(row, column) for column in columns]
    whole = [float(value) for value in values if isinstance(value, int | float) and float(value).is_integer()]
    return len(whole) == len(values) > 2 and all(a < b for a, b in pairwise(whole))
