"""The labels of a table's rows: their own, those of the groups they belong to, and the headings above them.

A blank label under a filled one means "as above" until the group ends: at a total, at a line that stands alone, at the
next heading. Indentation makes a parent only when it is clearly deeper, since one blank more or less means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from llm_convert.layouts.blocks import Table
from llm_convert.layouts.grid import Cell, Kind
from llm_convert.layouts.totals import closes_a_group

_DEEPER = 2
"""Blanks from which on a label is taken as indented below another."""


@dataclass(slots=True)
class _Node:
    """A label that may hold for rows below it."""

    cell: Cell
    heading: bool
    """It stands on a row without figures."""
    over: str = ""
    """``deeper`` once rows in columns to its right belong to it, ``same`` once rows of its own column do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A data row with its labels."""

    row: int
    own: dict[int, Cell]
    """By label column what a reader sees there: standing cells and merged ranges."""
    path: tuple[Cell, ...]
    """All labels that hold for it, outermost first."""

    @property
    def above(self) -> tuple[Cell, ...]:
        """The labels that it has from lines above, outermost first."""
        mine = set(self.own.values())
        return tuple(cell for cell in self.path if cell not in mine)


@dataclass(slots=True)
class _Stacks:
    columns: tuple[int, ...]
    nodes: dict[int, list[_Node]] = field(default_factory=dict)

    def place(self, column: int, cell: Cell, *, heading: bool) -> None:
        """Put a label into its column: it ends what it is no child of, and all groups to its right."""
        stack = self.nodes.setdefault(column, [])
        if any(node.cell == cell for node in stack):
            return
        while stack and not _is_parent(stack[-1], cell, heading):
            stack.pop()
        if stack and stack[-1].heading and not stack[-1].over:
            stack[-1].over = "deeper" if cell.indent >= stack[-1].cell.indent + _DEEPER else "same"
        stack.append(_Node(cell, heading))
        self.clear(right_of=column)

    def clear(self, *, right_of: int) -> None:
        for column in self.columns:
            if column > right_of:
                self.nodes.pop(column, None)

    def path(self, own: dict[int, Cell]) -> tuple[Cell, ...]:
        """The labels of a row, from the outermost column to its own last label."""
        if not own:
            return ()
        last = max(own)
        found: list[Cell] = []
        for column in self.columns:
            stack = self.nodes.get(column, [])
            if column > last or not stack:
                continue
            if column in own:
                found += [node.cell for node in stack]
            elif stack[-1].heading or stack[-1].over == "deeper":
                stack[-1].over = "deeper"
                found += [node.cell for node in stack]
        return tuple(dict.fromkeys(found))

    def close(self, column: int) -> None:
        """End the innermost group that a total at this column sums up, and all within it."""
        for other in sorted((other for other in self.columns if other <= column), reverse=True):
            stack = self.nodes.pop(other, [])
            while stack:
                node = stack.pop()
                if node.heading or node.over == "deeper":
                    self.nodes[other] = stack
                    return


def outline(table: Table) -> Iterator[Line]:
    """The data rows of a table, top down, with their labels."""
    if not table.labels:
        yield from _dated(table)
        return
    stacks = _Stacks(table.labels)
    for row in table.body:
        own = _own(table, row)
        if not any(table.grid.cell(row, column) is not None for column in table.values):
            for column, cell in own.items():
                if cell.row == row:
                    stacks.place(column, cell, heading=True)
            continue
        for column, cell in own.items():
            stacks.place(column, cell, heading=False)
        _mark_groups(stacks, own)
        yield Line(row=row, own=own, path=stacks.path(own))
        total = next((column for column, cell in own.items() if closes_a_group(cell.text)), None)
        if total is not None:
            stacks.close(total)


def _dated(table: Table) -> Iterator[Line]:
    """The rows of a table without label columns: a date alone in its row is the label of the figures below it."""
    label: tuple[Cell, ...] = ()
    for row in table.body:
        cells = [cell for column in table.values if (cell := table.grid.cell(row, column)) is not None]
        if len(cells) == 1 and cells[0].kind is Kind.DATE:
            label = (cells[0],)
        elif cells:
            yield Line(row=row, own={}, path=label)


def _own(table: Table, row: int) -> dict[int, Cell]:
    """Labels by column; a range merged across columns counts for its first."""
    own: dict[int, Cell] = {}
    for column in table.labels:
        cell = table.grid.seen(row, column)
        if cell is not None and cell not in own.values():
            own[column] = cell
    return own


def _mark_groups(stacks: _Stacks, own: dict[int, Cell]) -> None:
    """A label beside a further label of its row names a group; one that is alone names its row."""
    for column in own:
        if column < max(own):
            stacks.nodes[column][-1].over = "deeper"


def _is_parent(node: _Node, cell: Cell, heading: bool) -> bool:
    if closes_a_group(cell.text):
        return node.heading and cell.indent >= node.cell.indent
    if cell.indent >= node.cell.indent + _DEEPER:
        return True
    return node.heading and not heading and node.over != "deeper" and cell.indent >= node.cell.indent
