from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt
from llm_convert.contracts.work import Row
from llm_convert.conversion.checks import check_rows


def prompt(*checks: dict[str, Any]) -> Prompt:
    fields = tuple(OutputField(name=name) for name in ("section", "item", "branch", "amount"))
    return Prompt.model_validate(
        {
            "prompt_id": "p",
            "file_ids": ["X"],
            "instructions": "x",
            "output": OutputSchema(table="t", fields=fields),
            "checks": checks,
        }
    )


def row(section: str, item: str, branch: str, amount: int | str) -> Row:
    return Row(
        values={"section": section, "item": item, "branch": branch, "amount": str(amount)},
        at={"amount": (f"S!{item}",)},
    )


SUB = {"kind": "sum", "value": "amount", "label": "item", "totals": ["소계"], "group": ["section", "branch"]}
GRAND = {"kind": "sum", "value": "amount", "label": "item", "totals": ["총계"], "group": ["branch"]}
ACROSS = {"kind": "sum", "value": "amount", "label": "branch", "totals": ["합 계"], "group": ["section", "item"]}


def test_totals_of_every_level_are_compared_and_left_out() -> None:
    rows = [
        row("매출", "a", "본점", 1),
        row("매출", "b", "본점", 2),
        row("매출", "소계", "본점", 3),
        row("비용", "c", "본점", 4),
        row("", "총계", "본점", 7),
    ]
    checked = check_rows(prompt(SUB, GRAND), rows)
    assert checked.disagreements == []
    assert checked.totals == 2
    assert [r.values["item"] for r in checked.rows] == ["a", "b", "c"]


def test_totals_across_columns_hold_for_subtotals_too() -> None:
    rows = [
        row("매출", "a", "본점", 1), row("매출", "a", "강남", 10), row("매출", "a", "합계", 11),
        row("매출", "소계", "본점", 1), row("매출", "소계", "강남", 10), row("매출", "소계", "합계", 11),
    ]  # fmt: skip
    checked = check_rows(prompt(SUB, ACROSS), rows)
    assert checked.disagreements == []
    assert len(checked.rows) == 2


def test_a_disagreement_says_where_and_by_how_much() -> None:
    checked = check_rows(prompt(SUB), [row("매출", "a", "본점", 1), row("매출", "소계", "본점", 3)])
    assert checked.disagreements == [
        "소계 at S!소계 (section 매출, branch 본점) states 3, its 1 lines add up to 1: a difference of 2"
    ]


def test_a_total_without_lines_disagrees() -> None:
    assert len(check_rows(prompt(SUB), [row("매출", "소계", "본점", 3)]).disagreements) == 1


def test_rows_that_share_a_key_are_all_quarantined() -> None:
    checked = check_rows(
        prompt({"kind": "unique", "fields": ["item"]}),
        [row("s", "a", "b", 1), row("s", "a", "b", 2), row("s", "c", "b", 3)],
    )
    assert [r.values["item"] for r in checked.rows] == ["c"]
    assert "2 rows of this document share this key" in checked.quarantined[0].reasons[0]


def test_values_out_of_range_are_quarantined() -> None:
    checked = check_rows(
        prompt({"kind": "range", "field": "amount", "minimum": 0, "maximum": 10}),
        [row("s", "a", "b", -1), row("s", "b", "b", 5), row("s", "c", "b", 11)],
    )
    assert [r.values["item"] for r in checked.rows] == ["b"]


@given(amounts=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8), at=st.data())
def test_any_changed_amount_under_a_total_is_caught(amounts: list[int], at: st.DataObject) -> None:
    index = at.draw(st.integers(0, len(amounts) - 1))
    wrong = at.draw(st.integers(-(10**12), 10**12).filter(lambda n: n != amounts[index]))
    total = row("s", "소계", "b", sum(amounts))
    changed = [*amounts[:index], wrong, *amounts[index + 1 :]]
    assert (
        check_rows(prompt(SUB), [*(row("s", f"i{i}", "b", n) for i, n in enumerate(amounts)), total]).disagreements
        == []
    )
    assert (
        len(check_rows(prompt(SUB), [*(row("s", f"i{i}", "b", n) for i, n in enumerate(changed)), total]).disagreements)
        == 1
    )
