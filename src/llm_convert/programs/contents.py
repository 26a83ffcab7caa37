"""Which kinds of content a cell is of, for tests and for choosing columns."""

from __future__ import annotations

import re
from datetime import date, time, timedelta

from llm_convert.contracts.document import CellValue
from llm_convert.programs.predicates import Content
from llm_convert.readings import ReadingError, is_missing, parse_date, parse_number
from llm_convert.readings.remembered import remembered
from llm_convert.readings.texts import is_spreadsheet_error

_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_LONGEST = 64
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,4}|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?")
"""Texts that are numbers to anybody: they need no grammar."""
_WORD = re.compile(r"[A-Za-z]{4}")
_DAYS_AND_MONTHS = frozenset(
    {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
    | {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
)

_BLANK = frozenset({Content.BLANK})
_STORED = frozenset({Content.FILLED, Content.NUMBER, Content.STORED_NUMBER})
_STORED_YEAR = _STORED | {Content.YEAR}
_BOOLEAN = frozenset({Content.FILLED, Content.BOOLEAN})
_DATE = frozenset({Content.FILLED, Content.DATE})
_MISSING = frozenset({Content.FILLED, Content.MISSING})
_TEXT = frozenset({Content.FILLED, Content.TEXT})
_TEXT_NUMBER = _TEXT | {Content.NUMBER}
_TEXT_YEAR = _TEXT_NUMBER | {Content.YEAR}


def contents_of(value: CellValue) -> frozenset[Content]:
    """Every kind of content that a cell's value is of."""
    match value:
        case None:
            return _BLANK
        case str():
            return _of_text(value)
        case bool():
            return _BOOLEAN
        case int() | float():
            if value != value:
                return _MISSING
            return _STORED_YEAR if 1900 <= value <= 2100 and value == int(value) else _STORED
        case date():
            return _DATE
        case time() | timedelta():
            return _STORED
        case _:
            return frozenset({Content.FILLED})


def is_mark(text: str) -> bool:
    """Whether a cell's text is a mark for no value."""
    return not text[0].isdecimal() and _is_mark(text)


@remembered
def _is_mark(text: str) -> bool:
    return is_missing(text)


@remembered
def _of_text(text: str) -> frozenset[Content]:
    stripped = text.strip()
    if PLAIN_NUMBER.fullmatch(stripped):
        return _TEXT_YEAR if _YEAR.fullmatch(stripped) else _TEXT_NUMBER
    if is_spreadsheet_error(stripped):
        return frozenset({Content.FILLED, Content.ERROR})
    if is_missing(stripped):
        return _TEXT | {Content.MISSING}
    if len(stripped) > _LONGEST:
        return _TEXT | {Content.WORDS}
    found = set(_TEXT)
    if any(letter.isdigit() for letter in stripped):
        found |= _numeric(stripped)
    if not found & {Content.NUMBER, Content.DATE}:
        found.add(Content.WORDS)
    return frozenset(found)


def _numeric(text: str) -> set[Content]:
    if _WORD.match(text) and text[:3].casefold() not in _DAYS_AND_MONTHS:
        return set()
    try:
        parse_number(text)
        return {Content.NUMBER}
    except ReadingError:
        pass
    try:
        parse_date(text)
        return {Content.DATE}
    except ReadingError:
        return set()
