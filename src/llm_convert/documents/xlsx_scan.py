"""A look at an .xlsx before calamine opens it: how far its cells reach, and the error cells that calamine drops.

calamine allocates the rectangle of a sheet's cells at once. One stray cell at XFD1048576 asks for half a terabyte, and
Rust aborts the whole process when it does not get it, so no exception can be caught: this look is what stands between
one bad document and all others. It is made of regular expressions over pieces of the XML, because a real parse costs
more than the reading itself, and it errs on the side of too far.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.archive import Archive
from llm_convert.documents.extent import MAX_COLUMNS, Extent

_PIECE_BYTES = 1 << 22
_REFERENCE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]+)([0-9]+)[\"']")
_CELL = re.compile(rb"<(?:\w+:)?c(?=[\s/>])")
_CELL_WITHOUT_REFERENCE = re.compile(rb"<(?:\w+:)?c(?=[\s/>])(?![^<>]*\br\s*=)")
_EMPTY_CELL = re.compile(rb"<(?:\w+:)?c(?:\s+[\w:]+=\"[^\"<>]*\")*\s*/>")
_ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])")
_ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\s[^<>]*?\br\s*=\s*[\"']([0-9]+)")
_ERROR_CELL = re.compile(rb"<(?:\w+:)?c\s([^<>]*\bt=[\"']e[\"'][^<>]*)>(.*?)</(?:\w+:)?c>", re.DOTALL)
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^<>]*?\bref\s*=\s*[\"']([A-Za-z]+)([0-9]+):([A-Za-z]+)([0-9]+)")
_UNIQUE_COUNT = re.compile(rb"uniqueCount\s*=\s*[\"']\D*([0-9]+)")
_SHORTEST_TEXT_BYTES = len(b"<si/>")
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^<>]*)>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^<>]*)>")


def extents(archive: Archive, limit_cells: int) -> dict[str, Extent]:
    """The extent of every member: any of them could be a sheet, whatever its name.

    Cells that only carry a format are not counted where counting them would exceed the limit.
    """
    found = {}
    for name in archive.names:
        extent = _scan(archive.chunks(name), skip_empty=False)
        if extent.box > limit_cells:
            extent = _scan(archive.chunks(name), skip_empty=True)
        found[name] = extent
    return found


def sheet_members(archive: Archive) -> list[str]:
    """The member of each sheet, in the workbook's order; an empty name where it can't be told."""
    targets = {}
    for attributes in _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")):
        targets[_attribute(attributes, rb"\bId")] = _attribute(attributes, rb"\bTarget")
    members = []
    for attributes in _SHEET.findall(archive.read("xl/workbook.xml")):
        target = targets.get(_attribute(attributes, rb":id"), "")
        members.append(posixpath.normpath(posixpath.join("/xl", target)).lstrip("/") if target else "")
    return members


def _attribute(attributes: bytes, name: bytes) -> str:
    match = re.search(name + rb"\s*=\s*[\"']([^\"']*)", attributes)
    return match[1].decode("utf-8", "replace") if match else ""


def _scan(chunks: Iterable[bytes], *, skip_empty: bool) -> Extent:
    extent = Extent()
    claimed = unpacked = 0
    for piece in _whole_rows(chunks):
        unpacked += len(piece)
        claimed = max([claimed, *map(int, _UNIQUE_COUNT.findall(piece))])
        extent.cells += len(_CELL.findall(piece))
        merged = _MERGED.findall(piece)
        extent.merged += sum(map(_area, merged))
        extent.ranges += len(merged)
        _take_errors(piece, extent)
        _take_references(_EMPTY_CELL.sub(b"", piece) if skip_empty else piece, extent)
        _take_unreferenced(piece, extent)
    if claimed * _SHORTEST_TEXT_BYTES > unpacked:
        # calamine reserves memory for as many texts as are claimed, whether or not they exist.
        raise WorkItemError(Cause.UNREADABLE, f"it claims {claimed:,} texts, more than fit into it")
    return extent


def _whole_rows(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """Pieces that end where a row ends, so that no cell is cut in two."""
    pending = b""
    for chunk in chunks:
        pending += chunk
        cut = max(pending.rfind(b"</row>"), pending.rfind(b":row>"))
        if cut <= 0 and len(pending) >= _PIECE_BYTES:
            cut = pending.rfind(b"<")
            cut = cut if cut > 0 else len(pending)
        if cut > 0:
            yield pending[:cut]
            pending = pending[cut:]
    yield pending


def _take_references(piece: bytes, extent: Extent) -> None:
    references = _REFERENCE.findall(piece)
    if not references:
        return
    row = max(int(digits) for digits in {digits for _, digits in references})
    column = max(_column(letters) for letters in {letters for letters, _ in references})
    extent.reach(row - 1, column)


def _take_unreferenced(piece: bytes, extent: Extent) -> None:
    """Cells that do not say where they stand stand after the cell before them."""
    if not _CELL_WITHOUT_REFERENCE.search(piece):
        return
    row = max((int(number) for number in _ROW_NUMBER.findall(piece)), default=0)
    rows = _ROW.split(piece)
    widest = max(len(_CELL_WITHOUT_REFERENCE.findall(cells)) for cells in rows)
    already = extent.columns if _REFERENCE.search(piece) else 0
    extent.reach(max(row, extent.rows) + len(rows) - 1, max(1, min(already + widest, MAX_COLUMNS)) - 1)


def _take_errors(piece: bytes, extent: Extent) -> None:
    if b'"e"' not in piece and b"'e'" not in piece:
        return
    for attributes, inside in _ERROR_CELL.findall(piece):
        place, value = _REFERENCE.search(attributes), _VALUE.search(inside)
        if place and value:
            extent.errors[int(place[2]) - 1, _column(place[1])] = value[1].decode("ascii", "replace")


def _area(corners: tuple[bytes, bytes, bytes, bytes]) -> int:
    left, top, right, bottom = corners
    return (abs(_column(right) - _column(left)) + 1) * (abs(int(bottom) - int(top)) + 1)


def _column(letters: bytes) -> int:
    """The column, from 0, of its letters; what has more letters than any column is far beyond the last."""
    column = 0
    for letter in letters[:8].upper():
        column = column * 26 + letter - 64
    return column - 1
