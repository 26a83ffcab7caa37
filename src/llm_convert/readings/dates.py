"""Dates as people write them.

A date with two readings is refused and never guessed, and a workbook's serial number is no date here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from llm_convert.contracts.tables import FieldType
from llm_convert.readings.faults import ReadingError, shown
from llm_convert.readings.texts import THIN_SPACE, plain

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<name>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_ORDINAL = r"(?:st|nd|rd|th)?"
_START = r"(?<![0-9])(?<![0-9][./])"

_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # 2025-11-07, 2025/11/07, 2025.11.07, 2025. 11. 7.
        _START
        + r"(?P<y>[0-9]{4}) ?(?P<sep>[-/.]) ?(?P<m>[0-9]{1,2}) ?(?P=sep) ?(?P<d>[0-9]{1,2})"
        + r"(?![0-9]|\.[0-9])(?: ?\.(?![0-9]))?",
        # 2025년 11월 7일, 25년 11월 7일
        r"(?<![0-9])'?(?P<y>[0-9]{4}|[0-9]{2}) ?년 ?(?P<m>[0-9]{1,2}) ?월 ?(?P<d>[0-9]{1,2}) ?일",
        # 25.11.07 is year, month, day in Korea; two digits each, so that 1.2.3 is none
        _START + r"(?P<y>[0-9]{2})\. ?(?P<m>[0-9]{2})\. ?(?P<d>[0-9]{2})(?![0-9]|\.[0-9])\.?",
        # '25.11.7 says by its apostrophe what the year is
        r"(?<!\w)'(?P<y>[0-9]{2})(?P<sep>[-/.]) ?(?P<m>[0-9]{1,2})(?P=sep) ?(?P<d>[0-9]{1,2})(?![0-9]|\.[0-9])\.?",
        # 20251107
        r"(?<![0-9])(?<![0-9][.,])(?P<y>(?:19|20)[0-9]{2})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?![0-9]|[.,][0-9])",
        # 7 Nov 2025, 7-Nov-2025, 7th of the month
        r"(?<![0-9])(?P<d>[0-9]{1,2})" + _ORDINAL + r"[ -]" + _MONTH + r",?[ -](?P<y>[0-9]{4})(?![0-9])",
        # Nov 7, 2025
        r"(?<![A-Za-z])" + _MONTH + r" (?P<d>[0-9]{1,2})" + _ORDINAL + r"(?:, ?| )(?P<y>[0-9]{4})(?![0-9])",
        # 25/12/2025: day and month in an order that only their size can tell
        _START + r"(?P<a>[0-9]{1,2})(?P<sep>[-/.])(?P<b>[0-9]{1,2})(?P=sep)(?P<y>[0-9]{4})(?![0-9])",
    )
)
_AMBIGUOUS = re.compile(r"[0-9]{1,2}([-/])[0-9]{1,2}\1[0-9]{2}")
_WEEKDAY = r"(?: ?\( ?(?:[월화수목금토일](?:요일)?|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*) ?\)| ?[월화수목금토일]요일)"
_LEADING_WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? ", re.IGNORECASE)
_AFTER_DATE = re.compile(_WEEKDAY + "?", re.IGNORECASE)
_MIDNIGHT = re.compile(r"(?:[ T]0?0:00(?::00(?:\.0+)?)?)?")

_PARTIAL = re.compile(
    r"(?<![0-9./])(?:(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})(?![0-9/]|\.[0-9])"
    r"|(?P<m2>[0-9]{1,2}) ?월 ?(?P<d2>[0-9]{1,2}) ?일"
    r"|(?P<m3>[0-9]{1,2})\. ?(?P<d3>[0-9]{1,2})\.?(?=" + _WEEKDAY + r"? ?~ ?[0-9]{1,2}\. ?[0-9]))"
)
_RANGE_END = re.compile(
    r"(?: ?\(?[월화수목금토일](?:요일)?\)?)?(?: ?~ ?|-(?=[0-9]{2}[./][0-9]{2}(?![0-9])))"
    r"(?:(?:(?P<m>[0-9]{1,2}) ?(?:[./-]|월) ?)(?P<d>[0-9]{1,2})(?![0-9]|[./-][0-9])"
    r"|(?P<only>[0-9]{1,2})(?=일|[).,]?(?:\s|$)))"
)


def parse_date(text: str) -> date:
    """The day that a text names and nothing else; a weekday or a time of 00:00 may follow.

    Raises:
        ReadingError: for anything else: a date with two readings such as ``01/02/2025``, a time of day, no real day.
    """
    day, rest = leading_date(text)
    if _MIDNIGHT.fullmatch(rest) is None:
        raise ReadingError(
            f"{shown(text)} is more than a date",
            type=FieldType.DATE,
            remedy="Declare the field as datetime if the time of day matters, else give the date alone.",
        )
    return day


def leading_date(text: str) -> tuple[date, str]:
    """The day that a text begins with, and what follows it and its weekday, in plain characters.

    Raises:
        ReadingError: when it begins with no date.
    """
    read = _LEADING_WEEKDAY.sub("", _spaced(text), count=1)
    for form in _FORMS:
        match = form.match(read)
        if match is None:
            continue
        day = _day(match)
        if day is None:
            raise _no_date(text, match)
        after = _AFTER_DATE.match(read, match.end())
        return day, read[after.end() if after else match.end() :]
    raise _no_date(text, _AMBIGUOUS.match(read))


def find_dates(text: str, *, year: int | None = None) -> tuple[date, ...]:
    """All dates inside a text, in order; both ends of a range such as ``2025.11.03 ~ 11.09``.

    Args:
        text: a line of prose, a title or a file's name.
        year: where it is given, ``11/03`` and ``11월 3일`` are days of that year; otherwise they are left out.
    """
    line = _spaced(text)
    found: list[date] = []
    position = 0
    for match in _candidates(line, partial=year is not None):
        if match.start() < position:
            continue
        position = match.end()
        day = _day(match, year)
        if day is None:
            continue
        found.append(day)
        end = _RANGE_END.match(line, position)
        last = _end_of_range(day, end) if end and not _full_date_at(line, end) else None
        if end and last:
            found.append(last)
            position = end.end()
    return tuple(found)


def _spaced(text: str) -> str:
    return re.sub(r" +", " ", plain(text).replace(THIN_SPACE, " "))


def _candidates(line: str, *, partial: bool) -> Iterator[re.Match[str]]:
    forms = (*_FORMS, _PARTIAL) if partial else _FORMS
    matches = [match for form in forms for match in form.finditer(line)]
    return iter(sorted(matches, key=lambda match: (match.start(), -match.end())))


def _full_date_at(line: str, end: re.Match[str]) -> bool:
    start = end.start("m") if end["m"] else end.start("only")
    return any(form.match(line, start) for form in _FORMS)


def _end_of_range(first: date, end: re.Match[str]) -> date | None:
    month = int(end["m"]) if end["m"] else first.month
    day = int(end["d"] or end["only"])
    last = _calendar(first.year, month, day)
    # 12.29 ~ 01.04 ends in the next year.
    return _calendar(first.year + 1, month, day) if last and last < first else last


def _day(match: re.Match[str], year: int | None = None) -> date | None:
    """The day of a match; None when there is no such day or when it has two readings."""
    parts = match.groupdict()
    if parts.get("a"):
        return _by_size(int(parts["y"]), int(parts["a"]), int(parts["b"]))
    if parts.get("y") is None:
        month, day = (
            parts.get("m") or parts.get("m2") or parts["m3"],
            parts.get("d") or parts.get("d2") or parts["d3"],
        )
        return None if year is None else _calendar(year, int(month), int(day))
    month = _MONTHS.index(parts["name"][:3].lower()) + 1 if parts.get("name") else int(parts["m"])
    return _calendar(_full_year(parts["y"]), month, int(parts["d"]))


def _by_size(year: int, a: int, b: int) -> date | None:
    readings = {day for day in (_calendar(year, a, b), _calendar(year, b, a)) if day}
    return readings.pop() if len(readings) == 1 else None


def _full_year(digits: str) -> int:
    if len(digits) == 4:
        return int(digits)
    # The same turn of the century as the C library's %y.
    return int(digits) + (2000 if int(digits) < 69 else 1900)


def _calendar(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _no_date(text: str, match: re.Match[str] | None) -> ReadingError:
    if match is None:
        return ReadingError(
            f"{shown(text)} is no date",
            type=FieldType.DATE,
            remedy="Expected such as 2025-11-07, 2025. 11. 7. or 2025년 11월 7일.",
        )
    parts = match.groupdict()
    if not parts or (parts.get("a") and max(int(parts["a"]), int(parts["b"])) <= 12):
        return ReadingError(
            f"{shown(text)} is ambiguous: day, month and year can be read in more than one order",
            type=FieldType.DATE,
            remedy="Write the year first with four digits, such as 2025-11-07.",
        )
    return ReadingError(
        f"{shown(text)} is no day of the calendar", type=FieldType.DATE, remedy="Correct the day in the document."
    )
