"""One work item from its bytes to a stored ``Result`` or ``Failure``.

The order is the promise: the claim before the call, the call written down before it leaves, the paid reply into the
store before anything looks at it, then the proof, then the ending. Kill it anywhere and run it again: what is stored is
walked again for nothing. The window that remains is the call itself: one that was on its way when the process died is
asked again, and stands in doubt.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.lease import Claim, Held, LeaseLostError
from llm_convert.completion.errors import BudgetExceededError, NoProviderAnsweredError
from llm_convert.contracts.calls import Attempt
from llm_convert.contracts.prompt import Prompt, Strategy
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Failure, Reply, Result, WorkItem, WorkItemError
from llm_convert.conversion.case import Case, usage_of
from llm_convert.conversion.opening import first_request
from llm_convert.conversion.reading import case_of, reader_of
from llm_convert.conversion.strategies import strategies_of
from llm_convert.conversion.walk import Walk
from llm_convert.conversion.workshop import Workshop
from llm_convert.errors import ConfigurationError, DataError, StoreError, UnavailableError
from llm_convert.ports import CompletionRequest

CODE_VERSION = "1"
"""Part of every work item's id. Raise it when the same reply would give other rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a work item stands after ``convert``."""

    ending: Result | Failure
    reused: bool
    """It was ended already; nothing was done now."""
    usage: Usage
    """What the run's report is to tell: paid now, or by a killed try before it. A stored reply costs nothing again."""
    seconds: float
    held_seconds: float | None = None
    """Somebody else works on it and holds it that long still; None when it is ended."""


async def convert(item: WorkItem, prompt: Prompt, workshop: Workshop) -> Done:
    """Convert one work item, or find that it is done.

    Raises:
        StoreError: the store failed; nothing can be kept, so the run must stop.
    """
    with workshop.turns.under_way(prompt.prompt_id, item.id):
        return await _convert(item, prompt, workshop)


async def _convert(item: WorkItem, prompt: Prompt, workshop: Workshop) -> Done:
    started = time.monotonic()
    claim = await asyncio.to_thread(_ended_or_claimed, item, workshop)
    if isinstance(claim, Result | Failure):
        return Done(ending=claim, reused=True, usage=Usage(), seconds=0.0)
    if isinstance(claim, Held):
        return _held(item, claim, workshop, started)
    journal = ClaimJournal(workshop.ledger, claim)
    with workshop.heartbeat.keeping(journal):
        return await _convert_claimed(item, prompt, journal, workshop, started)


def opening_request(item: WorkItem, prompt: Prompt, workshop: Workshop) -> CompletionRequest | None:
    """What a claimed item asks first; None where it is ended, was answered, ends without a question, or waits for
    the program of a document that looks like it. One at a time.

    Raises:
        StoreError: the store failed.
    """
    if _ended(item, workshop) is not None or _paid_before(item, workshop):
        return None
    try:
        return first_request(item, prompt, workshop)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with it, ``convert`` gives it its name
        return None


def _ended_or_claimed(item: WorkItem, workshop: Workshop) -> Result | Failure | Claim | Held:
    return _ended(item, workshop) or workshop.ledger.claim(item)


def _ended(item: WorkItem, workshop: Workshop) -> Result | Failure | None:
    """How an earlier run ended the item; None when there is something left to do.

    A forced run takes no word of other launches, but those of its own earlier tries: force pays once, not once a retry.
    """
    ending = workshop.ledger.result(item.id) or workshop.ledger.failure(item.id)
    if ending is None or (isinstance(ending, Failure) and ending.try_again):
        return None
    return ending if workshop.accepts(ending.run_id) else None


def _told(ending: Result | Failure, case: Case) -> dict[str, Any]:
    """What an ending is told of the strategies before it. A result has its notes already."""
    drift = case.drift.said if case.drift is not None else ""
    if isinstance(ending, Result):
        # A program that was kept in the meantime fits: the layout is a known one again.
        return {"drift": "" if ending.strategy == Strategy.KEPT else drift}
    return {"drift": drift, "notes": case.notes}


def _held(item: WorkItem, held: Held, workshop: Workshop, started: float) -> Done:
    detail = f"{held.owner} holds it for {held.seconds_left:.0f} s more"
    failure = Failure(item=item, run_id=workshop.run_id, cause=Cause.CLAIMED_ELSEWHERE, detail=detail)
    return Done(
        ending=failure,
        reused=False,
        usage=Usage(),
        seconds=time.monotonic() - started,
        held_seconds=max(0.0, held.seconds_left),
    )


