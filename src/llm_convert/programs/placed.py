"""A table of a program at its place in a sheet: which rows and columns it spans, its headers, its value columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from llm_convert.programs.language import Table
from llm_convert.programs.patterns import pattern
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.predicates import Columns, Content, Direction

_SAMPLED = 2000
"""Data rows that tell the type of a column: more change nothing and cost time."""


@dataclass(slots=True, kw_only=True)
class Extent:
    """The rectangle of a table; all ends belong to it. Data rows begin at ``first``; there may be none."""

    first: int
    last: int
    left: int
    right: int


@dataclass(kw_only=True)
class Placed:
    """One occurrence of a table."""

    table: Table
    label: str
    plane: Plane
    anchor: Position
    extent: Extent
    values: list[int] = field(default_factory=list)
    """The value columns, left to right."""

    @cached_property
    def header_rows(self) -> tuple[int, ...]:
        """The sheet's rows of the header rows, in the program's order."""
        return tuple(self.anchor[0] + offset for offset in self.table.header)

    @cached_property
    def columns(self) -> list[int]:
        """The columns that hold anything, within the table."""
        return [column for column in self.plane.filled_columns if self.extent.left <= column <= self.extent.right]

    @cached_property
    def _levels(self) -> list[dict[int, Position]]:
        return [self._level(index, row) for index, row in enumerate(self.header_rows)]

    def header_cell(self, level: int, column: int) -> Position:
        """A column's header in a header row: its own cell, the merged one, or with ``fill`` the one before."""
        found = self._levels[level].get(column)
        return found if found is not None else (self.header_rows[level], column)

    def headers(self, column: int) -> tuple[str, ...]:
        """The texts of a column's header cells, top down, and where there are several all of them in one."""
        known = self._headers.get(column)
        if known is None:
            levels = [self.plane.text(self.header_cell(level, column)) for level in range(len(self.header_rows))]
            filled = [text for text in dict.fromkeys(levels) if text]
            known = self._headers[column] = (*filled, " ".join(filled)) if len(filled) > 1 else tuple(filled)
        return known

    @cached_property
    def _headers(self) -> dict[int, tuple[str, ...]]:
        return {}

    def header_matches(self, wanted: str, column: int) -> bool:
        """Whether a pattern is found in one of the column's header texts."""
        compiled = pattern(wanted)
        return any(compiled.matches(text) for text in self.headers(column))

    @cached_property
    def bare_rows(self) -> list[bool]:
        """For each row of the sheet whether it has something, but nothing in the value columns."""
        values = self.values
        left, right = self.extent.left, self.extent.right + 1
        return [
            any(value is not None for value in cells[left:right])
            and all(column >= len(cells) or cells[column] is None for column in values)
            for cells in self.plane.rows
        ]

    def kind(self, column: int) -> frozenset[Content]:
        """The contents that most of a column's data cells are of; missing marks are not counted."""
        return frozenset(content for content, share in self.shares(column).items() if share > 0.5)

    def shares(self, column: int) -> dict[Content, float]:
        """The share of a column's filled data cells that is of each content; missing marks are not counted."""
        known = self._shares.get(column)
        if known is None:
            known = self._shares[column] = self._counted(column)
        return known

    @cached_property
    def _shares(self) -> dict[int, dict[Content, float]]:
        return {}

    def chosen(self, choice: Columns) -> list[int]:
        """The columns that a choice means, left to right."""
        found = [column for column in self.columns if self._fits(choice, column)]
        if choice.index is None:
            return found
        at = choice.index - 1 if choice.index > 0 else choice.index
        return found[at : at + 1 or None] if -len(found) <= at < len(found) else []

    def column_for(self, choice: Columns, value_column: int) -> int | None:
        """The one column that a choice means for a value: the first, or the nearest on a side."""
        columns = self._choice(choice)
        if choice.nearest is Direction.LEFT:
            return next((column for column in reversed(columns) if column < value_column), None)
        if choice.nearest is Direction.RIGHT:
            return next((column for column in columns if column > value_column), None)
        return columns[0] if columns else None

    def _choice(self, choice: Columns) -> list[int]:
        known = self._choices.get(id(choice))
        if known is None:
            known = self._choices[id(choice)] = self.chosen(choice)
        return known

    @cached_property
    def _choices(self) -> dict[int, list[int]]:
        return {}

    def _fits(self, choice: Columns, column: int) -> bool:
        if choice.header is not None and not self.header_matches(choice.header, column):
            return False
        if choice.not_header is not None and self.header_matches(choice.not_header, column):
            return False
        return choice.type is None or not self.kind(column).isdisjoint(choice.type)

    def _counted(self, column: int) -> dict[Content, float]:
        counts: Counter[Content] = Counter()
        filled = 0
        for row in range(self.extent.first, min(self.extent.last + 1, self.extent.first + _SAMPLED)):
            contents = self.plane.contents((row, column))
            if Content.FILLED in contents and Content.MISSING not in contents:
                filled += 1
                counts.update(contents)
        return {content: count / filled for content, count in counts.items()}

    def _level(self, index: int, row: int) -> dict[int, Position]:
        fill = index in self.table.fill
        cells: dict[int, Position] = {}
        before: Position | None = None
        for column in range(self.extent.left, self.extent.right + 1):
            at = self.plane.seen(row, column)
            if self.plane.value(*at) is not None:
                before = cells[column] = at
            elif fill and before is not None:
                cells[column] = before
        return cells
