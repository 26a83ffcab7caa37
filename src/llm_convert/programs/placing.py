"""Finding the tables of a program in a sheet, or saying what is not there and what comes nearest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from llm_convert.programs.faults import UnfitTableError
from llm_convert.programs.judging import judge, judge_sheet
from llm_convert.programs.language import Table
from llm_convert.programs.placed import Extent, Placed
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.predicates import Columns, Test
from llm_convert.programs.walking import Bounds

MAX_ANCHORS = 2000


def place(table: Table, label: str, plane: Plane) -> list[Placed]:
    """Every occurrence of a table in a sheet, in the order of its anchors.

    Raises:
        UnfitTableError: when the anchor or the value columns are not there.
    """
    starts = find_anchors(table, plane)
    if not starts:
        what = f"no cell passes the anchor {said(table.anchor)}{nearest_texts(table.anchor, plane)}"
        raise UnfitTableError(what, anchored=False)
    found = []
    for anchor in starts:
        placed = _placed(table, label, plane, anchor, starts)
        # A header that only chose its column was read too: a year there is no number that was forgotten, and what
        # stands between two header rows is a header as well, though nobody asked for it.
        rows = placed.header_rows
        plane.used.update((row, column) for row in rows for column in placed.columns)
        between = set(range(min(rows), max(rows))).difference(rows) if rows else ()
        plane.passed.update((row, column) for row in between for column in placed.columns)
        found.append(placed)
    return found


def _placed(table: Table, label: str, plane: Plane, anchor: Position, starts: Sequence[Position]) -> Placed:
    """A table at one anchor. What is remembered while its end is looked for would be wrong afterwards."""
    rough = Placed(table=table, label=label, plane=plane, anchor=anchor, extent=_extent(table, plane, anchor, starts))
    if not all(0 <= row < plane.height for row in rough.header_rows):
        raise UnfitTableError(f"a header row lies outside the sheet, seen from the anchor {plane.address(anchor)}")
    rough.values = _value_columns(rough)
    last = _end(rough)
    if last == rough.extent.last:
        return rough
    placed = Placed(table=table, label=label, plane=plane, anchor=anchor, extent=replace(rough.extent, last=last))
    placed.values = _value_columns(placed)
    return placed


def find_anchors(table: Table, plane: Plane) -> list[Position]:
    """The anchors: all of them where the table repeats, else the first."""
    if not table.repeat:
        return list(islice(anchors(table, plane), 1))
    found = list(islice(anchors(table, plane), MAX_ANCHORS + 1))
    if len(found) > MAX_ANCHORS:
        raise UnfitTableError(f"more than {MAX_ANCHORS} cells pass the anchor {said(table.anchor)}")
    return found


def anchors(table: Table, plane: Plane) -> Iterator[Position]:
    """Every cell that passes a table's anchor, row by row."""
    passes = judge_sheet(table.anchor, plane)
    return (at for at in plane.order if passes(*at, 0))


def said(test: Test) -> str:
    """A test in words for its writer."""
    if test.text is not None and test.model_dump(exclude_none=True) == {"text": test.text}:
        return repr(test.text)
    return test.model_dump_json(exclude_none=True, by_alias=True)


def nearest_texts(test: Test, plane: Plane) -> str:
    """The cells whose texts come nearest to what a test wants, with their addresses."""
    if test.text is None:
        return ""
    texts: dict[str, Position] = {}
    for at in plane.order[:20_000]:
        if isinstance(plane.value(*at), str):
            texts.setdefault(plane.text(at)[:80], at)
    close = closest(test.text, texts)
    return "; nearest: " + ", ".join(f"{text!r} at {plane.address(texts[text])}" for text in close) if close else ""


