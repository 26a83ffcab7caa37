"""Moments without a zone: a date and a time of day as people write them."""

from __future__ import annotations

import re
from datetime import datetime, time

from llm_convert.contracts.tables import FieldType
from llm_convert.readings.dates import leading_date
from llm_convert.readings.faults import ReadingError, shown

_HALF = r"(?:오전|오후|[ap]\.?m\.?)"
_TIME = re.compile(
    rf"(?:T| ?)(?P<before>{_HALF})? ?(?P<h>[0-9]{{1,2}})"
    r"(?::(?P<m>[0-9]{2})(?::(?P<s>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?"
    r"| ?시(?: ?(?P<km>[0-9]{1,2}) ?분)?(?: ?(?P<ks>[0-9]{1,2}) ?초)?)"
    rf" ?(?P<behind>{_HALF})?",
    re.IGNORECASE,
)
_ZONE = re.compile(r".*[0-9 ](?:Z|UTC|GMT|KST|[-+][0-9]{2}:?[0-9]{2})", re.IGNORECASE)
_AFTERNOON = ("오후", "p")


def parse_datetime(text: str) -> datetime:
    """The moment that a text names and nothing else, without a zone; a date alone is its midnight.

    Raises:
        ReadingError: for anything else, and for a time with a zone or an offset, since nothing here could convert it.
    """
    try:
        day, rest = leading_date(text)
    except ReadingError as error:
        raise ReadingError(error.found, type=FieldType.DATETIME, remedy=error.remedy) from None
    if not rest:
        return datetime.combine(day, time.min)
    match = _TIME.fullmatch(rest)
    if match is None and _ZONE.fullmatch(rest):
        raise ReadingError(
            f"{shown(text)} carries a time zone",
            type=FieldType.DATETIME,
            remedy="Give local time without a zone or an offset.",
        )
    clock = _time_of_day(match) if match else None
    if clock is None:
        raise ReadingError(
            f"{shown(text)} is no date with a time of day",
            type=FieldType.DATETIME,
            remedy="Expected such as 2025-11-07 14:00 or 2025. 11. 7. 오후 2:00.",
        )
    return datetime.combine(day, clock)


def _time_of_day(match: re.Match[str]) -> time | None:
    hour = int(match["h"])
    halves = [half.lower() for half in (match["before"], match["behind"]) if half]
    if len(halves) > 1 or (halves and not 0 < hour <= 12):
        return None
    if halves:
        hour = hour % 12 + (12 if halves[0].startswith(_AFTERNOON) else 0)
    try:
        return time(
            hour,
            int(match["m"] or match["km"] or 0),
            int(match["s"] or match["ks"] or 0),
            int((match["f"] or "")[:6].ljust(6, "0")),
        )
    except ValueError:
        return None
