"""A sheet as a model is shown it to write a program: its structure and samples, never the whole of a big sheet.

Rows are folded by their kind and not by their place, so that odd rows and sub-totals stay visible. Nothing in a cell
is an instruction; the brief that quotes a view says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from llm_convert.contracts.document import Document, Sheet, TextPage
from llm_convert.contracts.shown import one_line
from llm_convert.programs.folding import LEVELS, Folded, Level
from llm_convert.programs.likeness import Shown, nearest
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.row_kinds import Kinds
from llm_convert.programs.view_rows import Detail, merged_line, row_line
from llm_convert.readings import text_of

WHOLE_CHARS = 3000
"""A sheet whose text is shorter is shown whole."""
BIG_CELLS = 2000
SHARE = 10
"""A sheet of more than ``BIG_CELLS`` cells is shown in at most the SHARE-th part of its characters."""
_LEAST_LABELS = 100
"""Characters for the texts of folded rows: with less room for them, rows are shown in shorter form."""
_GAIN, _GAIN_WHOLE = 2, 4
"""How many times shorter a sheet must be for it to be shown by what differs from another: that is harder to read."""
_PAGE_LINES = 120


def view(document: Document) -> str:
    """All sheets of a document, and its pages of text as far as they go."""
    parts: list[str] = []
    full: list[Shown] = []
    for sheet in document.sheets:
        kinds = _kinds(Plane(sheet))
        shown = _sheet_view(kinds)
        own = Shown(sheet.name, kinds, whole=tsv_chars(sheet) <= WHOLE_CHARS)
        like = nearest(own, full)
        short = _like(kinds, *like) if like is not None else shown
        if len(short) * (_GAIN_WHOLE if own.whole else _GAIN) > len(shown):
            full.append(own)
            short = shown
        parts.append(short)
    parts += [_page(page) for page in document.pages]
    return "\n\n".join(parts)


def sheet_view(sheet: Sheet) -> str:
    """The view of one sheet."""
    return _sheet_view(_kinds(Plane(sheet)))


def tsv_chars(sheet: Sheet) -> int:
    """How many characters the sheet has as tab-separated text, which is what a view is measured by."""
    return sum(len(text_of(value)) + 1 for row in sheet.rows for value in row)


def _kinds(plane: Plane) -> Kinds:
    rows = {row: [at for at, value in enumerate(cells) if value is not None] for row, cells in enumerate(plane.rows)}
    return Kinds(plane, {row: columns for row, columns in rows.items() if columns})


def _sheet_view(kinds: Kinds) -> str:
    tsv = tsv_chars(kinds.plane.sheet)
    if tsv <= WHOLE_CHARS:
        return _whole(kinds)
    allowed = tsv // SHARE if sum(map(len, kinds.filled.values())) > BIG_CELLS else tsv
    shown = ""
    for level in LEVELS:
        shown = _folded(kinds, level, allowed)
        if len(shown) <= allowed:
            break
    return shown


def _whole(kinds: Kinds) -> str:
    lines = [
        _title(kinds.plane),
        merged_line(kinds.plane, 12),
        *_rows(kinds, kinds.filled, Detail(text_chars=400, run=60)),
    ]
    return _joined(lines)


def _folded(kinds: Kinds, level: Level, allowed: int) -> str:
    """The sheet at one level of detail; what of the room its rows leave is for the texts of those not shown."""
    folded = Folded(kinds, level)
    lines = [_title(kinds.plane), merged_line(kinds.plane, 12 if level.kinds > 20 else 6)]
    detail = Detail(text_chars=level.text_chars)
    for stretch in folded.stretches():
        lines += [folded.summary(stretch)] if isinstance(stretch, list) else _rows(kinds, [stretch], detail)
    marks = folded.marks()
    room = max(allowed - len(_joined([*lines, marks])), min(_LEAST_LABELS, level.label_chars))
    return _joined([*lines, *folded.labels(room), marks])


def _like(kinds: Kinds, other: Shown, rows: Sequence[int]) -> str:
    """A sheet of the same layout as another: the rows that differ."""
    title = f"{_title(kinds.plane)}, like {other.name!r}{' but for' if rows else ''}"
    detail = Detail(text_chars=LEVELS[0].text_chars)
    marks, known = (Folded(one, LEVELS[0]).marks() for one in (kinds, other.kinds))
    return _joined([title, *_rows(kinds, rows, detail), marks if marks != known else ""])


def _rows(kinds: Kinds, rows: Iterable[int], detail: Detail) -> list[str]:
    ends = _ends(kinds.plane)
    heads = replace(detail, header=True)
    return [row_line(kinds, row, ends, heads if row < kinds.first_data else detail) for row in rows]


def _ends(plane: Plane) -> dict[Position, Position]:
    """The last cell of each merged range of several cells, by its first."""
    return {
        (area.top, area.left): (area.bottom, area.right)
        for area in plane.sheet.merged
        if (area.bottom, area.right) != (area.top, area.left)
    }


def _title(plane: Plane) -> str:
    return f"## sheet {plane.sheet.name!r}: {plane.height} rows, {plane.width} columns"


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(line for line in lines if line)


def _page(page: TextPage) -> str:
    lines = [f"{number}| {one_line(line[:200])}" for number, line in enumerate(page.lines[:_PAGE_LINES], 1)]
    return "\n".join([f"## text {page.name!r}: {len(page.lines)} lines", *lines])