def closest(wanted: str, texts: Iterable[str]) -> list[str]:
    """Up to three texts that resemble what a pattern says."""
    plain = re.sub(r"\\.|[\^$()\[\]|?*+{}\\]", "", wanted)
    by_folded = {text.casefold(): text for text in texts}
    close = difflib.get_close_matches(plain.casefold(), list(by_folded)[:2000], n=3, cutoff=0.45)
    return [by_folded[one] for one in close]


def _extent(table: Table, plane: Plane, anchor: Position, starts: Sequence[Position]) -> Extent:
    """The table reaches to the next anchor below it in its columns, and beside it in its row."""
    lowest = max((0, *table.header)) if table.header else 0
    first = anchor[0] + (table.data if table.data is not None else lowest + (1 if table.header else 0))
    above = min((0, *table.header, table.data or 0))
    in_row = sorted(column for row, column in starts if row == anchor[0])
    left = _left(table, plane, anchor, alone=len(in_row) == 1)
    right = _right(table, plane, anchor)
    for column in in_row:
        if column > anchor[1]:
            right = min(right, _left(table, plane, (anchor[0], column), alone=False) - 1)
            break
    below = [row for row, column in starts if row > anchor[0] and (column == anchor[1] or len(in_row) == 1)]
    last = min((row + above - 1 for row in below), default=plane.height - 1)
    return Extent(first=first, last=last, left=left, right=right)


def _left(table: Table, plane: Plane, anchor: Position, *, alone: bool) -> int:
    if table.left is None:
        return 0 if alone else anchor[1]
    passes = judge_sheet(table.left, plane)
    for column in range(anchor[1], -1, -1):
        if passes(anchor[0], column, 0):
            return column
    raise UnfitTableError(f"no cell left of the anchor {plane.address(anchor)} passes `left` {said(table.left)}")


def _right(table: Table, plane: Plane, anchor: Position) -> int:
    if table.right is None:
        return plane.width - 1
    passes = judge_sheet(table.right, plane)
    for column in range(anchor[1] + 1, plane.width):
        if passes(anchor[0], column, 0):
            return column - 1
    return plane.width - 1


def _end(placed: Placed) -> int:
    """The last data row."""
    extent, plane, table = placed.extent, placed.plane, placed.table
    ends = judge(table.end, placed) if table.end is not None else None
    empty = 0
    last = extent.last
    for row in range(extent.first, extent.last + 1):
        cells = plane.rows[row]
        filled = [at for at in range(extent.left, min(extent.right + 1, len(cells))) if cells[at] is not None]
        if ends is not None and any(ends(row, column, 0) for column in filled):
            last = row - 1
            break
        empty = 0 if filled else empty + 1
        if table.gap is not None and empty == table.gap:
            last = row - table.gap
            break
    while last >= extent.first and not any(value is not None for value in plane.rows[last]):
        last -= 1
    return last


def _value_columns(placed: Placed) -> list[int]:
    found = {column for choice in placed.table.values for column in placed.chosen(choice)}
    if not found:
        raise UnfitTableError(f"no column is a value column: {_no_column(placed, placed.table.values)}")
    return sorted(found)


def _no_column(placed: Placed, choices: Sequence[Columns]) -> str:
    headers: dict[str, str] = {}
    for column in placed.columns:
        for text in placed.headers(column):
            headers.setdefault(text[:60], placed.plane.address((placed.header_rows[0], column)))
    wanted = " or ".join(choice.model_dump_json(exclude_none=True) for choice in choices)
    near = [text for choice in choices if choice.header for text in closest(choice.header, headers)]
    shown = near or list(headers)[:8]
    there = ", ".join(f"{text!r} ({headers[text]})" for text in shown) or "none"
    rows = f"rows {placed.extent.first + 1} to {placed.extent.last + 1}"
    return f"wanted {wanted}; {'nearest ' if near else ''}headers: {there}; data {rows}"


def data_bounds(placed: Placed) -> Bounds:
    """The data rows and the columns of a table."""
    extent = placed.extent
    return Bounds(extent.first, extent.last, extent.left, extent.right)
