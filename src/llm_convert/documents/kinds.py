"""What a file is, told from its bytes alone.

The name only settles what the bytes leave open: whether a line or two of text with commas are a table. Files whose
name says ``.xls`` while they hold HTML or tab-separated text are common, and are read as what they are.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass

from llm_convert.documents.delimited import tell_delimiter
from llm_convert.documents.ole import tell_ole
from llm_convert.documents.picture import media_type
from llm_convert.documents.text import decode

_HEAD_BYTES = 4096
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"HWP Document File", "a Hangul document (.hwp)"),
    (b"{\\rtf", "a rich text document (.rtf)"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"EGGA", "an ALZip archive (.egg)"),
    (b"ALZ\x01", "an ALZip archive (.alz)"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"\x09\x00\x04\x00", "a workbook of Excel 2"),
    (b"\x09\x02\x06\x00", "a workbook of Excel 3"),
    (b"\x09\x04\x06\x00", "a workbook of Excel 4"),
)
_RIGHTS_MANAGED: tuple[tuple[bytes, str], ...] = ((b"SCDSA", "SoftCamp"), (b"\x9b DRMONE", "Fasoo"))
_ZIPS: tuple[tuple[str, str | None, str], ...] = (
    ("xl/workbook.xml", "xlsx", "an Excel workbook (.xlsx)"),
    ("xl/workbook.bin", None, "a binary Excel workbook (.xlsb); save it as .xlsx"),
    ("word/document.xml", None, "a Word document (.docx)"),
    ("ppt/presentation.xml", None, "a PowerPoint presentation (.pptx)"),
    ("Contents/content.hpf", None, "a Hangul document (.hwpx)"),
    ("content.xml", None, "an OpenDocument file (.ods, .odt); save a spreadsheet as .xlsx"),
)
_MAIL_HEADER = re.compile(
    rb"(?im)^(from|to|cc|subject|date|message-id|mime-version|received|return-path|delivered-to|content-type|reply-to"
    rb"|content-transfer-encoding):"
)
_HEADER_LINE = re.compile(rb"(From \S|[A-Za-z][A-Za-z0-9-]*:)")
_HTML = re.compile(r"<(!doctype\s+html|html|head|body|table|meta|style|div|span|p|br|h[1-6])\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What the bytes are."""

    kind: str | None
    """As ``Document.kind``; None when no module here reads it."""
    seems: str
    """What to call it in front of a person."""
    locked: bool = False
    """A password or a rights management keeps it from being read."""


def sniff(data: bytes, name: str = "") -> str | None:
    """The kind of a file: ``xlsx``, ``xls``, ``csv``, ``eml``, ``html``, ``pdf``, ``txt`` or ``image``.

    Args:
        data: the whole file.
        name: settles nothing but csv against txt, where the content allows both.

    Returns:
        None for what can't be read here. A file behind a password has the kind it would have without.
    """
    return identify(data, name).kind


def identify(data: bytes, name: str = "") -> Identified:
    """The kind of a file, and words for it; never fails."""
    return _by_signature(data) or _by_text(data, name)


def _by_signature(data: bytes) -> Identified | None:
    if data.startswith(b"PK\x03\x04") or data.startswith(b"PK\x05\x06"):
        return _zip(data)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        kind, seems, locked = tell_ole(data)
        return Identified(kind=kind, seems=seems, locked=locked)
    if b"%PDF-" in data[:1024]:
        return Identified(kind="pdf", seems="a PDF")
    if media_type(data):
        return Identified(kind="image", seems="an image")
    for mark, maker in _RIGHTS_MANAGED:
        if data.startswith(mark):
            return Identified(kind=None, seems=f"a file under the rights management of {maker}", locked=True)
    for mark, seems in _OTHERS:
        # The short marks could begin a text as well: what decodes as text is none of these.
        if data.startswith(mark) and (len(mark) > 4 or decode(data) is None):
            return Identified(kind=None, seems=seems)
    return None


def _zip(data: bytes) -> Identified:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, OverflowError):
        names = {member for member, _, _ in _ZIPS if member.encode() in data and "/" in member}
        if not names and b"xl/worksheets/" in data:
            names = {"xl/workbook.xml"}
    for member, kind, seems in _ZIPS:
        if member in names:
            return Identified(kind=kind, seems=seems)
    return Identified(kind=None, seems="a zip archive")


def _by_text(data: bytes, name: str) -> Identified:
    head = _head(data)
    if _is_mail(head.encode("latin-1", "replace")):
        return Identified(kind="eml", seems="a mail message")
    if "urn:schemas-microsoft-com:office:spreadsheet" in head and head.startswith("<?xml"):
        return Identified(kind=None, seems="an Excel 2003 XML workbook; save it as .xlsx")
    if head.startswith("<") and _HTML.search(head):
        return Identified(kind="html", seems="an HTML page")
    decoded = decode(data)
    if decoded is None:
        return Identified(kind=None, seems="binary data of no known format")
    lines = 1 if name.lower().endswith((".csv", ".tsv")) else 2
    if tell_delimiter(decoded.text, lines=lines):
        return Identified(kind="csv", seems="a delimited table")
    return Identified(kind="txt", seems="a text")


def _head(data: bytes) -> str:
    """The first bytes as text in which ASCII is right, whatever the encoding."""
    head = data[:_HEAD_BYTES]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace").lstrip("\ufeff \t\r\n")
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip()


def _is_mail(head: bytes) -> bool:
    """At least two headers that mails have, in a block of lines that all look like headers."""
    block = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    first_lines = re.split(rb"\r?\n", block)
    if not _HEADER_LINE.match(first_lines[0]):
        return False
    # The last line may be cut off by the length of the head; folded lines begin with a blank.
    strange = [line for line in first_lines[1:-1] if line and line[:1] not in b" \t" and not _HEADER_LINE.match(line)]
    known = {match.lower() for match in _MAIL_HEADER.findall(block)}
    return len(known) >= 2 and not strange
