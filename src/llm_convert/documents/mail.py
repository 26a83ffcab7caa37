"""Mails (.eml): the message as a page of lines, tables of its HTML body as sheets, attachments read one by one.

An attachment that can't be read becomes a note: the mail's other parts are not its fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from unicodedata import normalize

from llm_convert.contracts.document import Document, Image, Part, Sheet, TextPage
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.html_page import parse_page
from llm_convert.documents.html_tables import as_sheets
from llm_convert.documents.mail_text import Lenient, Mail, file_name, header, payload, text_of
from llm_convert.documents.options import Contents, ReadOptions
from llm_convert.documents.picture import media_type
from llm_convert.documents.text import split_lines

Nested = Callable[[str, bytes, ReadOptions], Document]
"""Reads an attachment: ``read_document``, handed in because it lies above this module."""
_HEADERS = ("From", "To", "Cc", "Subject", "Date")
_MAX_ATTACHMENTS = 200
_MAX_LEVELS = 50
"""Of containers within containers in one mail."""


@dataclass(slots=True)
class _Mail:
    """What a mail's parts are, before any is read."""

    texts: list[Mail] = field(default_factory=list)
    pages: list[Mail] = field(default_factory=list)
    attached: list[Mail] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(name: str, data: bytes, options: ReadOptions, nested: Nested) -> Contents:  # noqa: ARG001 - as every format
    """A TextPage ``message``, Sheets ``body table N``, then the parts of attachments as ``<attachment>/<part>``.

    Raises:
        WorkItemError: EMPTY_DOCUMENT when the mail has neither subject, text nor attachments; TOO_LARGE for a mail
            nested too deep.
    """
    if options.max_depth < 0:
        raise WorkItemError(Cause.TOO_LARGE, "mails are nested deeper than is read")
    message = message_from_bytes(data, policy=Lenient())
    found = _Mail()
    _sort(message, found, _MAX_LEVELS)
    body, tables = _body(found, options)
    head = [f"{title}: {text}" for title in _HEADERS if (text := header(message, title))]
    parts: list[Part] = [
        TextPage(name="message", lines=(*head, "", *body) if head and body else (*head, *body)),
        *tables,
    ]
    if not body and not tables and not found.attached and not header(message, "Subject"):
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "the mail has neither subject, text nor attachments")
    parts.extend(_attachments(found, options, nested))
    return Contents(parts=tuple(parts), notes=tuple(found.notes))


def _sort(part: Mail, found: _Mail, levels: int) -> None:
    kind = part.get_content_type()
    children = part.get_payload() if part.is_multipart() else None
    if kind.startswith("multipart/") and isinstance(children, list):
        if levels == 0:
            found.notes.append("left out parts that are nested too deep")
            return
        for child in children:
            if isinstance(child, Message):
                _sort(child, found, levels - 1)
    elif part.get_content_disposition() == "attachment" or file_name(part) or not kind.startswith("text/"):
        found.attached.append(part)
    else:
        (found.pages if kind == "text/html" else found.texts).append(part)


def _body(found: _Mail, options: ReadOptions) -> tuple[tuple[str, ...], tuple[Sheet, ...]]:
    """Lines of the plain text, or else of the HTML; and the tables of the HTML."""
    lines: list[str] = []
    for part in found.texts:
        text, note = text_of(part)
        lines.extend(split_lines(text))
        found.notes.extend([note] if note else [])
    pages = []
    for part in found.pages:
        text, note = text_of(part)
        pages.append(parse_page(text))
        found.notes.extend([note] if note else [])
    if not any(line.strip() for line in lines):
        lines = [line for page in pages for line in page.lines]
    tables = [table for page in pages for table in page.tables]
    return tuple(lines), as_sheets(tables, prefix="body table", max_cells=options.max_cells)


def _attachments(found: _Mail, options: ReadOptions, nested: Nested) -> list[Part]:
    parts: list[Part] = []
    names: set[str] = set()
    room = options.max_cells
    for number, part in enumerate(found.attached[:_MAX_ATTACHMENTS], start=1):
        name = _unique(normalize("NFC", _name(part, number)), names)
        inner = replace(options, max_cells=max(room, 0), max_depth=options.max_depth - 1)
        try:
            document = nested(name, _bytes(part), inner)
        except WorkItemError as error:
            found.notes.append(f"left out the attachment {name!r}: {error.detail}")
            continue
        room -= sum(len(row) for sheet in document.sheets for row in sheet.rows)
        found.notes.extend(f"{name}: {note}" for note in document.notes)
        # An image is the whole attachment: its part already bears the attachment's name.
        parts.extend(
            p if isinstance(p, Image) and p.name == name else replace(p, name=f"{name}/{p.name}")
            for p in document.parts
        )
    if len(found.attached) > _MAX_ATTACHMENTS:
        found.notes.append(
            f"left out {len(found.attached) - _MAX_ATTACHMENTS} attachments past the first {_MAX_ATTACHMENTS}"
        )
    return parts


def _bytes(part: Mail) -> bytes:
    children = part.get_payload()
    if isinstance(children, list):  # message/rfc822 and its kin: a mail as an attachment
        return b"\r\n\r\n".join(_flat(child) for child in children if isinstance(child, Message))
    return payload(part)


def _flat(message: Mail) -> bytes:
    try:
        return message.as_bytes()
    except (UnicodeError, ValueError, LookupError, TypeError, AttributeError):
        return str(message).encode("utf-8", "replace")


def _name(part: Mail, number: int) -> str:
    name = file_name(part)
    if name:
        return name
    children = part.get_payload()
    if isinstance(children, list) and children and isinstance(children[0], Message):
        return header(children[0], "Subject") or f"mail {number}"
    kind = media_type(payload(part))
    return f"image {number}.{kind.removeprefix('image/')}" if kind else f"attachment {number}"


def _unique(name: str, taken: set[str]) -> str:
    """The name, numbered where another attachment has it already."""
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name} ({count})"
    taken.add(candidate)
    return candidate
