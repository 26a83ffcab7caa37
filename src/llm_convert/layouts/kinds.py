"""What kind of content a cell holds, as far as the shape of a table depends on it.

Kinds decide where headers end and which columns are labels. They never decide a value: that is for ``readings``.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from enum import Enum

from llm_convert.contracts.document import CellValue
from llm_convert.readings import ReadingError, is_missing, parse_number
from llm_convert.readings.remembered import remembered


class Kind(Enum):
    """The kind of a filled cell."""

    TEXT = "text"
    NUMBER = "number"
    PERIOD = "period"
    """A year, or a text such as ``2016/17``, ``3월``, ``Q1``: a label as often as a value."""
    DATE = "date"
    MISSING = "missing"
    """A mark that stands for a value, such as ``-``, ``N/A``, ``*`` or a spreadsheet's ``#REF!``."""


YEARS = range(1900, 2101)
_MARK = re.compile(r"[*†‡※.]{1,3}|null|none|없음|미정|#[A-Z/0-9]+[!?]?|#+", re.IGNORECASE)
_YEAR = r"(?:19|20)\d{2}"
_PERIOD = re.compile(
    rf"'?{_YEAR}\s*(?:년|년도|年|FY)?(?:\s*[-/~.]\s*(?:\d{{4}}|\d{{1,2}}))?(?:\s*(?:\d{{1,2}}월|[1-4]분기|[상하]반기|Q[1-4]|[1-4]Q))?\s*[*p]*"
    r"|\d{1,2}\s*(?:월|일|주차?|분기)|[1-4]\s*/\s*4분기|Q[1-4]|[1-4]Q|[상하]반기|[IV]{1,3}\s*분기"
    r"|\d{1,2}/\d{1,2}(?:\s*\(?[월화수목금토일]\)?)?|\d{1,2}월\s*\d{1,2}일(?:\s*\([월화수목금토일]\))?",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:\d{4}|'?\d{2})\s*[-./년]\s*\d{1,2}\s*[-./월]\s*\d{1,2}\s*[일.]?"
    r"(?:\s*\(?[월화수목금토일](?:요일)?\)?)?(?:[ T]\d{1,2}:\d{2}.*)?"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
_LONGEST = 40


def kind_of(value: CellValue) -> Kind:
    """The kind of a filled cell's content."""
    match value:
        case str():
            return _kind_of_text(value)
        case bool():
            return Kind.TEXT
        case int() | float():
            if is_missing(value):
                return Kind.MISSING
            return Kind.PERIOD if value in YEARS else Kind.NUMBER
        case date():
            return Kind.DATE
        case time() | timedelta():
            return Kind.NUMBER
        case _:
            return Kind.MISSING


@remembered
def _kind_of_text(text: str) -> Kind:
    stripped = text.strip()
    if len(stripped) > _LONGEST:
        return Kind.TEXT
    if is_missing(stripped) or _MARK.fullmatch(stripped):
        return Kind.MISSING
    if _PERIOD.fullmatch(stripped):
        return Kind.PERIOD
    if _DATE.fullmatch(stripped):
        return Kind.DATE
    try:
        parse_number(stripped)
    except ReadingError:
        return Kind.TEXT
    return Kind.NUMBER
