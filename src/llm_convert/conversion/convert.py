"""One work item from its bytes to a stored ``Result`` or ``Failure``.

The order is the promise: the claim before the call, the paid reply into the store before anything looks at it, then the
proof, then the result. Kill it anywhere and run it again: a stored reply is proven again for nothing. The window that
remains is the call itself: a reply that was on its way when the process died is asked for again.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.lease import Claim, Held, LeaseLostError
from llm_convert.claims.ledger import Ledger
from llm_convert.completion.tools import answer_of
from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Failure, Outcome, Reply, Result, WorkItem, WorkItemError
from llm_convert.conversion.asking import build_request
from llm_convert.conversion.checks import check_rows
from llm_convert.conversion.grounding import prove
from llm_convert.documents import ReadOptions, read_document
from llm_convert.errors import ConfigurationError, DataError, StoreError, UnavailableError
from llm_convert.ports import Completer, ObjectStore

CODE_VERSION = "1"
"""Part of every work item's id. Raise it when the same reply would give other rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a work item stands after ``convert``."""

    ending: Result | Failure
    reused: bool
    """An earlier run had ended it; nothing was done now."""
    usage: Usage
    """Paid now; a stored reply costs nothing again."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """All that converting needs beside the item itself."""

    store: ObjectStore
    ledger: Ledger
    engine: Completer
    reading: ReadOptions
    run_id: str
    bsda: str
    max_output_tokens: int
    force: bool = False

    def accepts(self, run_id: str) -> bool:
        """Whether what this run left counts as done: any run's, but for a forced one only its own launch's."""
        return not self.force or run_id.rpartition("-")[0] == self.run_id.rpartition("-")[0]


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
    return await _convert_claimed(item, prompt, claim, workshop, started)


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
    return Done(ending=failure, reused=False, usage=Usage(), seconds=time.monotonic() - started)


async def _convert_claimed(item: WorkItem, prompt: Prompt, claim: Claim, workshop: Workshop, started: float) -> Done:
    paid = Usage()
    try:
        # Another owner may have ended it between our look and our claim.
        ended = await asyncio.to_thread(_ended, item, workshop)
        if ended is not None:
            await asyncio.to_thread(workshop.ledger.release, claim)
            return Done(ending=ended, reused=True, usage=Usage(), seconds=0.0)
        reply = await asyncio.to_thread(_paid_before, item, workshop)
        document = await asyncio.to_thread(_read, item, workshop)
        if reply is None:
            reply = await _ask(item, prompt, document, claim, workshop)
            paid = reply.usage
        seconds = time.monotonic() - started
        ending = await asyncio.to_thread(settle, item, prompt, document, reply, workshop, seconds)
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.to_thread(workshop.ledger.release, claim))
        raise
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - one bad document never stops another, whatever is wrong with it
        ending = _failure(item, error, workshop.run_id, paid, time.monotonic() - started)
    ending = await asyncio.to_thread(_finish, item, claim, ending, workshop)
    return Done(ending=ending, reused=False, usage=paid, seconds=time.monotonic() - started)


def _finish(item: WorkItem, claim: Claim, ending: Result | Failure, workshop: Workshop) -> Result | Failure:
    """Store the ending; what another owner stored first, after our lease was lost, outranks ours."""
    try:
        return workshop.ledger.finish(claim, ending)
    except LeaseLostError as error:
        standing = _ended(item, workshop)
        return standing or Failure(item=item, run_id=workshop.run_id, cause=Cause.CLAIMED_ELSEWHERE, detail=str(error))


def _paid_before(item: WorkItem, workshop: Workshop) -> Reply | None:
    """The stored reply; one that a forced run does not accept is forgotten with all that came of it."""
    reply = workshop.ledger.reply(item.id)
    if workshop.force and (reply is None or not workshop.accepts(reply.run_id)):
        workshop.ledger.reset(item.id)
        return None
    return reply


def _read(item: WorkItem, workshop: Workshop) -> Document:
    data = workshop.store.read(item.document_key).data
    return read_document(item.document_name, data, workshop.reading)


async def _ask(item: WorkItem, prompt: Prompt, document: Document, claim: Claim, workshop: Workshop) -> Reply:
    """Ask the engine; the journal stores the reply before anything looks at it."""
    request = build_request(
        item, prompt, document, run_id=workshop.run_id, max_output_tokens=workshop.max_output_tokens
    )
    return await workshop.engine.ask(request, ClaimJournal(workshop.ledger, claim))


def settle(
    item: WorkItem, prompt: Prompt, document: Document, reply: Reply, workshop: Workshop, seconds: float
) -> Result | Failure:
    """What a stored reply amounts to. Deterministic: the same reply and document settle the same way.

    Raises:
        WorkItemError: the reply holds no usable answer.
    """
    refuse_unusable(reply)
    answer = answer_of(reply.answer)
    if answer.clarify:
        return _clarify(item, reply, Cause.CLARIFY, answer.clarify, workshop.run_id, seconds)
    if not answer.rows:
        raise WorkItemError(answer.cause or Cause.NO_TABLE_FOUND, answer.detail or "the answer holds no rows")
    proven, quarantined = prove(answer, prompt, document)
    checked = check_rows(prompt, proven)
    quarantined += checked.quarantined
    if checked.disagreements:
        return _clarify(item, reply, Cause.TOTALS_DISAGREE, _first(checked.disagreements), workshop.run_id, seconds)
    if not checked.rows and quarantined:
        # Not raised: the rows go into the quarantine, whose reasons a person must read.
        return Failure(
            item=item,
            run_id=workshop.run_id,
            cause=Cause.NOTHING_PROVEN,
            detail=f"{len(quarantined)} rows quarantined; {_first(list(quarantined[0].reasons))}",
            usage=reply.usage,
            seconds=seconds,
            quarantined=tuple(quarantined),
        )
    return Result(
        item=item,
        run_id=workshop.run_id,
        bsda=workshop.bsda,
        provider=reply.provider,
        model=reply.model,
        strategy="rules" if reply.provider == "rules" else "direct",
        table=prompt.output.table,
        rows=tuple(checked.rows),
        quarantined=tuple(quarantined),
        notes=(*document.notes, *_coverage(prompt, checked.totals)),
        usage=reply.usage,
        seconds=seconds,
    )


def refuse_unusable(reply: Reply) -> None:
    """Tell the replies that must not be looked at as answers: a truncated call can still look like valid JSON."""
    if reply.stop_reason == "max_tokens":
        raise WorkItemError(Cause.TRUNCATED, f"the answer was cut off after {reply.usage.output_tokens} tokens")
    if reply.stop_reason == "model_context_window_exceeded":
        raise WorkItemError(Cause.TOO_LARGE, "the document does not fit the model's context")
    if reply.stop_reason == "refusal":
        raise WorkItemError(Cause.REFUSED, "the model refused to convert the document")
    if reply.answer is None:
        raise WorkItemError(Cause.BAD_ANSWER, f"the model ended with {reply.stop_reason!r} and called no tool")


def _clarify(item: WorkItem, reply: Reply, cause: Cause, question: str, run_id: str, seconds: float) -> Failure:
    return Failure(
        item=item,
        run_id=run_id,
        outcome=Outcome.CLARIFY,
        cause=cause,
        detail=question,
        usage=reply.usage,
        seconds=seconds,
    )


def _first(lines: list[str]) -> str:
    return lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")


def _coverage(prompt: Prompt, totals: int) -> list[str]:
    if not any(check.kind == "sum" for check in prompt.checks):
        return []
    return [
        f"{totals} stated totals agree with their lines" if totals else "no stated total was found to check against"
    ]


def _failure(item: WorkItem, error: Exception, run_id: str, paid: Usage, seconds: float) -> Failure:
    """The one place where an exception becomes a work item's named failure."""
    match error:
        case WorkItemError():
            cause, detail = error.cause, error.detail
        case UnavailableError():
            cause, detail = Cause.UNAVAILABLE, str(error)
        case ConfigurationError():
            cause, detail = Cause.CONFIGURATION, str(error)
        case DataError():
            cause, detail = Cause.BAD_ANSWER, str(error)
        case _:
            cause, detail = Cause.DEFECT, type(error).__name__
    return Failure(item=item, run_id=run_id, cause=cause, detail=detail, usage=paid, seconds=seconds)
