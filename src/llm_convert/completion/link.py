"""One provider of the chain, and one try of it under pace and purse, told to the journal.

The order of a try is the promise: a place in the pace, a reservation in the purse, a line in the journal, and only then
the call; the reply into the journal before anybody looks at it, then the settlement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from llm_convert.completion.breaker import CircuitBreaker
from llm_convert.completion.errors import CallTimeoutError, ProviderUnavailableError, Unavailability
from llm_convert.completion.roles import Admission, Pace, Paces, Purse
from llm_convert.completion.worst_case import likely_tokens
from llm_convert.contracts.calls import ANSWERED, Attempt, SentCall
from llm_convert.contracts.work import Reply
from llm_convert.errors import ConfigurationError, UnavailableError
from llm_convert.ports import CallJournal, Clock, CompletionRequest, ModelProvider

SLOW_DOWN = frozenset({Unavailability.RATE_LIMITED, Unavailability.OVERLOADED})
"""What the pace must hear of."""


@dataclass(slots=True, kw_only=True)
class Question:
    """A request, where its calls are written down, and what was tried for it so far."""

    request: CompletionRequest
    journal: CallJournal
    attempts: list[Attempt]


class Link:
    """A provider with its breaker.

    Args:
        provider: who is asked.
        breaker: keeps calls away while it fails.
        call_timeout_seconds: the longest that one call may take.
        clock: stamps calls.
    """

    def __init__(
        self,
        provider: ModelProvider,
        breaker: CircuitBreaker,
        *,
        paces: Paces,
        purse: Purse,
        call_timeout_seconds: float,
        clock: Clock,
    ) -> None:
        self.provider = provider
        self.breaker = breaker
        self.set_aside: ConfigurationError | None = None
        """Why it is asked no more in this process: its configuration is wrong."""
        self._paces = paces
        self._purse = purse
        self._call_timeout_seconds = call_timeout_seconds
        self._clock = clock

    @property
    def name(self) -> str:
        """Of the provider."""
        return self.provider.name

    async def ask(self, question: Question) -> Reply:
        """One try, written down as an attempt whatever comes of it.

        Raises:
            LlmConvertError: as ``ModelProvider.complete``, or as pace, purse and journal raise.
        """
        request = question.request
        await self._ready(question)
        pace = self._paces.of(self.provider.capacity(request.tier))
        waiting = time.monotonic()
        admission = await pace.admit(likely_tokens(request))
        call = self._call(request)
        with _left_unless_sent(pace, admission):
            await self._purse.reserve(call.id, call.worst_case_microusd)
            try:
                await question.journal.sending(call)
            except BaseException:
                await asyncio.shield(self._purse.settle(call.id, 0))
                raise
        sending = time.monotonic()
        attempt = Attempt(
            provider=call.provider, model=call.model, at=call.sent_at, waited_seconds=round(sending - waiting, 3)
        )
        try:
            reply = await self._complete(request)
        except BaseException as error:
            question.attempts.append(_failed(attempt, error, time.monotonic() - sending))
            _tell(pace, admission, error)
            await asyncio.shield(self._account_for(call, error, question.journal))
            raise
        pace.answered(admission, tokens=reply.usage.tokens)
        question.attempts.append(attempt.model_copy(update=_how(time.monotonic() - sending, reply.request_id)))
        reply = reply.model_copy(
            update={"call": request.call, "purpose": request.purpose, "attempts": tuple(question.attempts)}
        )
        # Shielded: a reply that is here is paid, and is kept whatever happens to whoever asked.
        await asyncio.shield(self._keep(call, reply, question.journal))
        return reply

    async def _ready(self, question: Question) -> None:
        """Let a provider load what its first call needs before that call's turn: a turn must not be slept through."""
        ready = getattr(self.provider, "ready", None)
        if ready is None:
            return
        try:
            await ready()
        except Exception as error:
            attempt = Attempt(
                provider=self.name,
                model=self.provider.model(question.request.tier),
                at=self._clock.now().isoformat(),
            )
            question.attempts.append(_failed(attempt, error, 0.0))
            raise

    def _call(self, request: CompletionRequest) -> SentCall:
        return SentCall(
            work_item=request.work_item,
            call=request.call,
            run_id=request.run_id,
            provider=self.name,
            model=self.provider.model(request.tier),
            sent_at=self._clock.now().isoformat(),
            worst_case_microusd=self.provider.worst_case_microusd(request),
        )

    async def _complete(self, request: CompletionRequest) -> Reply:
        try:
            async with asyncio.timeout(self._call_timeout_seconds):
                return await self.provider.complete(request)
        except TimeoutError:
            raise CallTimeoutError(
                f"{self.name} did not answer within {self._call_timeout_seconds:g} s",
                remedy="Raise LLM_CONVERT_CALL_TIMEOUT_SECONDS if answers are long.",
            ) from None

    async def _keep(self, call: SentCall, reply: Reply, journal: CallJournal) -> None:
        try:
            await journal.answered(reply)
        finally:
            await self._purse.settle(call.id, reply.usage.cost_microusd)

    async def _account_for(self, call: SentCall, error: BaseException, journal: CallJournal) -> None:
        in_doubt = may_be_billed(error)
        await journal.unanswered(call, may_be_billed=in_doubt)
        if in_doubt:
            await self._purse.leave_in_doubt(call.id)
        else:
            await self._purse.settle(call.id, 0)


def may_be_billed(error: BaseException) -> bool:
    """Whether a call that ended so may have been charged. What was broken off from our side may be."""
    if isinstance(error, ProviderUnavailableError):
        return error.may_be_billed
    return not isinstance(error, Exception)


@contextmanager
def _left_unless_sent(pace: Pace, admission: Admission) -> Iterator[None]:
    try:
        yield
    except BaseException:
        pace.failed(admission)
        raise


def _tell(pace: Pace, admission: Admission, error: BaseException) -> None:
    if isinstance(error, ProviderUnavailableError) and error.kind in SLOW_DOWN:
        pace.limited(admission, error)
    else:
        pace.failed(admission)


def _how(seconds: float, request_id: str) -> dict[str, object]:
    return {"outcome": ANSWERED, "seconds": round(seconds, 3), "request_id": request_id}


def _failed(attempt: Attempt, error: BaseException, seconds: float) -> Attempt:
    facts: dict[str, object] = {
        "outcome": outcome_of(error),
        "seconds": round(seconds, 3),
        "may_be_billed": may_be_billed(error),
    }
    if isinstance(error, ProviderUnavailableError):
        facts |= {"detail": error.found, "request_id": error.request_id}
    return attempt.model_copy(update=facts)


def outcome_of(error: BaseException) -> str:
    """The word for an attempt that ended so."""
    match error:
        case ProviderUnavailableError():
            return error.kind.value
        case ConfigurationError():
            return "configuration"
        case UnavailableError():
            return "unavailable"
        case Exception():
            return "refused"
        case _:
            return "broken_off"
