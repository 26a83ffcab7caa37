from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.bsda import ingestion_id, parse_bsda, parse_weekdays
from llm_convert.errors import ConfigurationError

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("text", "full"),
    [("20251107140000", "20251107140000"), ("20251107", "20251107000000"), (" 20251107 ", "20251107000000")],
)
def test_8_and_14_digits_are_taken(text: str, full: str) -> None:
    assert parse_bsda(text) == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025110",
        "202511071400",
        "2025-11-07",
        "20251107T14000",
        "٢٠٢٥١١٠٧",
        "20251301",
        "20251107250000",
        "20250230",
    ],
)
def test_anything_else_is_refused_in_the_users_words(text: str) -> None:
    with pytest.raises(ConfigurationError, match="BSDA must be 8 or 14 digits") as caught:
        parse_bsda(text)
    assert "20251107140000" in caught.value.remedy


@pytest.mark.parametrize(
    ("hours", "at", "days", "expected"),
    [
        (["23"], datetime(2025, 11, 7, 23, 0, 5, tzinfo=SEOUL), "*", "20251107230000"),
        (["23"], datetime(2025, 11, 7, 22, 59, tzinfo=SEOUL), "*", "20251106230000"),
        (["23"], datetime(2025, 11, 7, 14, 0, tzinfo=UTC), "*", "20251107230000"),
        (["06:30", "23"], datetime(2025, 11, 7, 7, 0, tzinfo=SEOUL), "*", "20251107063000"),
        (["06:30", "23"], datetime(2025, 11, 7, 6, 29, tzinfo=SEOUL), "*", "20251106230000"),
        (["23"], datetime(2025, 11, 9, 23, 30, tzinfo=SEOUL), "1-5", "20251107230000"),
        (["23"], datetime(2025, 11, 9, 23, 30, tzinfo=SEOUL), "sun", "20251109230000"),
        (["00"], datetime(2025, 11, 7, 0, 0, tzinfo=SEOUL), "*", "20251107000000"),
        (["23"], datetime(2025, 11, 2, 22, 0, tzinfo=SEOUL), "sun", "20251026230000"),
    ],
)
def test_the_newest_scheduled_time_gives_the_id(hours: list[str], at: datetime, days: str, expected: str) -> None:
    assert ingestion_id(hours, at, day_of_week=days) == expected


def test_the_id_is_in_the_tenants_time_zone() -> None:
    at = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)
    assert ingestion_id(["14"], at, timezone="UTC") == "20251107140000"
    assert ingestion_id(["23"], at, timezone="Asia/Seoul") == "20251107230000"
    assert ingestion_id(["09"], at, timezone="America/New_York") == "20251107090000"


@given(
    at=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1), timezones=st.just(UTC)),
    hours=st.lists(st.integers(0, 23).map("{:02d}".format), min_size=1, max_size=4),
    days=st.sampled_from(["*", "1-5", "mon", "sat-sun", "5-7", "0,3"]),
)
def test_the_id_is_never_after_the_run_and_never_skips_a_scheduled_time(
    at: datetime, hours: list[str], days: str
) -> None:
    found = datetime.strptime(ingestion_id(hours, at, day_of_week=days), "%Y%m%d%H%M%S").replace(tzinfo=SEOUL)
    assert found <= at
    probe = found + timedelta(hours=1)
    while probe <= at:
        scheduled = f"{probe.hour:02d}" in hours and probe.isoweekday() % 7 in parse_weekdays(days)
        assert not scheduled, f"{probe} was scheduled and is newer than {found}"
        probe += timedelta(hours=1)


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("*", {0, 1, 2, 3, 4, 5, 6}),
        ("1-5", {1, 2, 3, 4, 5}),
        ("MON-FRI", {1, 2, 3, 4, 5}),
        ("7", {0}),
        ("fri-sun", {5, 6, 0}),
        ("sun,3", {0, 3}),
    ],
)
def test_weekday_expressions(expression: str, days: set[int]) -> None:
    assert parse_weekdays(expression) == days


@pytest.mark.parametrize("expression", ["", "8", "5-2", "someday", "1-", "1;2"])
def test_bad_weekday_expressions_are_refused(expression: str) -> None:
    with pytest.raises(ConfigurationError, match="day_of_week holds"):
        parse_weekdays(expression)


@pytest.mark.parametrize("hours", [[], ["24"], ["7:60"], ["noon"], ["-1"]])
def test_bad_hours_are_refused(hours: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="transform_schedule"):
        ingestion_id(hours, datetime(2025, 1, 1, tzinfo=UTC))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no time zone"):
        ingestion_id(["23"], datetime(2025, 1, 1))
