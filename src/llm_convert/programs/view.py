"""A sheet as a model is shown it to write a program: its structure and samples, never the whole of a big sheet.

Rows are folded by their kind and not by their place, so that odd rows and sub-totals stay visible. Nothing in a cell
is an instruction; the brief that quotes a view says so.
"""

from __future__ import annotations

import re

from llm_convert.contracts.document import Document, Sheet, TextPage
from llm_convert.contracts.shown import one_line
from llm_convert.programs.folding import HEAD_ROWS, LEVELS, Folded, Level
from llm_convert.programs.plane import Plane
from llm_convert.programs.view_rows import Detail, merged_line, row_line
from llm_convert.readings import text_of

WHOLE_CHARS = 3000
"""A sheet whose text is shorter is shown whole."""
BIG_CELLS = 2000
SHARE = 10
"""A sheet of more than ``BIG_CELLS`` cells is shown in at most the SHARE-th part of its characters."""
_PAGE_LINES = 120
_DIGITS = re.compile(r"[0-9]+")


def view(document: Document) -> str:
    """All sheets of a document, and its pages of text as far as they go."""
    parts = []
    known: dict[tuple[str, ...], str] = {}
    for sheet in document.sheets:
        head = _head(sheet)
        like = known.setdefault(head, sheet.name)
        same = like != sheet.name and len(head) > 1
        parts.append(_like(sheet, like) if same else sheet_view(sheet))
    parts += [_page(page) for page in document.pages]
    return "\n\n".join(parts)


def _head(sheet: Sheet) -> tuple[str, ...]:
    """The texts of a sheet's first rows, digits folded: sheets for months or branches share them."""
    rows = [row for row in sheet.rows if any(value is not None for value in row)][:HEAD_ROWS]
    return tuple(
        f"{column} {_DIGITS.sub('0', value.strip())}"
        for row in rows
        for column, value in enumerate(row)
        if isinstance(value, str) and value.strip()
    )


def _like(sheet: Sheet, other: str) -> str:
    plane = Plane(sheet)
    first = [(row, [at for at, value in enumerate(cells) if value is not None]) for row, cells in enumerate(plane.rows)]
    lines = [row_line(plane, row, columns, {}, Detail(text_chars=60)) for row, columns in first if columns]
    title = f"## sheet {sheet.name!r}: {plane.height} rows, {plane.width} columns, headed like {other!r}"
    return "\n".join([title, *lines[:3], f"… {len(lines) - 3} rows"] if len(lines) > 3 else [title, *lines])


def sheet_view(sheet: Sheet) -> str:
    """The view of one sheet."""
    plane = Plane(sheet)
    tsv = tsv_chars(sheet)
    rows = {row: [at for at, value in enumerate(cells) if value is not None] for row, cells in enumerate(plane.rows)}
    filled = {row: columns for row, columns in rows.items() if columns}
    cells = sum(map(len, filled.values()))
    if tsv <= WHOLE_CHARS:
        return _assembled(plane, filled, None)
    allowed = tsv // SHARE if cells > BIG_CELLS else tsv
    shown = ""
    for level in LEVELS:
        shown = _assembled(plane, filled, level)
        if len(shown) <= allowed:
            break
    return shown


def tsv_chars(sheet: Sheet) -> int:
    """How many characters the sheet has as tab-separated text, which is what a view is measured by."""
    return sum(len(text_of(value)) + 1 for row in sheet.rows for value in row)


def _page(page: TextPage) -> str:
    lines = [f"{number}| {one_line(line[:200])}" for number, line in enumerate(page.lines[:_PAGE_LINES], 1)]
    return "\n".join([f"## text {page.name!r}: {len(page.lines)} lines", *lines])


def _assembled(plane: Plane, filled: dict[int, list[int]], level: Level | None) -> str:
    text_chars = 400 if level is None else level.text_chars
    detail = Detail(text_chars=text_chars, run=4 if level is not None else 60)
    title = f"## sheet {plane.sheet.name!r}: {plane.height} rows, {plane.width} columns"
    lines = [title, merged_line(plane, 12 if level is None or level.kinds > 20 else 6)]
    ends = {
        (area.top, area.left): (area.bottom, area.right)
        for area in plane.sheet.merged
        if (area.bottom, area.right) != (area.top, area.left)
    }
    if level is None:
        lines += [row_line(plane, row, columns, ends, detail) for row, columns in filled.items()]
        return "\n".join(line for line in lines if line)
    folded = Folded(plane, filled, level)
    for stretch in folded.stretches():
        if isinstance(stretch, int):
            lines.append(row_line(plane, stretch, filled[stretch], ends, detail))
        else:
            lines.append(folded.summary(stretch))
    lines += folded.labels()
    lines.append(folded.marks())
    return "\n".join(line for line in lines if line)
