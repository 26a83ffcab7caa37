"""What the replies to a work item amount to: an ending, or one more question. Deterministic, and it asks nobody.

After a crash the stored replies are walked again: the same replies and document always lead to the same next step, so
nothing that was paid is paid again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from llm_convert.completion.tools import answer_of
from llm_convert.contracts.prompt import Strategy
from llm_convert.contracts.work import Answer, Cause, Failure, Outcome, Reply, Result, WorkItemError
from llm_convert.conversion.asking import build_request
from llm_convert.conversion.case import Case, attempts_of, usage_of
from llm_convert.conversion.draft import Draft
from llm_convert.ports import CompletionRequest, Turn

LARGEST_OUTPUT_TOKENS = 64_000
"""What an answer that was cut off may grow to."""


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Where the replies so far have led."""

    case: Case
    request: CompletionRequest
    """The next one to be asked."""
    draft: Draft | None = None
    """The rows so far; None while no reply held any."""
    repairs: int = 0
    enlarged: bool = False
    resumed: bool = False
    notes: list[str] = field(default_factory=list)


def next_step(case: Case, replies: Sequence[Reply], *, seconds: float) -> Result | Failure | CompletionRequest:
    """How the item ends by its replies, or what is asked next.

    Raises:
        WorkItemError: it ends without rows, for a named cause.
    """
    walk = _Walk(
        case=case,
        request=build_request(
            case.item, case.prompt, case.document, run_id=case.run_id, max_output_tokens=case.max_output_tokens
        ),
    )
    for reply in replies:
        if reply.purpose != "rows":
            continue
        try:
            ended = _judge(walk, reply, replies, seconds)
        except WorkItemError as error:
            if walk.draft is None or error.cause is Cause.DEFECT:
                raise
            # A repair that failed takes nothing from what is there already.
            walk.notes.append(f"a repair ended as {error.cause.value}")
            return _settled(walk, walk.draft, replies, seconds)
        if ended is not None:
            return ended
    return replace(walk.request, call=len(replies) + 1)


def _judge(walk: _Walk, reply: Reply, replies: Sequence[Reply], seconds: float) -> Result | Failure | None:
    """Take one reply in: the ending, or None when the walk's request is to be asked."""
    if _asks_again_as_it_is(walk, reply):
        return None
    refuse_unusable(reply)
    try:
        answer = answer_of(reply.answer)
    except WorkItemError as error:
        _mend_form(walk, reply, error)
        return None
    if answer.clarify and walk.draft is None:
        return _clarify(walk.case, replies, answer.clarify, seconds)
    if not answer.rows:
        _mend_emptiness(walk, reply, answer)
        return None
    draft = (
        walk.draft.mended(answer.rows) if walk.draft else Draft.of(answer.rows, walk.case.prompt, walk.case.document)
    )
    walk.draft = draft
    if draft.faults and _may_repair(walk, reply):
        _ask_for_repair(walk, Turn(answer=draft.faulty_answer(), text="", fault=draft.said()))
        return None
    return _settled(walk, draft, replies, seconds)


def _asks_again_as_it_is(walk: _Walk, reply: Reply) -> bool:
    """Once each: a cut off answer with more room, and a turn that the service paused."""
    request = walk.request
    if reply.stop_reason == "max_tokens" and not walk.enlarged and request.max_output_tokens < LARGEST_OUTPUT_TOKENS:
        walk.enlarged = True
        walk.notes.append("the first answer was cut off and asked for again with more room")
        walk.request = replace(request, max_output_tokens=min(LARGEST_OUTPUT_TOKENS, 4 * request.max_output_tokens))
        return True
    if reply.stop_reason == "pause_turn" and not walk.resumed:
        walk.resumed = True
        return True
    return False


def refuse_unusable(reply: Reply) -> None:
    """Tell the replies that must not be looked at as answers: a truncated call can still look like valid JSON."""
    if reply.stop_reason == "max_tokens":
        raise WorkItemError(Cause.TRUNCATED, f"the answer was cut off after {reply.usage.output_tokens} tokens")
    if reply.stop_reason == "model_context_window_exceeded":
        raise WorkItemError(Cause.TOO_LARGE, "the document does not fit the model's context")
    if reply.stop_reason == "refusal":
        raise WorkItemError(Cause.REFUSED, "the model refused to convert the document")
    if reply.stop_reason == "pause_turn":
        raise WorkItemError(Cause.PAUSED, "the service paused the answer twice")


