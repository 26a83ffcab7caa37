"""What replies amount to: endings, repairs within their bound, and the same way again after a crash."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.checks import SumCheck
from llm_convert.contracts.document import Document, Sheet
from llm_convert.contracts.prompt import ModelTier, OutputField, OutputSchema, Prompt, WorkedExample
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Failure, Outcome, Reply, Result, WorkItemError
from llm_convert.conversion.case import Case
from llm_convert.conversion.settling import next_step
from llm_convert.ports import CompletionRequest
from work_items import work_item

LINES = (("품목", "금액"), ("샴푸", 100), ("린스", 250), ("빗", 50), ("합계", 400))
SHEET = Sheet(name="매출", rows=LINES)
DOCUMENT = Document(name="매출.xlsx", sha256="0" * 64, kind="xlsx", parts=(SHEET,))
ITEM = work_item(id="0" * 32, tenant="t1", file_id="SALES", document_name="매출.xlsx")
PROMPT = Prompt(
    prompt_id="p",
    file_ids=("SALES",),
    instructions="Sales.",
    output=OutputSchema(
        table="sales",
        fields=(OutputField(name="item", required=True), OutputField(name="amount", type="decimal", required=True)),
    ),
    checks=(SumCheck(kind="sum", value="amount", label="item", totals=("합계",)),),
)


def case(*, repairs: int = 2, tiers: dict[ModelTier, ModelTier] | None = None) -> Case:
    larger = {ModelTier.MAIN: ModelTier.STRONG} if tiers is None else tiers
    return Case(
        item=ITEM,
        prompt=PROMPT,
        document=DOCUMENT,
        run_id="r-01",
        bsda="20251107000000",
        max_output_tokens=1000,
        repairs=repairs,
        larger=larger.get,
    )


def row(line: int, amount: float | None = None) -> dict[str, Any]:
    item, stated = LINES[line - 1]
    return {
        "item": {"value": item, "at": [f"매출!A{line}"]},
        "amount": {"value": stated if amount is None else amount, "at": [f"매출!B{line}"]},
    }


ALL = [row(2), row(3), row(4), row(5)]


def said(answer: dict[str, Any] | None, *, stop: str = "tool_use", text: str = "") -> Reply:
    usage = Usage(calls=1, input_tokens=10, output_tokens=5, cost_microusd=7)
    return Reply(
        work_item=ITEM.id,
        run_id="r-01",
        provider="vertex",
        model="m",
        stop_reason=stop,
        answer=answer,
        text=text,
        usage=usage,
    )


def test_worked_examples_come_before_the_document_and_without_addresses() -> None:
    example = WorkedExample(document="샴푸 (1,000)", rows=({"item": "샴푸", "amount": -1000},), note="Brackets: minus.")
    shown = replace(case(), prompt=PROMPT.model_copy(update={"examples": (example,)}))
    request = next_step(shown, (), seconds=0.0)
    assert isinstance(request, CompletionRequest)
    assert request.system.endswith(
        "# Example 1\n샴푸 (1,000)\n## Its rows, without their addresses\n"
        '{"item": "샴푸", "amount": -1000}\nBrackets: minus.'
    )
    plain = next_step(case(), (), seconds=0.0)
    assert isinstance(plain, CompletionRequest)
    assert request.system.startswith(plain.system)
    assert request.content == plain.content


def rows(*found: dict[str, Any]) -> Reply:
    return said({"rows": list(found)})


def step(*replies: Reply, **how: Any) -> Result | Failure | CompletionRequest:
    return next_step(case(**how), replies, seconds=1.0)


def asked(*replies: Reply, **how: Any) -> CompletionRequest:
    found = step(*replies, **how)
    assert isinstance(found, CompletionRequest)
    assert found.call == len(replies) + 1
    return found


def ended(*replies: Reply, **how: Any) -> Result | Failure:
    found = step(*replies, **how)
    assert not isinstance(found, CompletionRequest)
    assert found.usage.calls == len(replies)
    return found


def amounts(result: Result) -> dict[str, int]:
    return {str(found.values["item"]): int(Decimal(str(found.values["amount"]))) for found in result.rows}


def test_a_right_answer_ends_it_without_its_total() -> None:
    result = ended(rows(*ALL))
    assert isinstance(result, Result)
    assert [found.values["item"] for found in result.rows] == ["샴푸", "린스", "빗"]
    assert "1 stated totals agree with their lines" in result.notes


def test_only_what_failed_is_asked_again_and_what_is_right_is_kept() -> None:
    request = asked(rows(row(2), row(3, 251), row(4), row(5)))
    (turn,) = request.turns
    assert turn.answer == {"rows": [row(3, 251)]}
    assert "row" in turn.fault and "매출!B3" in turn.fault
    result = ended(rows(row(2), row(3, 251), row(4), row(5)), rows(row(3)))
    assert isinstance(result, Result)
    assert amounts(result) == {"샴푸": 100, "린스": 250, "빗": 50}


def test_repairs_end_at_their_bound_and_the_last_goes_to_the_larger_model() -> None:
    wrong = rows(row(2, 1), row(3), row(4), row(5))
    assert asked(wrong).tier is ModelTier.MAIN
    assert asked(wrong, rows(row(2, 2))).tier is ModelTier.STRONG
    assert asked(wrong, rows(row(2, 2)), tiers={}).tier is ModelTier.MAIN
    result = ended(wrong, rows(row(2, 2)), rows(row(2, 3)))
    assert isinstance(result, Failure)
    assert result.cause is Cause.TOTALS_DISAGREE
    assert {reason for found in result.quarantined for reason in found.reasons}


def test_without_repairs_a_wrong_row_is_quarantined_at_once() -> None:
    failure = ended(rows(row(2, 1)), repairs=0)
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.NOTHING_PROVEN
    assert len(failure.quarantined) == 1


def test_totals_that_disagree_are_asked_for_as_a_whole_and_then_of_a_person() -> None:
    request = asked(rows(row(2), row(3), row(5)))
    assert "Stated totals disagree" in request.turns[0].fault
    assert len(request.turns[0].answer["rows"]) == 3
    mended = ended(rows(row(2), row(3), row(5)), rows(*ALL))
    assert isinstance(mended, Result)
    failure = ended(*[rows(row(2), row(3), row(5))] * 3)
    assert isinstance(failure, Failure)
    assert (failure.outcome, failure.cause) == (Outcome.CLARIFY, Cause.TOTALS_DISAGREE)


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (said(None, stop="refusal", text="no"), Cause.REFUSED),
        (said(None, stop="model_context_window_exceeded"), Cause.TOO_LARGE),
    ],
)
def test_what_no_further_call_can_mend_ends_by_its_name(reply: Reply, cause: Cause) -> None:
    with pytest.raises(WorkItemError) as caught:
        step(reply)
    assert caught.value.cause is cause


def test_a_cut_off_answer_gets_more_room_once() -> None:
    cut = said({"rows": [row(2)]}, stop="max_tokens")
    request = asked(cut)
    assert (request.max_output_tokens, request.turns) == (4000, ())
    with pytest.raises(WorkItemError) as caught:
        step(cut, cut)
    assert caught.value.cause is Cause.TRUNCATED
    assert isinstance(ended(cut, rows(*ALL)), Result)


def test_a_paused_turn_is_resumed_once() -> None:
    paused = said(None, stop="pause_turn")
    assert asked(paused).turns == ()
    with pytest.raises(WorkItemError) as caught:
        step(paused, paused)
    assert caught.value.cause is Cause.PAUSED


def test_a_question_goes_to_a_person() -> None:
    failure = ended(said({"rows": [], "clarify": "Which year?"}))
    assert isinstance(failure, Failure)
    assert (failure.outcome, failure.detail) == (Outcome.CLARIFY, "Which year?")


@pytest.mark.parametrize(
    ("reply", "cause", "told"),
    [
        (said({"rows": []}), Cause.EMPTY_ANSWER, "no rows"),
        (said(None, stop="end_turn", text="Let me look."), Cause.BAD_ANSWER, "called no tool"),
        (said({"rows": "none"}), Cause.BAD_ANSWER, "rows"),
        (said({"rows": [], "confidence": 1}), Cause.BAD_ANSWER, "no part of an answer"),
    ],
)
def test_a_bad_form_is_told_and_asked_again(reply: Reply, cause: Cause, told: str) -> None:
    (turn,) = asked(reply).turns
    assert told in turn.fault
    with pytest.raises(WorkItemError) as caught:
        step(reply, reply, reply)
    assert caught.value.cause is cause
    assert isinstance(ended(reply, rows(*ALL)), Result)


def test_a_failed_repair_takes_nothing_from_what_is_there() -> None:
    first = rows(row(2), row(3, 9), row(4))
    result = ended(first, said(None, stop="refusal"))
    assert isinstance(result, Result)
    assert amounts(result) == {"샴푸": 100, "빗": 50}
    assert any("a repair ended as refused" in note for note in result.notes)


REPLIES = [
    rows(*ALL),
    rows(row(2), row(3, 9), row(4)),
    rows(row(3)),
    rows(row(2, 5)),
    rows(row(2), row(5)),
    said({"rows": []}),
    said({"rows": [], "clarify": "Which?"}),
    said({"rows": [row(2)]}, stop="max_tokens"),
    said(None, stop="pause_turn"),
    said(None, stop="end_turn", text="Hm."),
    said(None, stop="refusal"),
    said({"not_an_object": "x"}),
]


def outcome(replies: list[Reply], repairs: int) -> Result | Failure | CompletionRequest | Cause:
    try:
        return step(*replies, repairs=repairs)
    except WorkItemError as error:
        return error.cause


@given(st.lists(st.integers(0, len(REPLIES) - 1), min_size=8, max_size=8), st.integers(0, 5))
def test_every_walk_ends_within_its_bound_the_same_way_again_and_with_proven_rows_alone(
    picked: list[int], repairs: int
) -> None:
    replies = [REPLIES[number] for number in picked]
    # A first call, one with more room, one resumed, and the repairs.
    for count in range(1, 3 + repairs + 1):
        found = outcome(replies[:count], repairs)
        assert found == outcome(replies[:count], repairs)
        if not isinstance(found, CompletionRequest):
            break
    assert not isinstance(found, CompletionRequest), "asked beyond its bound"
    if isinstance(found, Result):
        assert amounts(found).items() <= dict(LINES[1:]).items()
