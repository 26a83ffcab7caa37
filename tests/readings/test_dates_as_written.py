from __future__ import annotations

import contextlib
from datetime import date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_convert.contracts.tables import FieldType
from llm_convert.readings import ReadingError, find_dates, parse_date, parse_datetime

SEVENTH = date(2025, 11, 7)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-07",
        "2025/11/07",
        "2025.11.07",
        "2025. 11. 7.",
        "2025. 11. 7. (금)",
        "25.11.07",
        "2025년 11월 7일",
        "2025년11월7일 금요일",
        "25년 11월 7일",
        "'25.11.07",
        "’25.11.7",
        "20251107",
        "２０２５－１１－０７",
        "2025-11-07(금)",
        "2025-11-07 00:00:00",
        "2025-11-07T00:00:00",
        "7 Nov 2025",
        "7-Nov-2025",
        "7th November 2025",
        "Fri, 7 Nov 2025",
        "Nov 7, 2025",
        "November 7, 2025",
        "nov. 7, 2025",
    ],
)
def test_people_write_a_day_like_this(text: str) -> None:
    assert parse_date(text) == SEVENTH


@pytest.mark.parametrize("text", ["25/12/2025", "12/25/2025", "25.12.2025"])
def test_an_order_that_only_one_size_allows_is_read(text: str) -> None:
    assert parse_date(text) == date(2025, 12, 25)


@pytest.mark.parametrize("text", ["01/02/2025", "11/07/2025", "25/11/07", "25-11-07"])
def test_two_readings_are_refused_as_ambiguous(text: str) -> None:
    with pytest.raises(ReadingError, match="ambiguous") as caught:
        parse_date(text)
    assert caught.value.type is FieldType.DATE
    assert "2025-11-07" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "45968",
        "2025-13-40",
        "2025-02-29",
        "2025.11",
        "1.2.3",
        "25/30/2025",
        "2025-11-07 14:00",
        "11/03",
        "어제",
        "2025.11.07.1",
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ReadingError):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "year", "days"),
    [
        ("2025년 11월 1주차 (2025.11.03 ~ 2025.11.09)", None, ["2025-11-03", "2025-11-09"]),
        ("2025.11.03 ~ 11.09", None, ["2025-11-03", "2025-11-09"]),
        ("2025.11.03–11.09", None, ["2025-11-03", "2025-11-09"]),
        ("2025년 11월 3일 ~ 9일", None, ["2025-11-03", "2025-11-09"]),
        ("2025.12.29(월)~01.04(일)", None, ["2025-12-29", "2026-01-04"]),
        ("2025.11.03 ~ 5개 지점", None, ["2025-11-03"]),
        ("11/03 ~ 11/09", None, []),
        ("11/03 ~ 11/09", 2025, ["2025-11-03", "2025-11-09"]),
        ("11.03 ~ 11.09", 2025, ["2025-11-03", "2025-11-09"]),
        ("11월 3일", None, []),
        ("11월 3일", 2025, ["2025-11-03"]),
        ("지점매출_20251103.csv", None, ["2025-11-03"]),
        ("01/02/2025, 25.11.07 and 7 Nov 2025", 2025, ["2025-11-07", "2025-11-07"]),
        ("서버 10.10.10.10, 판 1.2.3, 실행 20251107140000", 2025, []),
    ],
)
def test_dates_inside_a_text(text: str, year: int | None, days: list[str]) -> None:
    assert find_dates(text, year=year) == tuple(map(date.fromisoformat, days))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-11-07 14:00", "2025-11-07T14:00"),
        ("2025-11-07T14:00:00", "2025-11-07T14:00"),
        ("2025-11-07T14:00:00.5", "2025-11-07T14:00:00.500"),
        ("2025. 11. 7. 오후 2:30", "2025-11-07T14:30"),
        ("2025. 11. 7.(금) 오전 12:10", "2025-11-07T00:10"),
        ("2025-11-07 2:30 PM", "2025-11-07T14:30"),
        ("Nov 7, 2025 12:00 am", "2025-11-07T00:00"),
        ("2025년 11월 7일 14시 30분", "2025-11-07T14:30"),
        ("25.11.07 9:05", "2025-11-07T09:05"),
        ("2025-11-07", "2025-11-07T00:00"),
    ],
)
def test_people_write_a_moment_like_this(text: str, moment: str) -> None:
    assert parse_datetime(text) == datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["2025-11-07T14:00:00Z", "2025-11-07 14:00 +09:00", "2025-11-07 14:00 KST"])
def test_a_zone_is_refused_by_name(text: str) -> None:
    with pytest.raises(ReadingError, match="time zone"):
        parse_datetime(text)


@pytest.mark.parametrize(
    "text", ["2025-11-07 25:00", "2025-11-07 13:00 PM", "2025-11-07 14:60", "14:00", "2025-11-07 x", "01/02/2025 10:00"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ReadingError) as caught:
        parse_datetime(text)
    assert caught.value.type is FieldType.DATETIME


FORMATS = [
    "{d:%Y-%m-%d}",
    "{d:%Y/%m/%d}",
    "{d:%Y.%m.%d}",
    "{d.year}. {d.month}. {d.day}.",
    "{d:%y.%m.%d}",
    "'{d:%y}.{d.month}.{d.day}",
    "{d.year}년 {d.month}월 {d.day}일",
    "{d:%Y%m%d}",
    "{d.day} {d:%b} {d.year}",
    "{d:%B} {d.day}, {d.year}",
]
days = st.dates(date(1970, 1, 1), date(2068, 12, 31))


@settings(max_examples=150)
@given(day=days, form=st.sampled_from(FORMATS), tail=st.sampled_from(["", "(월)", " 00:00:00"]))
def test_a_day_in_each_format_reads_back_alone_and_in_prose(day: date, form: str, tail: str) -> None:
    text = form.format(d=day)
    assert parse_date(text + tail) == day
    assert find_dates(f"기준일: {text}{tail} 현재") == (day,)


@settings(max_examples=80)
@given(
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2068, 1, 1)),
    form=st.sampled_from(["%Y-%m-%d %H:%M:%S.%f", "%Y.%m.%d %I:%M:%S.%f %p"]),
)
def test_a_moment_reads_back(moment: datetime, form: str) -> None:
    assert parse_datetime(moment.strftime(form)) == moment


noise = st.text(alphabet="0123456789.-/ ~'년월일시분오전후:TZ+()금 NovPM,", max_size=40)


@settings(max_examples=200)
@given(text=st.text(max_size=40) | noise, year=st.none() | st.integers(1, 9999))
@example(text="9999.12.31 ~ 01.01", year=None)
@example(text="12월 31일 ~ 1일", year=9999)
def test_nothing_but_a_reading_error_escapes(text: str, year: int | None) -> None:
    find_dates(text, year=year)
    for parse in (parse_date, parse_datetime):
        with contextlib.suppress(ReadingError):
            parse(text)
