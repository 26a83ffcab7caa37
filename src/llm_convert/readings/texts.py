"""Values as text, the marks of a missing value, and the plain form of characters that the parsers read."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta

from llm_convert.contracts.document import CellValue

THIN_SPACE = "\u00a0"
"""What every space that can part groups of digits becomes in plain text; all other white space becomes a blank."""

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SPACES = {ord(c): THIN_SPACE for c in "\u00a0\u2007\u2008\u2009\u200a\u202f"}
_DASHES = {ord(c): "-" for c in "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"}
_INVISIBLE = {ord(c): None for c in "\u200b\u200c\u200d\u2060\ufeff"}
_LOOKALIKES = {
    ord("￦"): "₩",
    ord("￥"): "¥",
    ord("’"): "'",
    ord("‘"): "'",
    ord("∼"): "~",
    ord("〜"): "~",
    ord("："): ":",
}
_PLAIN = {**_FULL_WIDTH, **_SPACES, **_DASHES, **_INVISIBLE, **_LOOKALIKES}

_DASH_MARK = re.compile(r"[-\u2014\u2015]+")
_MISSING_WORDS = frozenset({"", "…", "...", "n/a", "na", "n.a.", "nan", "#n/a", "해당없음", "해당 없음"})
_ERROR_MARK = re.compile(r"#(?:REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|#+)")
_EXACT_INTEGERS = 1e15
"""Below this every whole double is shown without an exponent, as a workbook shows it."""


def plain(text: str) -> str:
    """The text in NFC with full-width digits and signs, dashes and spaces in their plain form, stripped.

    Compatibility forms such as ``①`` or ``²`` stay: a footnote mark must never become a digit of the number beside it.
    """
    translated = unicodedata.normalize("NFC", text).translate(_PLAIN)
    return re.sub(r"[^\S\u00a0]", " ", translated).strip()


def is_missing(value: CellValue) -> bool:
    """Whether a cell says that there is no value: blank, a dash, an ellipsis, ``N/A`` or ``해당없음``.

    Spreadsheet errors such as ``#REF!`` are not missing but broken, except ``#N/A``.
    """
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if not isinstance(value, str):
        return False
    text = plain(value)
    return text.casefold() in _MISSING_WORDS or _DASH_MARK.fullmatch(text) is not None


def is_spreadsheet_error(text: str) -> bool:
    """Whether a text is what a spreadsheet shows for a formula that failed, or ``####``."""
    return _ERROR_MARK.fullmatch(text.strip()) is not None


def text_of(value: CellValue) -> str:
    """The one way to show a value as text: ``3.0`` is ``3``, a datetime at midnight is its date, None is empty."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < _EXACT_INTEGERS:
            return str(int(value))
        case datetime() if value.time() == time.min and value.tzinfo is None:
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return _clock(value)
        case _:
            return repr(value)


def _clock(span: timedelta) -> str:
    """Hours, minutes and seconds, as a spreadsheet shows ``[h]:mm:ss``."""
    seconds = abs(span) // timedelta(seconds=1)
    sign = "-" if span < timedelta(0) else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
