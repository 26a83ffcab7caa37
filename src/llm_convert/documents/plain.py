"""Plain text: one page of lines. A file is plain text when it is text and nothing more particular."""

from __future__ import annotations

from llm_convert.contracts.document import TextPage
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.options import Contents, ReadOptions
from llm_convert.documents.text import decode, split_lines

_NOTHING = ' \t\r\n\f\v,;|"\ufeff\xa0'


def read(name: str, data: bytes, options: ReadOptions) -> Contents:  # noqa: ARG001 - every format's module has this form
    """One TextPage ``text``. Raises WorkItemError EMPTY_DOCUMENT for blank text."""
    decoded = decode(data)
    if decoded is None:
        raise WorkItemError(Cause.UNREADABLE, "the text is in no encoding that could be told")
    if not decoded.text.strip(_NOTHING):
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "the file holds nothing but blanks and delimiters")
    lines = split_lines(decoded.text)
    return Contents(parts=(TextPage(name="text", lines=lines),), notes=(decoded.note,) if decoded.note else ())
