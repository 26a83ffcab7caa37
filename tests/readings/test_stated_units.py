from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.readings import Unit, declared_unit, find_unit

STATED = {
    "(단위: 천원)": ("KRW", "1000"),
    "(단위 : 백만원)": ("KRW", "1000000"),
    "（단위：천원）": ("KRW", "1000"),
    "단위:원": ("KRW", "1"),
    "(단위 천원)": ("KRW", "1000"),
    "(단위: 천 원)": ("KRW", "1000"),
    "(단위: 천원, %)": ("KRW", "1000"),
    "단위 : 백만원 기준일: 2025.11.07": ("KRW", "1000000"),
    "화폐단위: 원": ("KRW", "1"),
    "단위: 백만 달러": ("USD", "1000000"),
    "(단위:천USD)": ("USD", "1000"),
    "(단위: 천명)": ("명", "1000"),
    "(단위: 박스)": ("박스", "1"),
    "단위: 천": ("", "1000"),
    "단위: %": ("%", "0.01"),
    "(Unit: EA)": ("EA", "1"),
    "Unit: thousand": ("", "1000"),
    "억원": ("KRW", "100000000"),
    "매출액(백만원)": ("KRW", "1000000"),
    "금액(원)": ("KRW", "1"),
    "수량(EA)": ("EA", "1"),
    "수수료율 (%)": ("%", "0.01"),
    "in thousands": ("", "1000"),
    "(in millions, except per share data)": ("", "1000000"),
    "(in thousands of won)": ("KRW", "1000"),
    "KRW in millions": ("KRW", "1000000"),
    "USD thousands": ("USD", "1000"),
    "US$ million": ("USD", "1000000"),
    "$'000": ("USD", "1000"),
    "Revenue, US$ million": ("USD", "1000000"),
    "£ million": ("GBP", "1000000"),
    "figures in £ millions": ("GBP", "1000000"),
    "(£Million)": ("GBP", "1000000"),
    "£m": ("GBP", "1000000"),
    "£M": ("GBP", "1000000"),
    "$m": ("USD", "1000000"),
    "US$ bn": ("USD", "1000000000"),
    "€k": ("EUR", "1000"),
    "GBP billion": ("GBP", "1000000000"),
    "All figures are shown in thousands of U.S. dollars": ("USD", "1000"),
    "(in €)": ("EUR", "1"),
    "(CHF million)": ("CHF", "1000000"),
    "¥ million": ("", "1000000"),
    "JPY million": ("JPY", "1000000"),
    "CN¥ million": ("CNY", "1000000"),
}
DECLARED = {
    "thousands": "1000",
    "'000": "1000",
    "billion": "1000000000",
    "천": "1000",
    "(백만)": "1000000",
    "(Thousands of Units. Detail may not add to total because of rounding.)": "1000",
    "(1,000 persons)": "1000",
    "Number (000s)": "1000",
}


@pytest.mark.parametrize(("text", "expected"), STATED.items())
def test_a_stated_unit_is_found(text: str, expected: tuple[str, str]) -> None:
    assert find_unit(text) == Unit(name=expected[0], scale=Decimal(expected[1]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "단위",
        "천원짜리 지폐",
        "지폐, 천원",
        "천원, 오천원, 만원권으로 준비",
        "12.5%",
        "1,234원",
        "Business unit: Sales",
        "단위: 팀별로 작성",
        "2025.11.03(월) ~ 2025.11.09(일)",
        "lost in thousands of cases",
        "주간 손익 현황",
        "대표이사 (인)",
        "$M",
        "m",
        "sums in £",
        "values in current prices",
        *DECLARED,
    ],
)
def test_prose_states_no_unit(text: str) -> None:
    assert find_unit(text) is None


@pytest.mark.parametrize(("text", "scale"), DECLARED.items())
def test_in_a_text_that_states_a_unit_a_bare_multiple_counts(text: str, scale: str) -> None:
    assert declared_unit(text) == Unit(name="", scale=Decimal(scale))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Number",
        "인천",
        "per 1,000 persons",
        "천명당",
        "thousands or millions",
        "1,234",
        "2,000",
        "thousands / %",
        "$M",
    ],
)
def test_where_no_multiple_or_two_are_declared_none_is_taken(text: str) -> None:
    assert declared_unit(text) is None


SCALES = {"thousand": 3, "thousands": 3, "'000": 3, "million": 6, "millions": 6, "bn": 9, "billion": 9, "trillion": 12}
SIGNS = {"£": "GBP", "€": "EUR", "$": "USD", "US$": "USD", "₩": "KRW", "GBP": "GBP", "CHF": "CHF", "¥": ""}


@given(
    sign=st.sampled_from(sorted(SIGNS)),
    scale=st.sampled_from(sorted(SCALES)),
    form=st.sampled_from(["{} {}", "({} {})", "in {} {}", "figures in {} {}", "Sales ({} {})", "Unit: {} {}"]),
    small=st.booleans(),
)
def test_every_currency_is_known_with_every_multiple(sign: str, scale: str, form: str, small: bool) -> None:
    text = form.format(sign, scale)
    expected = Unit(name=SIGNS[sign], scale=Decimal(10) ** SCALES[scale])
    assert find_unit(text.lower() if small else text) == expected
    assert declared_unit(text) == expected


@given(one=st.sampled_from(sorted(SCALES)), other=st.sampled_from(sorted(SCALES)), rest=st.text("abc ,.", max_size=8))
def test_a_multiple_is_never_chosen_of_two(one: str, other: str, rest: str) -> None:
    unit = declared_unit(f"Persons, {one}, {rest} {other}")
    assert unit == (Unit(name="", scale=Decimal(10) ** SCALES[one]) if SCALES[one] == SCALES[other] else None)


@settings(max_examples=200)
@given(text=st.text(max_size=40) | st.text(alphabet="(단위: 천원억만백,%)USDinthousandsEA$", max_size=30))
def test_any_text_is_answered(text: str) -> None:
    unit = find_unit(text)
    assert unit is None or unit.scale > 0
    assert declared_unit(text) is not None or unit is None


def test_a_unit_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Unit(name="KRW", scale=Decimal(1)).name = "USD"  # type: ignore[misc]
