from __future__ import annotations

import pytest

from llm_convert.programs.periods import given_as, parse_period
from llm_convert.programs.picks import DateForm, DateOrder
from llm_convert.readings import ReadingError


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1986 1st quarter", "1986-01-01", "1986-03-31"),
        ("1986 1º trim.", "1986-01-01", "1986-03-31"),
        ("2013* 4º trim.", "2013-10-01", "2013-12-31"),
        ("2020 1분기", "2020-01-01", "2020-03-31"),
        ("2020년 3/4분기", "2020-07-01", "2020-09-30"),
        ("I trim 1998", "1998-01-01", "1998-03-31"),
        ("1998 IV", "1998-10-01", "1998-12-31"),
        ("2015Q3", "2015-07-01", "2015-09-30"),
        ("Q1 2015 (p)", "2015-01-01", "2015-03-31"),
        ("2020. 1/4", "2020-01-01", "2020-03-31"),
        ("2020. Ⅳ/4", "2020-10-01", "2020-12-31"),
        ("Ⅱ분기 2021p", "2021-04-01", "2021-06-30"),
        ("'21년 3월", "2021-03-01", "2021-03-31"),
        ("1T 2004", "2004-01-01", "2004-03-31"),
        ("first quarter of 2010", "2010-01-01", "2010-03-31"),
        ("상반기 2020", "2020-01-01", "2020-06-30"),
        ("2015 H2", "2015-07-01", "2015-12-31"),
        ("2014-03", "2014-03-01", "2014-03-31"),
        ("201402", "2014-02-01", "2014-02-28"),
        ("1940.10", "1940-10-01", "1940-10-31"),
        ("12/2004", "2004-12-01", "2004-12-31"),
        ("Mar-93", "1993-03-01", "1993-03-31"),
        ("Marzo 2001", "2001-03-01", "2001-03-31"),
        ("enero de 1997", "1997-01-01", "1997-01-31"),
        ("2014년 3월", "2014-03-01", "2014-03-31"),
        ("3월 2020", "2020-03-01", "2020-03-31"),
        ("Sept. 2001", "2001-09-01", "2001-09-30"),
        ("FY2016", "2016-01-01", "2016-12-31"),
        ("2016", "2016-01-01", "2016-12-31"),
        ("3 March 2014", "2014-03-03", "2014-03-03"),
        ("March 3, 2014", "2014-03-03", "2014-03-03"),
        ("2014. 3. 1.", "2014-03-01", "2014-03-01"),
    ],
)
def test_periods_as_statistics_write_them(text, first, last) -> None:
    period = parse_period(text)
    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "Total",
        "2016/17",
        "5 quarter 2014",
        "1st quarter",
        "2014 apples",
        "13월 2014",
        "",
        "Marsupial 2014",
        "19-Dec",
        "1/4",
    ],
)
def test_what_is_not_understood_is_no_period(text) -> None:
    with pytest.raises(ReadingError):
        parse_period(text)


def test_the_order_of_digits_is_the_programs() -> None:
    assert parse_period("03/04/2014", DateOrder.DMY).first.isoformat() == "2014-04-03"
    assert parse_period("03/04/14", DateOrder.MDY).first.isoformat() == "2014-03-04"
    assert parse_period("17-12.09", DateOrder.DMY).first.isoformat() == "2009-12-17"
    with pytest.raises(ReadingError):
        parse_period("13/13/2014", DateOrder.DMY)


@pytest.mark.parametrize(
    ("form", "given"),
    [("start", "2014-04-01"), ("end", "2014-06-30"), ("quarter", "2014-Q2"), ("year", "2014")],
)
def test_forms(form, given) -> None:
    assert given_as(parse_period("2014 Q2"), DateForm(form)) == given


def test_a_quarter_has_no_month() -> None:
    with pytest.raises(ReadingError, match="longer than a month"):
        given_as(parse_period("2014 Q2"), DateForm.MONTH)


@pytest.mark.parametrize(
    "text", ["2010/11", "2010-11", "2010/2011", "2010/1", "FY 2010/11", "2010\u201311 (prov.)", "2010/11학년도"]
)
def test_years_of_two_numbers_begin_where_the_program_says(text) -> None:
    period = parse_period(text, years_from=9)
    assert (period.first.isoformat(), period.last.isoformat()) == ("2010-09-01", "2011-08-31")
    assert given_as(period, DateForm.YEAR) == "2010"


@pytest.mark.parametrize("text", ["2016/18", "2016/17/18", "2016-17 total", "12016/17"])
def test_other_pairs_are_no_such_years(text) -> None:
    with pytest.raises(ReadingError):
        parse_period(text, years_from=4)


def test_a_century_ends_within_such_a_year() -> None:
    assert parse_period("1999/00", years_from=4).last.isoformat() == "2000-03-31"
    assert parse_period("March 2014", years_from=4).first.isoformat() == "2014-03-01"
