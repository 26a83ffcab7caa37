"""One question, one paid reply: the chain of providers in order, each try under pace and purse, every try written down.

What keeps a provider decides who is asked next. A refusal and a bad answer are replies: they are no outage, and what
they cost is paid. This is the only place that tries a call anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

from llm_convert.completion.backoff import Patience
from llm_convert.completion.errors import (
    BudgetExceededError,
    NoProviderAnsweredError,
    ProviderUnavailableError,
    Unavailability,
    UnsupportedByProviderError,
)
from llm_convert.completion.link import SLOW_DOWN, Link, Question
from llm_convert.completion.roles import Paces, Purse
from llm_convert.completion.warmup import WarmUp
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Reply
from llm_convert.errors import ConfigurationError, DataError, UnavailableError
from llm_convert.ports import CallJournal, CompletionRequest

log = logging.getLogger(__name__)

LASTING_SECONDS = 3600.0
"""How long a provider without quota, or whose day is used up, is left alone."""
TRIES = 2
"""Of one provider for one question, as long as another one could be asked."""
DOUBTFUL_TRIES = 3
"""Of one question that broke off without an answer: each of them may be charged."""
LIMITED_SECONDS = 60.0
"""How long a question waits out rate limits at one provider, as long as another one could be asked."""


class Engine:
    """Implements ``ports.Completer``.

    Args:
        links: in the order in which they are asked; at least one.
        paces: closed with the engine.
        purse: closed with the engine.
        patience: made for each question: how long it may be tried anew.
        warm_up: lets one call of each prompt go first; None where nothing is cached.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        links: Sequence[Link],
        *,
        paces: Paces,
        purse: Purse,
        patience: Callable[[], Patience],
        warm_up: WarmUp | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._links = tuple(links)
        self._paces = paces
        self._purse = purse
        self._patience = patience
        self._warm_up = warm_up
        self._sleep = sleep

    @property
    def name(self) -> str:
        """Of the first provider."""
        return self._links[0].name

    def model(self, tier: ModelTier) -> str:
        """The first provider's model of a tier."""
        return self._links[0].provider.model(tier)

    async def ask(self, request: CompletionRequest, journal: CallJournal) -> Reply:
        """The reply, which the journal has kept already.

        Raises:
            NoProviderAnsweredError: all were tried for as long as the settings allow.
            BudgetExceededError: the call could go beyond a budget.
            ConfigurationError: every provider's configuration is wrong; each is named.
            DataError: the request itself is refused.
        """
        search = _Search(self._links, Question(request=request, journal=journal, attempts=[]), self._patience())
        while True:
            link = search.next_link()
            if link is None:
                await self._sleep(search.wait_for_any())
                continue
            try:
                reply = await self._ask_one(link, search.question)
            except asyncio.CancelledError:
                link.breaker.left()
                raise
            except Exception as error:  # noqa: BLE001 - each kind is judged there, and what is not ours goes through
                await self._sleep(search.judge(link, error))
            else:
                link.breaker.succeeded()
                return reply

    async def _ask_one(self, link: Link, question: Question) -> Reply:
        if self._warm_up is None or not _caches(link, question.request):
            return await link.ask(question)
        beginning = _beginning(link, question.request)
        if not await self._warm_up.enter(beginning):
            return await link.ask(question)
        answered = False
        try:
            reply = await link.ask(question)
            answered = True
            return reply
        finally:
            self._warm_up.done(beginning, answered=answered)

    async def close(self) -> None:
        """Release connections, and give back what was shared and reserved."""
        for link in self._links:
            await link.provider.close()
        await self._paces.close()
        await self._purse.close()


def _caches(link: Link, request: CompletionRequest) -> bool:
    """Only some services cache; the others have no such method."""
    caches = getattr(link.provider, "caches", None)
    return caches is not None and bool(caches(request))


def _beginning(link: Link, request: CompletionRequest) -> tuple[str, bytes]:
    """What calls must share to find each other's cache entry."""
    capacity = link.provider.capacity(request.tier)
    return capacity, sha256(f"{request.prompt.prompt_id}\x1f{request.system}".encode()).digest()


