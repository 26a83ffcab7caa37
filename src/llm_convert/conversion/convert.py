"""One work item from its bytes to a stored ``Result`` or ``Failure``.

The order is the promise: the claim before the call, the call written down before it leaves, the paid reply into the
store before anything looks at it, then the proof, then the ending. Kill it anywhere and run it again: what is stored is
walked again for nothing. The window that remains is the call itself: one that was on its way when the process died is
asked again, and stands in doubt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from llm_convert.claims.heartbeat import Heartbeat
from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.lease import Held, LeaseLostError
from llm_convert.claims.ledger import Ledger
from llm_convert.clock import SystemClock
from llm_convert.completion.errors import BudgetExceededError, NoProviderAnsweredError
from llm_convert.contracts.calls import Attempt
from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import ModelTier, Prompt
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Failure, Reply, Result, WorkItem, WorkItemError
from llm_convert.conversion.kept_program import by_kept_program
from llm_convert.conversion.new_program import Written, next_program_step
from llm_convert.conversion.settling import Case, is_deterministic, next_step, usage_of
from llm_convert.documents import ReadOptions, read_document
from llm_convert.errors import ConfigurationError, DataError, StoreError, UnavailableError
from llm_convert.ports import Clock, Completer, CompletionRequest, ObjectStore
from llm_convert.programs import ProgramStore

CODE_VERSION = "1"
"""Part of every work item's id. Raise it when the same reply would give other rows."""

_LARGER = {ModelTier.FAST: ModelTier.MAIN, ModelTier.MAIN: ModelTier.STRONG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a work item stands after ``convert``."""

    ending: Result | Failure
    reused: bool
    """It was ended already; nothing was done now."""
    usage: Usage
    """Paid now; a stored reply costs nothing again."""
    seconds: float
    held_seconds: float | None = None
    """Somebody else works on it and holds it that long still; None when it is ended."""


class Listener(Protocol):
    """Hears answers as they come."""

    def begin(self, work_item: str) -> Callable[[str], None]:
        """A try begins; what is told each piece of its answer."""

    def end(self, work_item: str) -> None:
        """The call is over, whatever came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """All that converting needs beside the item itself."""

    store: ObjectStore
    ledger: Ledger
    heartbeat: Heartbeat
    engine: Completer
    reading: ReadOptions
    run_id: str
    bsda: str
    max_output_tokens: int
    repairs: int = 0
    tier_up: bool = False
    force: bool = False
    programs: ProgramStore | None = None
    """The tenant's kept programs; None: none is looked for."""
    write_programs: bool = False
    """Whether a model writes one for a sheet whose layout is new."""
    clock: Clock = field(default_factory=SystemClock)
    listener: Listener | None = None
    """Told each piece of an answer as it comes; None: nobody listens, and nothing is streamed for its sake."""

    def accepts(self, run_id: str) -> bool:
        """Whether what this run left counts as done: any run's, but for a forced one only its own launch's."""
        return not self.force or run_id.rpartition("-")[0] == self.run_id.rpartition("-")[0]

    def larger(self, tier: ModelTier) -> ModelTier | None:
        """The next tier whose model is another one; None where there is none, or it is not wanted."""
        above = _LARGER.get(tier) if self.tier_up else None
        return above if above is not None and self.engine.model(above) != self.engine.model(tier) else None


async def convert(item: WorkItem, prompt: Prompt, workshop: Workshop) -> Done:
    """Convert one work item, or find that it is done.

    Raises:
        StoreError: the store failed; nothing can be kept, so the run must stop.
    """
    started = time.monotonic()
    ended = await asyncio.to_thread(_ended, item, workshop)
    if ended is not None:
        return Done(ending=ended, reused=True, usage=Usage(), seconds=0.0)
    claim = await asyncio.to_thread(workshop.ledger.claim, item)
    if isinstance(claim, Held):
        return _held(item, claim, workshop, started)
    journal = ClaimJournal(workshop.ledger, claim)
    with workshop.heartbeat.keeping(journal):
        return await _convert_claimed(item, prompt, journal, workshop, started)


def opening_request(item: WorkItem, prompt: Prompt, workshop: Workshop) -> CompletionRequest | None:
    """What a claimed item asks first; None where it is ended, was answered, or ends without a question.

    Raises:
        StoreError: the store failed.
    """
    if _ended(item, workshop) is not None or _paid_before(item, workshop):
        return None
    try:
        case = _case(item, prompt, _read(item, workshop), workshop)
        if workshop.programs is not None and isinstance(_by_kept_program(case, workshop, time.monotonic()), Result):
            return None
        if _has_a_program_written(case, workshop):
            return None
        step = next_step(case, (), seconds=0.0)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with it, ``convert`` gives it its name
        return None
    return step if isinstance(step, CompletionRequest) else None


def _ended(item: WorkItem, workshop: Workshop) -> Result | Failure | None:
    """How an earlier run ended the item; None when there is something left to do.

    A forced run takes no word of other launches, but those of its own earlier tries: force pays once, not once a retry.
    """
    ending = workshop.ledger.result(item.id) or workshop.ledger.failure(item.id)
    if ending is None or (isinstance(ending, Failure) and ending.try_again):
        return None
    return ending if workshop.accepts(ending.run_id) else None


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
    try:
        # Another owner may have ended it between our look and our claim.
        ended = await asyncio.to_thread(_ended, item, workshop)
        if ended is not None:
            await asyncio.to_thread(journal.release)
            return Done(ending=ended, reused=True, usage=Usage(), seconds=0.0)
        replies += await asyncio.to_thread(_paid_before, item, workshop)
        ending = await _ask_until_ended(item, prompt, replies, journal, workshop, started)
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.to_thread(journal.release))
        raise
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - one bad document never stops another, whatever is wrong with it
        ending = _failure(item, error, workshop.run_id, replies, time.monotonic() - started)
    paid = usage_of([reply for reply in replies if reply.run_id == workshop.run_id])
    ending = await asyncio.to_thread(_finish, journal, ending.model_copy(update={"paid": paid}), workshop)
    return Done(ending=ending, reused=False, usage=paid, seconds=time.monotonic() - started)


