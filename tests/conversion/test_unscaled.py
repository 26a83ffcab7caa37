"""A number that forgot the unit stated above it is not landed: it is wrong by a thousand, and equals its cell."""

from __future__ import annotations

from typing import Any

import pytest

from llm_convert.contracts.document import Document, Sheet
from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt
from llm_convert.contracts.work import Claimed
from llm_convert.conversion.draft import Draft

PROMPT = Prompt(
    prompt_id="p",
    file_ids=("X",),
    instructions="x",
    output=OutputSchema(
        table="t",
        fields=(OutputField(name="amount", type="decimal", unit="KRW"), OutputField(name="count", type="integer")),
    ),
)


def draft(rows: list[list[Any]], *claims: tuple[str, ...], derived: frozenset[str] = frozenset()) -> Draft:
    parts = (Sheet(name="S", rows=tuple(map(tuple, rows))),)
    document = Document(name="d", sha256="0" * 64, kind="xlsx", parts=parts)
    rows_ = [{"amount": Claimed(value=value, at=at)} for value, *at in claims]
    return Draft.of(rows_, PROMPT, document, derived=derived)


TITLE = [["매출", "(단위: 천원)"], ["품목", "금액", "수량"], ["a", 5, 7], ["b", 6, 8]]
HEADER = [["품목", "금액(천원)", "단가(원)"], ["a", 5, 7], ["b", 6, 8]]


@pytest.mark.parametrize(("rows", "claim", "stated"), [(TITLE, "S!B4", "S!B1"), (HEADER, "S!B3", "S!B1")])
def test_a_number_without_its_stated_unit_is_held_back(rows, claim, stated) -> None:
    right = draft(rows, ("6000", claim, stated))
    assert (len(right.rows), right.quarantined) == (1, ())
    wrong = draft(rows, ("6", claim))
    (bad,) = wrong.quarantined
    assert f"its unit is stated at {stated}" in bad.reasons[0]
    assert stated in wrong.said()
    assert draft(rows, ("6", claim), derived=frozenset({"amount"})).rows


def test_one_row_that_forgot_harms_no_other() -> None:
    found = draft(TITLE, ("5000", "S!B3", "S!B1"), ("6", "S!B4"))
    assert (len(found.rows), len(found.quarantined)) == (1, 1)


@pytest.mark.parametrize(
    "rows",
    [
        [["매출", "(단위: 원)"], ["품목", "금액"], ["a", 5]],
        [["매출"], ["품목", "금액(원)", "천원"], ["a", 5]],
        [["(단위: 천원)"], ["품목", "금액(원)"], ["a", 5]],
        [["(단위: 천개)"], ["품목", "금액"], ["a", 5]],
        [["품목", "금액"], ["x", "y"], ["a", 5], ["(단위: 천원)"]],
    ],
    ids=["won", "another column's", "its own header says won", "a multiple of pieces", "below"],
)
def test_other_statements_are_not_its_own(rows) -> None:
    assert draft(rows, ("5", "S!B3")).rows
