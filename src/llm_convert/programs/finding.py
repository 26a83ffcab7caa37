"""Finding the cell of a pick: where it starts, where its walks end, and what that depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llm_convert.programs.judging import judge
from llm_convert.programs.patterns import pattern
from llm_convert.programs.picks import Place
from llm_convert.programs.placed import Extent, Placed
from llm_convert.programs.placing import data_bounds
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.walking import Bounds, outline_walker, walker

NOWHERE: Position = (-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a place is found: the plane of its cells, and from a value cell the start and the end of the walk."""

    plane: Plane
    start: Callable[[int, int], Position]
    end: Callable[[Position], Position]
    moves: bool = True
    """Whether there is a walk at all."""
    at_value: bool = False
    """It is the value cell itself."""
    by_row: bool
    """Whether the start depends on the value's row."""
    by_column: bool
    """Whether the start depends on the value's column."""


def find(place: Place, placed: Placed, planes: Mapping[str, Plane]) -> Found:
    """How the cell of a place is found."""
    if place.find is not None:
        return _sheet_wide(place, placed, planes)
    first = walker(place, placed) if place.outline is None else outline_walker(place.outline, placed)
    steps = [first, *(walker(step, placed) for step in place.then)]
    moves = place.next is not None or place.look is not None or place.outline is not None or bool(place.then)
    level = place.header if isinstance(place.header, int) else None
    bounds = data_bounds(placed)
    if level is not None:
        rows = placed.header_rows
        bounds = Bounds(min(rows), max(rows), bounds.left, bounds.right)

    def end(at: Position) -> Position:
        for step in steps:
            if at == NOWHERE:
                break
            at = step(at, bounds) or NOWHERE
        return at

    return Found(
        plane=placed.plane,
        start=_start(place, placed, level),
        end=end if moves else lambda at: at,
        moves=moves,
        at_value=level is None and place.column is None and not moves,
        by_row=level is None,
        by_column=place.column is None or place.column.nearest is not None,
    )


def _start(place: Place, placed: Placed, level: int | None) -> Callable[[int, int], Position]:
    targets: dict[int, int | None] = {}

    def start(row: int, column: int) -> Position:
        target: int | None = column
        if place.column is not None:
            if column not in targets:
                targets[column] = placed.column_for(place.column, column)
            target = targets[column]
        if target is None:
            return NOWHERE
        return (row, target) if level is None else placed.header_cell(level, target)

    return start


def _sheet_wide(place: Place, placed: Placed, planes: Mapping[str, Plane]) -> Found:
    """A start that is the same for the whole table: the first cell of a sheet that passes a test."""
    plane: Plane | None = placed.plane
    if place.on is not None:
        named = (name for name in planes if pattern(place.on).matches(name))
        plane = planes.get(next(named, ""))
    if plane is None or place.find is None:
        return Found(plane=placed.plane, start=_nowhere, end=lambda at: at, by_row=False, by_column=False)
    area = placed if plane is placed.plane else whole(plane, placed)
    passes = judge(place.find, area)
    at: Position = next((one for one in plane.order if passes(*one, 0)), NOWHERE)
    bounds = Bounds(0, plane.height - 1, 0, plane.width - 1)
    for step in (place, *place.then):
        if at != NOWHERE:
            at = walker(step, area)(at, bounds) or NOWHERE
    ended = at

    def start(row: int, column: int) -> Position:  # noqa: ARG001
        return ended

    return Found(plane=plane, start=start, end=lambda at: at, by_row=False, by_column=False)


def _nowhere(row: int, column: int) -> Position:  # noqa: ARG001
    return NOWHERE


def whole(plane: Plane, like: Placed) -> Placed:
    """A whole sheet as if it were a table without headers, for picks that look at another sheet."""
    table = like.table.model_copy(update={"header": (), "fill": ()})
    extent = Extent(first=0, last=plane.height - 1, left=0, right=plane.width - 1)
    return Placed(table=table, label=like.label, plane=plane, anchor=(0, 0), extent=extent)