async def _ask_until_ended(
    item: WorkItem,
    prompt: Prompt,
    replies: list[Reply],
    journal: ClaimJournal,
    workshop: Workshop,
    started: float,
) -> Result | Failure:
    """Walk the replies and ask what is missing; each new reply is added to ``replies`` as it is paid."""
    document = await asyncio.to_thread(_read, item, workshop)
    case = _case(item, prompt, document, workshop)
    if workshop.programs is not None and not replies:
        tried = await asyncio.to_thread(_by_kept_program, case, workshop, started)
        if isinstance(tried, Result):
            return tried
        case = replace(case, notes=tried)
    if _has_a_program_written(case, workshop):
        written = await _by_new_program(case, replies, journal, workshop, started)
        if isinstance(written, Result):
            return written
        case = replace(case, notes=(*case.notes, *written))
    while True:
        # In a thread: proving a large sheet takes seconds, in which other calls must go on.
        step = await asyncio.to_thread(next_step, case, tuple(replies), seconds=time.monotonic() - started)
        if not isinstance(step, CompletionRequest):
            return step
        replies.append(await _ask(step, journal, workshop))


def _has_a_program_written(case: Case, workshop: Workshop) -> bool:
    asked = workshop.write_programs and workshop.programs is not None and bool(case.document.sheets)
    return asked and not is_deterministic(workshop.engine.name)


async def _by_new_program(
    case: Case, replies: list[Reply], journal: ClaimJournal, workshop: Workshop, started: float
) -> Result | tuple[str, ...]:
    """The rows by a program that a model writes, which is then kept; else notes on why there is none."""
    assert workshop.programs is not None
    styled = await asyncio.to_thread(_read, case.item, workshop, styles=True)
    while True:
        step = await asyncio.to_thread(
            next_program_step, case, tuple(replies), styled, seconds=time.monotonic() - started
        )
        if isinstance(step, Written):
            kept = step.kept(case, workshop.clock.now().isoformat(timespec="seconds"))
            await asyncio.to_thread(workshop.programs.put, kept)
            return step.result
        if not isinstance(step, CompletionRequest):
            return step
        replies.append(await _ask(step, journal, workshop))


async def _ask(request: CompletionRequest, journal: ClaimJournal, workshop: Workshop) -> Reply:
    listener = workshop.listener
    if listener is None:
        return await workshop.engine.ask(request, journal)
    try:
        return await workshop.engine.ask(replace(request, listen=partial(listener.begin, request.work_item)), journal)
    finally:
        listener.end(request.work_item)


def _by_kept_program(case: Case, workshop: Workshop, started: float) -> Result | tuple[str, ...]:
    assert workshop.programs is not None

    def read(styles: bool) -> Document:
        return _read(case.item, workshop, styles=True) if styles else case.document

    return by_kept_program(case, workshop.programs, read, seconds=time.monotonic() - started)


def _case(item: WorkItem, prompt: Prompt, document: Document, workshop: Workshop) -> Case:
    return Case(
        item=item,
        prompt=prompt,
        document=document,
        run_id=workshop.run_id,
        bsda=workshop.bsda,
        max_output_tokens=workshop.max_output_tokens,
        repairs=workshop.repairs,
        larger=workshop.larger,
    )


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


def _read(item: WorkItem, workshop: Workshop, *, styles: bool = False) -> Document:
    data = workshop.store.read(item.document_key).data
    return read_document(item.document_name, data, replace(workshop.reading, styles=styles))


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
