"""Percentages and balances that a prompt declares: what holds passes, any changed digit does not."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from llm_convert.contracts.checks import SumCheck
from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt
from llm_convert.contracts.work import Row
from llm_convert.conversion.asking import _task
from llm_convert.conversion.checks import Checked, check_rows
from llm_convert.programs.brief import target_text

STOCK = {"kind": "balance", "opening": "opening", "plus": ["bought"], "minus": ["sold"], "closing": "closing"}
SHARE = {"kind": "percent", "stated": "share", "part": "amount", "of": "whole"}
CASH = {"kind": "balance", "label": "item", "value": "amount", "group": ["month"], "opening": "기초", "plus": ["유입"],
        "minus": ["유출"], "closing": "기말"}  # fmt: skip
RATE = {"kind": "percent", "label": "item", "value": "amount", "group": ["month"], "stated": "이익률", "part": "이익",
        "of": "매출"}  # fmt: skip


def prompt(*checks: dict[str, Any]) -> Prompt:
    names = ("item", "month", "amount", "whole", "share", "opening", "bought", "sold", "closing")
    output = OutputSchema(table="t", fields=tuple(OutputField(name=name) for name in names))
    return Prompt.model_validate(
        {"prompt_id": "p", "file_ids": ["X"], "instructions": "x", "output": output, "checks": checks}
    )


def row(**values: Any) -> Row:
    return Row(values=values, at={name: (f"S!{name}",) for name in values})


def rows_of(month: str, **amounts: Any) -> list[Row]:
    return [row(item=item, month=month, amount=amount) for item, amount in amounts.items()]


def faults(checked: Checked) -> list[str]:
    return [*checked.disagreements, *(reason for bad in checked.quarantined for reason in bad.reasons)]


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        (STOCK, [row(opening="10", bought="5", sold="3", closing="12"), row(opening=None, bought="4", closing="4")]),
        (STOCK, [row(opening="10", closing=None)]),
        (SHARE, [row(amount="1", whole="3", share="33.3"), row(amount="2", whole="3", share="66.67"), row(share=None)]),
        (SHARE | {"factor": 1}, [row(amount=1, whole=8, share=0.125), row(amount=1, whole=3, share=1 / 3)]),
        (CASH, [*rows_of("1", 기초="100", 유입="20", 유출="5.5", 기말="114.5"), *rows_of("2", 기초="1", 기말="1")]),
        (RATE, rows_of("1", 매출="3000", 이익="-1000", 이익률="-33.3")),
    ],
    ids=["stock", "no closing", "shares", "fractions", "cash", "rate"],
)
def test_what_holds_passes(check, rows) -> None:
    assert faults(check_rows(prompt(check), rows)) == []


@pytest.mark.parametrize(
    ("check", "rows", "said"),
    [
        (
            STOCK,
            [row(opening="10", bought="5", sold="3", closing="13")],
            "closing 13 at S!closing is not opening 10 at S!opening plus bought 5 at S!bought less sold 3 at S!sold, "
            "which give 12: a difference of 1",
        ),
        (SHARE, [row(amount="1", whole="3", share="33.4")], "share 33.4 at S!share is not that of amount 1 at S!amount"
            " and whole 3 at S!whole, which give 33.333"),
        (SHARE, [row(amount="1", whole="0", share="1")], "whole is zero"),
        (SHARE, [row(amount="1", share="1")], "whole is not there"),
        (CASH, rows_of("1", 기초="1", 유입="2", 기말="4"), "기말 4 at S!amount is not 기초 1 at S!amount plus "
            "유입 2 at S!amount, which give 3: a difference of 1 (month 1)"),
        (CASH, rows_of("1", 유입="2", 기말="4"), "기초 is not there"),
        (RATE, rows_of("1", 이익="1", 이익률="5"), "매출 is not there"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_said_with_its_places(check, rows, said) -> None:
    (found,) = faults(check_rows(prompt(check), rows))
    assert said in found


def test_a_row_that_is_wrong_within_itself_harms_no_other() -> None:
    checked = check_rows(prompt(STOCK), [row(opening="1", closing="1"), row(opening="1", closing="2")])
    assert (len(checked.rows), len(checked.quarantined), checked.disagreements) == (1, 1, [])


def test_stated_percentages_are_left_out_and_are_no_part_of_a_sum() -> None:
    total = {"kind": "sum", "value": "amount", "label": "item", "totals": ["매출"], "group": ["month"]}
    rows = rows_of("1", 이익="10", 비용="30", 매출="40", 이익률="25")
    checked = check_rows(prompt(total, RATE), rows)
    assert (faults(checked), checked.totals) == ([], 2)
    assert [left.values["item"] for left in checked.rows] == ["이익", "비용"]
    assert "이익률" in _task(prompt(RATE))


def test_a_total_that_is_off_by_a_line_names_it() -> None:
    total = SumCheck(kind="sum", value="amount", label="item", totals=("합계",)).model_dump()
    (said,) = check_rows(prompt(total), rows_of("1", a="10", b="7", 합계="10")).disagreements
    assert said.endswith("a difference of -7, as much as the line at S!amount")


def test_the_writer_of_a_program_is_told() -> None:
    told = target_text(prompt(STOCK, SHARE))
    assert "opening + bought - sold is closing." in told
    assert "share is 100 x amount / whole." in told


@pytest.mark.parametrize("spoilt", [{"label": "item"}, {"value": "amount"}, {"group": ["month"]}, {"opening": "none"}])
def test_a_check_that_does_not_say_where_its_numbers_stand_is_refused(spoilt) -> None:
    with pytest.raises(ValidationError):
        prompt(STOCK | spoilt)


amounts = st.decimals(-(10**9), 10**9, places=2)


def changed_digit(text: str, place: int, digit: str) -> str:
    at = [index for index, one in enumerate(text) if one.isdigit()]
    index = at[place % len(at)]
    return text[:index] + digit + text[index + 1 :]


@given(st.lists(amounts, min_size=3, max_size=3), st.integers(0, 3), st.integers(0, 20), st.sampled_from("0123456789"))
def test_a_changed_digit_of_a_balance_is_caught(numbers, which, place, digit) -> None:
    opening, bought, sold = numbers
    values = dict(zip(("opening", "bought", "sold"), map(str, numbers), strict=True))
    values["closing"] = str(opening + bought - sold)
    assert faults(check_rows(prompt(STOCK), [row(**values)])) == []
    name = list(values)[which]
    spoilt = changed_digit(values[name], place, digit)
    assume(Decimal(spoilt) != Decimal(values[name]))
    assert len(faults(check_rows(prompt(STOCK), [row(**values | {name: spoilt})]))) == 1


@given(
    st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 3), st.integers(0, 9), st.sampled_from("0123456789")
)
def test_a_changed_digit_of_a_percentage_is_caught(part, whole, decimals, place, digit) -> None:
    exact = Decimal(part) / Decimal(whole) * 100
    stated = str(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
    assert faults(check_rows(prompt(SHARE), [row(amount=part, whole=whole, share=stated)])) == []
    spoilt = changed_digit(stated, place, digit)
    # Trailing zeros are not shown: 12.50 became 12.5, whose rounding is coarser.
    assume(Decimal(spoilt) != Decimal(stated) and spoilt[-1] != "0")
    # Exactly between two, both roundings are right.
    assume(abs(Decimal(spoilt) - exact) != Decimal(5).scaleb(-decimals - 1))
    assert len(faults(check_rows(prompt(SHARE), [row(amount=part, whole=whole, share=spoilt)]))) == 1
