"""Headers and character sets of mails as they are, not as they should be: raw Korean bytes, encoded words cut in the
middle of a letter, unknown or wrong character sets. Nothing here fails.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32

from llm_convert.documents.text import decode_as

Mail = Message
_HEADER_CHARACTERS = 10_000
_FOLD = re.compile(r"\s*[\r\n]+\s*")


def header(message: Mail, name: str) -> str:
    """A header's text on one line; empty when the mail has none."""
    for found, raw in message.raw_items():
        if found.lower() == name.lower():
            return words(str(raw))
    return ""


def words(raw: str) -> str:
    """A raw header value with its encoded words (``=?euc-kr?B?...?=``) and raw bytes decoded."""
    raw = _FOLD.sub(" ", _mended(raw)).strip()
    try:
        chunks = decode_header(raw)
    except (HeaderParseError, ValueError, LookupError):
        return raw
    return "".join(chunk if isinstance(chunk, str) else _chunk(chunk, charset) for chunk, charset in chunks).strip()


class Lenient(Compat32):
    """Parses headers as they come: raw 8-bit bytes decoded, so that file names and types can be asked for, and cut.

    The standard library takes time with the square of a header's length to read its words and parameters.
    """

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """The name and the text of a header."""
        name, raw = super().header_source_parse(sourcelines)
        return name, _mended(raw[:_HEADER_CHARACTERS])


def payload(part: Mail) -> bytes:
    """The decoded bytes of a part that is no container; empty where there are none."""
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AttributeError):
        return b""
    return data if isinstance(data, bytes) else b""


def text_of(part: Mail) -> tuple[str, str]:
    """The text of a text part, and a note when its character set had to be guessed."""
    charset = part.get_param("charset")
    declared = charset[2] if isinstance(charset, tuple) else charset
    decoded = decode_as(payload(part), declared if isinstance(declared, str) else None)
    guessed = "broken" in decoded.note or "guess" in decoded.note or "could not" in decoded.note
    return decoded.text, decoded.note if guessed else ""


def file_name(part: Mail) -> str:
    """The name of an attachment, without folders; empty when it has none."""
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        name = ""
    return words(name).replace("\\", "/").rpartition("/")[2].strip()


def _mended(raw: str) -> str:
    """A header with raw 8-bit bytes, which the parser keeps as lone surrogates, as text."""
    if raw.isascii():
        return raw
    try:
        data = raw.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return raw.encode("utf-8", "replace").decode()
    return decode_as(data, None).text


def _chunk(chunk: bytes, charset: str | None) -> str:
    # Encoded words that are cut inside a letter are joined by decode_header already.
    return decode_as(chunk, charset).text if charset else decode_as(chunk, "utf-8").text