def _mend_form(walk: _Walk, reply: Reply, error: WorkItemError) -> None:
    """An answer that can't be read is asked for again as a whole, with its first fault."""
    called = reply.answer is not None
    detail = error.detail if called else f"the model ended with {reply.stop_reason!r} and called no tool"
    if not _may_repair(walk, reply):
        raise WorkItemError(Cause.BAD_ANSWER, detail)
    fault = f"The answer can't be read: {detail}. Call the tool again with the whole answer in the declared form."
    _ask_for_repair(walk, Turn(answer=reply.answer, text=reply.text, fault=fault))


def _mend_emptiness(walk: _Walk, reply: Reply, answer: Answer) -> None:
    if answer.cause is not None:
        raise WorkItemError(answer.cause, answer.detail)
    if not _may_repair(walk, reply):
        raise WorkItemError(Cause.EMPTY_ANSWER, answer.detail or "the answer holds no rows")
    fault = "The answer holds no rows. Give the rows; if the document holds none, ask what is meant in `clarify`."
    _ask_for_repair(walk, Turn(answer=reply.answer, text=reply.text, fault=fault))


def _may_repair(walk: _Walk, reply: Reply) -> bool:
    return walk.repairs < walk.case.repairs and not is_deterministic(reply.provider)


def _ask_for_repair(walk: _Walk, turn: Turn) -> None:
    """The next request: what failed and why. The last one goes to the larger model, where there is one."""
    walk.repairs += 1
    tier = walk.request.tier
    larger = walk.case.larger(tier) if walk.repairs == walk.case.repairs else None
    walk.notes.append(f"repair {walk.repairs} was asked for" + (f" of the {larger.value} model" if larger else ""))
    walk.request = replace(walk.request, turns=(turn,), tier=larger or tier)


def is_deterministic(provider: str) -> bool:
    """Whether asking again would bring the same answer."""
    return provider == "rules"


def _settled(walk: _Walk, draft: Draft, replies: Sequence[Reply], seconds: float) -> Result | Failure:
    case, last = walk.case, replies[-1]
    usage = usage_of(replies)
    attempts = attempts_of(replies)
    if draft.disagreements:
        return totals_disagree(case, draft, replies, seconds)
    if not draft.rows and draft.quarantined:
        # Not raised: the rows go into the quarantine, whose reasons a person must read.
        return Failure(
            item=case.item,
            run_id=case.run_id,
            cause=Cause.NOTHING_PROVEN,
            detail=f"{len(draft.quarantined)} rows quarantined; {_first(list(draft.quarantined[0].reasons))}",
            usage=usage,
            seconds=seconds,
            quarantined=draft.quarantined,
            attempts=attempts,
        )
    return Result(
        item=case.item,
        run_id=case.run_id,
        bsda=case.bsda,
        provider=last.provider,
        model=last.model,
        strategy=Strategy.RULES if is_deterministic(last.provider) else Strategy.DIRECT,
        table=case.prompt.output.table,
        rows=draft.rows,
        quarantined=draft.quarantined,
        notes=(*case.document.notes, *case.notes, *draft.coverage_notes(), *walk.notes),
        usage=usage,
        seconds=seconds,
        attempts=attempts,
    )


def totals_disagree(case: Case, draft: Draft, replies: Sequence[Reply], seconds: float) -> Failure:
    """A person is asked which is wrong, a total or its lines; no row is landed before."""
    return Failure(
        item=case.item,
        run_id=case.run_id,
        outcome=Outcome.CLARIFY,
        cause=Cause.TOTALS_DISAGREE,
        detail=_first(draft.disagreements),
        usage=usage_of(replies),
        seconds=seconds,
        quarantined=draft.all_quarantined(),
        attempts=attempts_of(replies),
    )


def _clarify(case: Case, replies: Sequence[Reply], question: str, seconds: float) -> Failure:
    return Failure(
        item=case.item,
        run_id=case.run_id,
        outcome=Outcome.CLARIFY,
        cause=Cause.CLARIFY,
        detail=question,
        usage=usage_of(replies),
        seconds=seconds,
        attempts=attempts_of(replies),
    )


def _first(lines: Sequence[str]) -> str:
    return lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")
