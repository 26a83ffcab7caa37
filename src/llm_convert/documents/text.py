"""Bytes to text: UTF-8, UTF-16, the Korean code page, then a guess.

The order matters. Korean text in cp949 is almost never valid UTF-8, while UTF-8 is now and then valid cp949.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from llm_convert.errors import MissingExtraError

_GUESS_BYTES = 262_144
_GUESSES = ["johab", "shift_jis", "euc_jp", "gb18030", "big5", "cp1252", "cp1251", "cp1250", "latin_1"]
_LINE_END = re.compile(r"\r\n|\r|\n")
_LIKELY = re.compile(
    r"[\t\r\n -~\u00a0-\u024f\u2000-\u22ff\u3000-\u318f\u3200-\u33ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]"
)
"""Characters of business documents in Korean and its neighbours' languages."""
_LEAST_LIKELY = 0.95
"""The share of such characters without which bytes are no UTF-16 that nobody has declared."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text, and how it was told."""

    text: str = field(repr=False)
    encoding: str
    note: str = ""
    """What a person should know: empty for plain UTF-8."""


def decode(data: bytes) -> Decoded | None:
    """The text of these bytes; None when they are no text.

    Tried in order: UTF-16 with a byte order mark, UTF-16 without one where bytes are zero, UTF-8, cp949, each strictly
    (a few broken characters in much good text are tolerated and counted in the note), then charset-normalizer.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _printable(_utf_16(data, "utf-16"))
    if b"\x00" in data:
        return _unmarked_utf_16(data)
    data = data.rstrip(b"\x1a")  # the end-of-file mark of old DOS programs
    decoded = _strict(data, "utf-8-sig") or _nearly(data, "utf-8-sig")
    # Some programs put the mark of UTF-8 before whatever they write.
    data = data.removeprefix(codecs.BOM_UTF8)
    return _printable(decoded or _strict(data, "cp949") or _nearly(data, "cp949") or _guess(data))


def decode_as(data: bytes, charset: str | None) -> Decoded:
    """The text under a declared character set; where the declaration is wrong, as ``decode`` tells it.

    Never fails: what no character set explains is replaced, and the note says so.
    """
    codec = _codec(charset)
    decoded = (codec and _strict(data, codec)) or decode(data)
    if decoded is not None:
        return decoded
    text = data.decode(codec or "cp949", "replace").replace("\x00", "")
    return Decoded(text=text, encoding=codec or "cp949", note="some characters could not be decoded")


def split_lines(text: str) -> tuple[str, ...]:
    """Lines as an editor numbers them, without the blank ones at the end."""
    lines = _LINE_END.split(text)
    while lines and not lines[-1].strip():
        lines.pop()
    return tuple(lines)


def _codec(charset: str | None) -> str | None:
    """Python's name of a character set; EUC-KR in all its names is read as cp949, which contains it."""
    try:
        name = codecs.lookup((charset or "").strip().strip("\"'")).name
        "".encode(name)  # a codec that is no text encoding, such as hex, is refused here
    except (LookupError, ValueError, UnicodeError):
        return None
    return "cp949" if name == "euc_kr" else name


def _strict(data: bytes, encoding: str) -> Decoded | None:
    try:
        text = data.decode(encoding)
    except (UnicodeError, ValueError):
        return None
    plain = encoding in ("utf-8-sig", "utf-8", "ascii")
    return Decoded(text=text, encoding=encoding, note="" if plain else f"the text was read as {encoding}")


def _nearly(data: bytes, encoding: str) -> Decoded | None:
    """Text with at most one broken character in twenty that are not ASCII, such as a file that was cut off."""
    text = data.decode(encoding, "replace")
    broken = text.count("\ufffd")
    good = sum(len(run) for run in re.findall(r"[^\x00-\x7f\ufffd]+", text))
    if broken * 20 > good:
        return None
    return Decoded(
        text=text, encoding=encoding, note=f"the text was read as {encoding}; {broken} characters are broken"
    )


def _utf_16(data: bytes, encoding: str) -> Decoded | None:
    """Text in which hardly anything is broken: the end of a file that was cut off, or a half character within."""
    text = data.decode(encoding, "replace")
    broken = text.count("\ufffd")
    if broken > max(1, len(text) // 20):
        return None
    note = f"the text was read as {encoding}" + (f"; {broken} characters are broken" if broken else "")
    return Decoded(text=text, encoding=encoding, note=note)


def _unmarked_utf_16(data: bytes) -> Decoded | None:
    """UTF-16 that says nothing of its byte order: in one order it is text, in the other one it is nonsense."""
    for encoding in ("utf-16-le", "utf-16-be"):
        sample = data[:_GUESS_BYTES].decode(encoding, "replace").replace("\ufffd", "")
        if sample and len(_LIKELY.findall(sample)) >= _LEAST_LIKELY * len(sample):
            return _printable(_utf_16(data, encoding))
    return None


def _guess(data: bytes) -> Decoded | None:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        raise MissingExtraError("charset-normalizer", "documents") from None
    best = from_bytes(data[:_GUESS_BYTES], cp_isolation=_GUESSES, threshold=0.15).best()
    if best is None:
        return None
    text = data.decode(best.encoding, "replace")
    return Decoded(text=text, encoding=best.encoding, note=f"the text was read as {best.encoding}, a guess")


def _printable(decoded: Decoded | None) -> Decoded | None:
    """Refuse what has more than one control character in two hundred: binary data that happens to decode."""
    if decoded is None or len(_CONTROL.findall(decoded.text)) * 200 > len(decoded.text):
        return None
    return decoded
