"""BSDA, a run's base time: the 14-digit ingestion id ``YYYYMMDDHHMMSS`` in the tenant's own time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from llm_convert.errors import ConfigurationError

DEFAULT_TIMEZONE = "Asia/Seoul"
BSDA_PATTERN = r"^(\d{8}|\d{14})$"
_REMEDY = "Give 14 digits such as 20251107140000 (YYYYMMDDHHMMSS), or 8 such as 20251107 for midnight of that day."
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def parse_bsda(text: str) -> str:
    """The 14-digit form of a BSDA.

    Args:
        text: 14 digits, or 8 digits that stand for that day's 000000.

    Raises:
        ConfigurationError: for anything else, and for digits that are no date or time.
    """
    text = text.strip()
    if not re.match(BSDA_PATTERN, text, re.ASCII):
        raise ConfigurationError(f"BSDA must be 8 or 14 digits, found {text!r}", remedy=_REMEDY)
    full = text.ljust(14, "0")
    try:
        datetime.strptime(full, "%Y%m%d%H%M%S")
    except ValueError:
        raise ConfigurationError(
            f"BSDA must be 8 or 14 digits of a real date and time, found {text!r}", remedy=_REMEDY
        ) from None
    return full


def _validated(text: str) -> str:
    try:
        return parse_bsda(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


Bsda = Annotated[str, AfterValidator(_validated)]
"""A pydantic type: accepts 8 or 14 digits, holds 14."""


def ingestion_id(
    schedule_hours: Sequence[str],
    at: datetime,
    *,
    day_of_week: str = "*",
    timezone: str = DEFAULT_TIMEZONE,
) -> str:
    """The BSDA of the newest scheduled time that is not after ``at``.

    Args:
        schedule_hours: local times of a day, ``HH`` or ``HH:MM``, such as ``["23"]``.
        at: the moment of the run; it must carry a time zone.
        day_of_week: a cron weekday expression: ``*``, ``1-5``, ``mon-fri``, ``sun,3``; 0 and 7 are Sunday.
        timezone: the tenant's IANA time zone, in which hours and weekdays are read and the BSDA is written.

    Raises:
        ConfigurationError: for hours or weekdays that cannot be read, or a time without a zone.
    """
    if at.tzinfo is None:
        raise ConfigurationError(f"the run time {at.isoformat()} has no time zone", remedy="Pass an aware datetime.")
    # Through the timestamp: subclasses such as pendulum's do arithmetic and conversion in ways of their own.
    local = datetime.fromtimestamp(at.timestamp(), ZoneInfo(timezone))
    times = sorted((parse_schedule_time(text) for text in schedule_hours), reverse=True)
    if not times:
        raise ConfigurationError("transform_schedule is empty", remedy="Give at least one hour such as ['23'].")
    weekdays = parse_weekdays(day_of_week)
    for days_back in range(8):
        day = (local - timedelta(days=days_back)).date()
        if (day.isoweekday() % 7) not in weekdays:
            continue
        for hour, minute in times:
            if days_back > 0 or (hour, minute) <= (local.hour, local.minute):
                return f"{day:%Y%m%d}{hour:02d}{minute:02d}00"
    raise AssertionError("a week always holds a scheduled weekday")


def parse_schedule_time(text: str) -> tuple[int, int]:
    """Hour and minute of ``HH`` or ``HH:MM``."""
    match = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?", text.strip(), re.ASCII)
    hour, minute = (int(match[1]), int(match[2] or 0)) if match else (24, 0)
    if hour > 23 or minute > 59:
        raise ConfigurationError(
            f"transform_schedule holds {text!r}",
            remedy="Give local hours of a day, HH or HH:MM, such as '23' or '06:30'.",
        )
    return hour, minute


def parse_weekdays(expression: str) -> frozenset[int]:
    """The weekdays of a cron expression, Sunday as 0."""
    days: set[int] = set()
    for part in expression.lower().split(","):
        first, dash, last = part.strip().partition("-")
        if first == "*" and not dash:
            days.update(range(7))
            continue
        low, high = _weekday(first, expression), _weekday(last if dash else first, expression)
        if high < low and high == 0:
            high = 7
        if high < low:
            raise _bad_weekdays(expression)
        days.update(day % 7 for day in range(low, high + 1))
    return frozenset(days)


def _weekday(text: str, expression: str) -> int:
    name = text.strip()
    if name[:3] in _DAYS and name.isalpha():
        return _DAYS.index(name[:3])
    if name.isdecimal() and name.isascii() and int(name) <= 7:
        return int(name)
    raise _bad_weekdays(expression)


def _bad_weekdays(expression: str) -> ConfigurationError:
    return ConfigurationError(
        f"day_of_week holds {expression!r}",
        remedy="Give a cron weekday expression such as '*', '1-5', 'mon-fri' or 'sun,3'.",
    )