async def _convert_claimed(
    item: WorkItem, prompt: Prompt, journal: ClaimJournal, workshop: Workshop, started: float
) -> Done:
    replies: list[Reply] = []
    walk: Walk | None = None
    try:
        begun = await asyncio.to_thread(_ended_or_begun, item, prompt, replies, journal, workshop, started)
        if isinstance(begun, Result | Failure):
            return Done(ending=begun, reused=True, usage=Usage(), seconds=0.0)
        walk = begun
        ending = await walk.to_the_end()
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.to_thread(journal.release))
        raise
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - one bad document never stops another, whatever is wrong with it
        ending = _failure(item, error, workshop.run_id, replies, time.monotonic() - started)
    paid = usage_of([reply for reply in replies if workshop.tells_of(reply.run_id)])
    told = _told(ending, walk.case) if walk is not None else {}
    ending = await asyncio.to_thread(_finish, journal, ending.model_copy(update={"paid": paid, **told}), workshop)
    return Done(ending=ending, reused=False, usage=paid, seconds=time.monotonic() - started)


def _ended_or_begun(
    item: WorkItem, prompt: Prompt, replies: list[Reply], journal: ClaimJournal, workshop: Workshop, started: float
) -> Result | Failure | Walk:
    """The way of a claimed item, with what was paid for it before added to ``replies``."""
    # Another owner may have ended it between our look and our claim.
    ended = _ended(item, workshop)
    if ended is not None:
        journal.release()
        return ended
    replies += _paid_before(item, workshop)
    case = case_of(item, prompt, workshop)
    return Walk(
        case,
        strategies_of(prompt, workshop, reader_of(case, workshop)),
        replies,
        turns=workshop.turns,
        ask=lambda request: _ask(request, journal, workshop),
        started=started,
    )


async def _ask(request: CompletionRequest, journal: ClaimJournal, workshop: Workshop) -> Reply:
    listener = workshop.listener
    if listener is None:
        return await workshop.engine.ask(request, journal)
    try:
        return await workshop.engine.ask(replace(request, listen=partial(listener.begin, request.work_item)), journal)
    finally:
        listener.end(request.work_item)


def _finish(journal: ClaimJournal, ending: Result | Failure, workshop: Workshop) -> Result | Failure:
    """Store the ending; what another owner stored first, after our lease was lost, outranks ours."""
    try:
        return journal.finish(ending)
    except LeaseLostError as error:
        standing = _ended(ending.item, workshop)
        return standing or Failure(
            item=ending.item, run_id=workshop.run_id, cause=Cause.CLAIMED_ELSEWHERE, detail=str(error)
        )


def _paid_before(item: WorkItem, workshop: Workshop) -> list[Reply]:
    """The stored replies; those that a forced run does not accept are forgotten with all that came of them."""
    replies = workshop.ledger.replies(item.id)
    if workshop.force and not (replies and all(workshop.accepts(reply.run_id) for reply in replies)):
        workshop.ledger.reset(item.id)
        return []
    return replies


def _failure(item: WorkItem, error: Exception, run_id: str, replies: list[Reply], seconds: float) -> Failure:
    """The one place where an exception becomes a work item's named failure."""
    attempts: list[Attempt] = [attempt for reply in replies for attempt in reply.attempts]
    match error:
        case WorkItemError():
            cause, detail = error.cause, error.detail
        case BudgetExceededError():
            cause, detail = Cause.BUDGET, error.found
        case LeaseLostError():
            cause, detail = Cause.CLAIMED_ELSEWHERE, str(error)
        case NoProviderAnsweredError():
            cause, detail = Cause.UNAVAILABLE, str(error)
            attempts += error.attempts
        case UnavailableError():
            cause, detail = Cause.UNAVAILABLE, str(error)
        case ConfigurationError():
            cause, detail = Cause.CONFIGURATION, str(error)
        case DataError():
            cause, detail = Cause.BAD_ANSWER, str(error)
        case _:
            cause, detail = Cause.DEFECT, type(error).__name__
    return Failure(
        item=item,
        run_id=run_id,
        cause=cause,
        detail=detail,
        usage=usage_of(replies),
        seconds=seconds,
        attempts=tuple(attempts),
    )
