"""Walks from cell to cell, each in time that does not grow with the sheet: what was walked once is remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llm_convert.programs.judging import is_relative, judge
from llm_convert.programs.picks import Step
from llm_convert.programs.placed import Placed
from llm_convert.programs.plane import Position
from llm_convert.programs.predicates import Compared, Content, Direction, Test

Walk = Callable[[Position, "Bounds"], Position | None]
_MOVES = {
    Direction.UP: (-1, 0),
    Direction.DOWN: (1, 0),
    Direction.LEFT: (0, -1),
    Direction.RIGHT: (0, 1),
}
_FILLED = Test(type=(Content.FILLED,))
_LEVELS = 64
"""Different indentations that are remembered apart; deeper ones count as this deep."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The cells that a walk may not leave; all ends belong to it."""

    top: int
    bottom: int
    left: int
    right: int

    def holds(self, at: Position) -> bool:
        """Whether a cell lies within."""
        return self.top <= at[0] <= self.bottom and self.left <= at[1] <= self.right


def walker(step: Step, placed: Placed) -> Walk:
    """A step of the language as a function from a cell to the cell that it ends at; None where it finds none."""
    if step.look is None:
        return _neighbour(step.next) if step.next is not None else lambda at, bounds: at  # noqa: ARG005
    look = _look(step, step.look, placed)
    if step.next is None:
        return look
    neighbour = _neighbour(step.next)

    def both(at: Position, bounds: Bounds) -> Position | None:
        first = neighbour(at, bounds)
        return None if first is None else look(first, bounds)

    return both


def outline_walker(level: int, placed: Placed) -> Walk:
    """The walk from a line of an outline to the line of a level that it belongs to, by their indentation."""
    outer = walker(Step(look=Direction.UP, until=Test(type=(Content.FILLED,), indented=Compared.LESS)), placed)
    lines: dict[Position, tuple[Position, ...]] = {}

    def path(at: Position, bounds: Bounds) -> tuple[Position, ...]:
        """The lines that a line belongs to, the outermost first, and itself: each is less indented than the next."""
        inner = []
        up: Position | None = at
        while up is not None and up not in lines:
            inner.append(up)
            up = outer(up, bounds)
        known = lines[up] if up is not None else ()
        for one in reversed(inner):
            known = lines[one] = (*known, one)
        return known

    def go(at: Position, bounds: Bounds) -> Position | None:
        if placed.plane.value(*placed.plane.seen(*at)) is None:
            return None
        found = path(at, bounds)
        return found[level - 1] if level <= len(found) else None

    return go


def _neighbour(direction: Direction) -> Walk:
    down, right = _MOVES[direction]

    def go(at: Position, bounds: Bounds) -> Position | None:
        found = at[0] + down, at[1] + right
        return found if bounds.holds(found) else None

    return go


def _look(step: Step, direction: Direction, placed: Placed) -> Walk:
    down, right = _MOVES[direction]
    wanted = judge(step.until or _FILLED, placed)
    stops = judge(step.stop, placed) if step.stop is not None else None
    relative = is_relative(step.until or _FILLED) or (step.stop is not None and is_relative(step.stop))
    known: dict[tuple[Bounds, int], dict[Position, Position | None]] = {}

    def ends_at(at: Position, ends: dict[Position, Position | None], bounds: Bounds, start: int) -> Position | None:
        """Where a walk ends that has come to a cell; every cell on the way then knows it too."""
        way = []
        found: Position | None = None
        while bounds.holds(at):
            if at in ends:
                found = ends[at]
                break
            if wanted(*at, start):
                found = ends[at] = at
                break
            if stops is not None and stops(*at, start):
                ends[at] = None
                break
            way.append(at)
            at = at[0] + down, at[1] + right
        for passed in way:
            ends[passed] = found
        return found

    def go(at: Position, bounds: Bounds) -> Position | None:
        # All places of a merged range are one cell: the walk leaves it before it looks at another.
        at = placed.plane.edge(at, down, right)
        start = min(placed.plane.indent(placed.plane.seen(*at)), _LEVELS) if relative else 0
        if not bounds.holds(at) or wanted(*at, start):
            return at if bounds.holds(at) else None
        ends = known.setdefault((bounds, start), {})
        return ends_at((at[0] + down, at[1] + right), ends, bounds, start)

    return go
