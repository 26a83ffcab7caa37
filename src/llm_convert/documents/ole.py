"""OLE compound files: what they hold, and the records of an old Excel workbook (BIFF) that calamine leaves out.

Two things are needed before calamine may open an .xls: that it has no password, and how far its cells reach, since
calamine allocates the whole rectangle and a process that runs out of memory there is aborted, not interrupted. One
thing is needed after: the texts of error cells, which calamine gives as empty.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.extent import Extent
from llm_convert.errors import MissingExtraError

_BOF, _EOF, _FILEPASS, _BOUNDSHEET = (0x0009, 0x0209, 0x0409, 0x0809), 0x000A, 0x002F, 0x0085
_FORMULA, _BOOLERR, _MULRK = 0x0006, 0x0205, 0x00BD
_CELLS = frozenset({_FORMULA, _BOOLERR, _MULRK, 0x0203, 0x027E, 0x00FD, 0x0204, 0x00D6})
"""FORMULA, BOOLERR, MULRK, NUMBER, RK, LABELSST, LABEL, RSTRING: the records of cells that hold something."""
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
_DIMENSIONS = 0x0200
_MAX_SHEETS = 1000
_MAX_ROWS, _MAX_COLUMNS = 65_536, 256


def tell_ole(data: bytes) -> tuple[str | None, str, bool]:
    """Kind, words for a person, and whether it is locked; never fails."""
    try:
        with _open(data) as ole:
            names = {"/".join(path) for path in ole.listdir(streams=True, storages=False)}
    except MissingExtraError:
        raise
    except Exception:  # noqa: BLE001 - olefile raises anything at damaged files
        return ("xls", "an old Excel workbook (.xls)", False)
    if "EncryptedPackage" in names:
        return ("xlsx", "an Office file with a password", True)
    if names & {"Workbook", "Book"}:
        return ("xls", "an old Excel workbook (.xls)", False)
    known = {
        "WordDocument": "a Word document (.doc)",
        "PowerPoint Document": "a PowerPoint presentation (.ppt)",
        "FileHeader": "a Hangul document (.hwp)",
        "__properties_version1.0": "an Outlook message (.msg); save it as .eml",
    }
    return (None, next((words for name, words in known.items() if name in names), "an OLE compound file"), False)


def workbook_stream(data: bytes) -> bytes:
    """The stream with the workbook's records. Raises whatever olefile raises at a damaged file."""
    with _open(data) as ole:
        stream = ole.openstream("Workbook" if ole.exists("Workbook") else "Book")
        return bytes(stream.read())


def has_password(stream: bytes) -> bool:
    """Whether the workbook's records are encrypted."""
    return any(kind == _FILEPASS for kind, _ in _records(stream, 0))


def extents(stream: bytes) -> list[Extent]:
    """One Extent a sheet, in the workbook's order.

    Raises:
        WorkItemError: TOO_LARGE for more than 1,000 sheets, UNREADABLE for a sheet that claims to be impossibly large.
    """
    offsets = [
        struct.unpack_from("<I", body)[0]
        for kind, body in _records(stream, 0)
        if kind == _BOUNDSHEET and len(body) >= 4
    ]
    if len(offsets) > _MAX_SHEETS:
        raise WorkItemError(
            Cause.TOO_LARGE, f"the workbook has {len(offsets):,} sheets; at most {_MAX_SHEETS:,} are read"
        )
    return [_extent(stream, offset) for offset in offsets]


def _open(data: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202 - olefile has no types
    try:
        from olefile import OleFileIO
    except ImportError:
        raise MissingExtraError("olefile", "documents") from None
    return OleFileIO(io.BytesIO(data))


def _records(stream: bytes, offset: int) -> Iterator[tuple[int, memoryview]]:
    """Kind and body of the records from an offset to the end of their part."""
    view = memoryview(stream)
    while offset + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, offset)
        yield kind, view[offset + 4 : offset + 4 + length]
        if kind == _EOF:
            return
        offset += 4 + length


def _extent(stream: bytes, offset: int) -> Extent:
    extent = Extent()
    for kind, body in _records(stream, offset):
        if kind == _DIMENSIONS:
            _check_dimensions(body)
        if kind not in _CELLS or len(body) < 6:
            continue
        row, column = struct.unpack_from("<HH", body)
        last = column + max(0, (len(body) - 6) // 6 - 1) if kind == _MULRK else column
        extent.reach(row, last)
        extent.cells += last - column + 1
        code = _error_code(kind, body)
        if code is not None:
            extent.errors[row, column] = _ERRORS.get(code, "#ERROR!")
    return extent


def _check_dimensions(body: memoryview) -> None:
    """Calamine reserves memory for as many cells as are claimed here, whether or not they exist."""
    if len(body) < 10:
        return
    top, bottom, left, right = struct.unpack_from("<IIHH" if len(body) >= 12 else "<HHHH", body)
    if not (top <= bottom <= _MAX_ROWS and left <= right <= _MAX_COLUMNS):
        raise WorkItemError(Cause.UNREADABLE, "a sheet claims rows or columns that an .xls can't have")


def _error_code(kind: int, body: memoryview) -> int | None:
    if kind == _BOOLERR and len(body) >= 8 and body[7]:
        return body[6]
    # A formula's result is a number unless its last two bytes are 0xFFFF; then the first byte says what it is.
    if kind == _FORMULA and len(body) >= 14 and body[12] == body[13] == 0xFF and body[6] == 2:
        return body[8]
    return None
