from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.readings import Unit, find_unit

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
        "천",
    ],
)
def test_prose_states_no_unit(text: str) -> None:
    assert find_unit(text) is None


@settings(max_examples=200)
@given(text=st.text(max_size=40) | st.text(alphabet="(단위: 천원억만백,%)USDinthousandsEA$", max_size=30))
def test_any_text_is_answered(text: str) -> None:
    unit = find_unit(text)
    assert unit is None or unit.scale > 0


def test_a_unit_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Unit(name="KRW", scale=Decimal(1)).name = "USD"  # type: ignore[misc]