class _Search:
    """Who is asked next for one question, and how long to wait before."""

    def __init__(self, links: Sequence[Link], question: Question, patience: Patience) -> None:
        self.question = question
        self._links = links
        self._patience = patience
        self._tries: dict[Link, int] = {}
        self._limited_since: dict[Link, float] = {}
        self._passed: set[Link] = set()
        """Left for others; asked again when nobody else is left."""
        self._unable: dict[Link, DataError] = {}
        self._last: Exception | None = None

    def next_link(self) -> Link | None:
        """The first that may be asked now; None when all must be waited for.

        Raises:
            LlmConvertError: nobody can be asked any more.
        """
        able = self._able()
        if not able:
            raise self._nobody_is_able()
        if all(link in self._passed for link in able):
            self._start_over()
        return next((link for link in able if link not in self._passed and link.breaker.try_enter()), None)

    def wait_for_any(self) -> float:
        """Seconds until a provider that is left alone may be tried.

        Raises:
            NoProviderAnsweredError: that is too long.
        """
        soonest = min(link.breaker.seconds_left for link in self._able() if link not in self._passed)
        if self._patience.seconds_left < soonest or self._patience.over:
            raise self._gave_up()
        # A half open one is waited for in small steps: its probe may end at any time.
        return max(soonest, 0.1)

    def judge(self, link: Link, error: Exception) -> float:
        """What a failed try means for the next one: seconds to wait before it.

        Raises:
            Exception: the error itself, where no further try can help.
        """
        match error:
            case BudgetExceededError():
                link.breaker.left()
                raise error
            case UnsupportedByProviderError():
                link.breaker.left()
                self._unable[link] = error
                return 0.0
            case ConfigurationError():
                link.breaker.left()
                link.set_aside = error
                log.warning("provider %s is set aside: %s", link.name, error)
                return 0.0
            case ProviderUnavailableError():
                self._last = error
                return self._judge_outage(link, error)
            case _:
                link.breaker.left()
                raise error

    def _judge_outage(self, link: Link, error: ProviderUnavailableError) -> float:
        others = any(other is not link and other not in self._passed for other in self._able())
        if error.kind in {Unavailability.QUOTA_ZERO, Unavailability.DAILY_LIMIT}:
            return self._judge_exhausted(link, error, others=others)
        if error.kind is Unavailability.RATE_LIMITED:
            return self._judge_limited(link, others=others)
        if error.kind not in SLOW_DOWN:
            link.breaker.failed()
        else:
            link.breaker.left()
        if error.may_be_billed and sum(attempt.may_be_billed for attempt in self.question.attempts) >= DOUBTFUL_TRIES:
            raise self._gave_up()
        self._tries[link] = self._tries.get(link, 0) + 1
        if others and self._tries[link] >= TRIES:
            self._passed.add(link)
            return 0.0
        return self._wait(error)

    def _judge_exhausted(self, link: Link, error: ProviderUnavailableError, *, others: bool) -> float:
        self._tries[link] = self._tries.get(link, 0) + 1
        if others:
            link.breaker.open_for(LASTING_SECONDS)
            return 0.0
        link.breaker.left()
        if error.kind is Unavailability.DAILY_LIMIT or self._tries[link] > TRIES:
            raise self._gave_up()
        return self._wait(error)

    def _judge_limited(self, link: Link, *, others: bool) -> float:
        link.breaker.left()
        since = self._limited_since.setdefault(link, self._patience.seconds_left)
        if self._patience.over:
            raise self._gave_up()
        if others and since - self._patience.seconds_left >= LIMITED_SECONDS:
            self._passed.add(link)
        # The pace makes it wait for its turn.
        return 0.0

    def _wait(self, error: ProviderUnavailableError) -> float:
        if self._patience.over:
            raise self._gave_up()
        return self._patience.next_wait(error.retry_after_seconds)

    def _able(self) -> list[Link]:
        return [link for link in self._links if link.set_aside is None and link not in self._unable]

    def _start_over(self) -> None:
        self._passed.clear()
        self._tries.clear()
        self._limited_since.clear()

    def _nobody_is_able(self) -> Exception:
        if self._unable:
            return next(iter(self._unable.values()))
        wrong = [link.set_aside for link in self._links if link.set_aside is not None]
        if len(wrong) == 1:
            return wrong[0]
        said = "; ".join(f"{link.name}: {link.set_aside.found}" for link in self._links if link.set_aside)
        remedy = " ".join(dict.fromkeys(error.remedy for error in wrong if error.remedy))
        return ConfigurationError(f"no provider is configured rightly: {said}", remedy=remedy)

    def _gave_up(self) -> NoProviderAnsweredError:
        last = self._last
        said = last.found if isinstance(last, UnavailableError) else "all providers are left alone for a while"
        tries = len(self.question.attempts)
        names = ", ".join(link.name for link in self._links)
        return NoProviderAnsweredError(
            f"no answer from {names} in {tries} {'try' if tries == 1 else 'tries'}; the last: {said}",
            remedy=last.remedy if isinstance(last, UnavailableError) and last.remedy else "Run it again later.",
            attempts=tuple(self.question.attempts),
        )
