"""The pace of one capacity within one process: calls wait here for their turn, first come, first served."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable

from llm_convert.completion.bucket import Bucket
from llm_convert.completion.errors import ProviderUnavailableError, Unavailability
from llm_convert.completion.learning import Learner, Phase
from llm_convert.completion.roles import Admission

CATCH_UP_CALLS = 0.15
CATCH_UP_SECONDS = 0.004
"""What a late wake-up may catch up; more would come in bursts, which a service without reserve refuses."""
RECENT_SECONDS = 0.25
REMEMBERED_SECONDS = 10.0
ROUNDED_SECONDS = 2.0
OVERLOAD_SECONDS = 1.0
"""How long a busy model is left alone where it does not say."""
TOKEN_BURST_SECONDS = 10.0
SHARE_REFUSED = 0.7
LOWEST_SHARE = 0.1
"""How far a refusal lowers a share until the next division, which may be ten seconds away; and all of them at most."""


class LearningPace:
    """Implements ``roles.Pace``. Used within one event loop.

    Args:
        learner: what is known of the rate.
        tokens_per_minute: a ceiling; 0 for none.
        monotonic: the time in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        learner: Learner,
        *,
        tokens_per_minute: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        now = self._started = monotonic()
        self.learner = learner
        self.share: float | None = None
        """A bound from outside, where others use the same capacity; None: the learner's own rate alone."""
        self.lowered = 1.0
        """How much of the share is asked for: refusals lower it until the others are heard again."""
        self.waited_seconds = 0.0
        self.refused = 0
        self._monotonic, self._sleep = monotonic, sleep
        self._calls = Bucket(rate=learner.rate, burst=1.0, now=now)
        self._tokens = _token_bucket(tokens_per_minute, now)
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._numbers = itertools.count(1)
        self._last_number = 0
        self._cut_through = 0
        """Admissions up to this number belong to an episode that was cut already."""
        self._not_before = 0.0
        self._in_flight: dict[int, int] = {}
        """By number, the tokens that were set aside."""
        self._freed = asyncio.Event()
        self._recent: deque[float] = deque(maxlen=4096)

    @property
    def wanted(self) -> bool:
        """Whether more is wanted than passes."""
        return self._waiting > 0

    @property
    def in_flight(self) -> int:
        """Calls that were admitted and have not ended."""
        return len(self._in_flight)

    @property
    def last_number(self) -> int:
        """Of the latest admission; 0 before there is one."""
        return self._last_number

    @property
    def rate(self) -> float:
        """Calls a second that may pass now."""
        return self.learner.rate if self.share is None else min(self.share * self.lowered, self.learner.ceiling)

    async def admit(self, tokens: int) -> Admission:
        """Wait for the turn of a call of about so many tokens."""
        started = self._monotonic()
        self._waiting += 1
        try:
            async with self._turn:
                await self._wait_for_room(tokens)
                admission = self._let_pass(tokens)
        finally:
            self._waiting -= 1
        self.waited_seconds += admission.admitted_at - started
        return admission

    def answered(self, admission: Admission, *, tokens: int) -> None:
        """It was answered, and took so many tokens."""
        self._end(admission, tokens, self._monotonic())
        self.learner.answered(tokens)

    def limited(self, admission: Admission, error: ProviderUnavailableError) -> None:
        """It was refused as too fast, or as one too many for a busy model."""
        now = self._monotonic()
        self._end(admission, 0, now)
        self.refused += 1
        if admission.number <= self._cut_through:
            self.learner.refused(now)
        else:
            pause = self._pause(error)
            self.learner.cut(now, sent_rate=self.sent_rate(admission.admitted_at, now))
            self._cut_through = self._last_number
            self.lowered = max(LOWEST_SHARE, self.lowered * SHARE_REFUSED)
            self._not_before = max(self._not_before, now + pause)
        self._calls.take(max(0.0, self._calls.level(now)), now)

    def failed(self, admission: Admission) -> None:
        """It failed for a reason that says nothing about the pace, or was given up."""
        self._end(admission, 0, self._monotonic())

    def sent_rate(self, at: float, now: float) -> float:
        """Calls a second that were admitted around some time; a refusal may come long after the call was sent."""
        while self._recent and self._recent[0] < now - REMEMBERED_SECONDS:
            self._recent.popleft()
        since, until = max(self._started, at - RECENT_SECONDS), min(now, at + RECENT_SECONDS)
        count = sum(since <= admitted <= until for admitted in self._recent)
        return max(1.0, count / max(until - since, 0.001))

    def _pause(self, error: ProviderUnavailableError) -> float:
        """How long nobody is admitted."""
        shortest = min(1.0, 1.0 / self.rate)
        asked = error.retry_after_seconds
        if asked is None:
            return OVERLOAD_SECONDS if error.kind is Unavailability.OVERLOADED else shortest
        if asked <= ROUNDED_SECONDS and self.learner.phase is Phase.STEADY:
            # Where the limit is known, a second or so is the smallest whole number that a header can hold.
            return min(asked, 5 * shortest)
        return asked

    async def _wait_for_room(self, tokens: int) -> None:
        while True:
            now = self._monotonic()
            self.learner.grow(now, wanted=self._waiting > 1)
            self._calls.set_rate(self.rate, now, burst=1.0 + max(CATCH_UP_CALLS, self.rate * CATCH_UP_SECONDS))
            window = self.learner.window
            if window is not None and self.share is None and len(self._in_flight) >= window:
                self._freed.clear()
                await self._freed.wait()
                continue
            wait = max(self._calls.seconds_until(1.0, now), self._not_before - now)
            if self._tokens is not None:
                wait = max(wait, self._tokens.seconds_until(tokens, now))
            if wait <= 0:
                return
            # In steps, so that a rate that was raised or cut meanwhile is noticed.
            await self._sleep(min(wait, 0.25))

    def _let_pass(self, tokens: int) -> Admission:
        now = self._monotonic()
        self._calls.take(1.0, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        self._last_number = next(self._numbers)
        self._in_flight[self._last_number] = tokens
        self._recent.append(now)
        self.learner.sent()
        return Admission(number=self._last_number, admitted_at=now, tokens=tokens)

    def _end(self, admission: Admission, tokens: int, now: float) -> None:
        set_aside = self._in_flight.pop(admission.number, None)
        if set_aside is not None and self._tokens is not None:
            self._tokens.take(tokens - set_aside, now)
        self._freed.set()

    @property
    def is_known(self) -> bool:
        """Whether anything was ever refused, so that the rate means something."""
        return self.learner.phase is not Phase.STARTING


def _token_bucket(per_minute: int, now: float) -> Bucket | None:
    if not per_minute:
        return None
    return Bucket(rate=per_minute / 60, burst=per_minute / 60 * TOKEN_BURST_SECONDS, now=now)
