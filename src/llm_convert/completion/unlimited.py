"""Pace and purse where nothing limits: no budget is set, or a provider on this machine is asked."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import timedelta

from llm_convert.completion.errors import ProviderUnavailableError
from llm_convert.completion.roles import Admission

PAUSE_SECONDS = 1.0
"""After a refusal that does not say how long to wait."""


class Unpaced:
    """Implements ``roles.Pace``: admits at once, but for a pause after a refusal.

    Args:
        monotonic: the time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._numbers = itertools.count(1)
        self._not_before = 0.0

    async def admit(self, tokens: int) -> Admission:
        """At once, or after the pause."""
        while (wait := self._not_before - self._monotonic()) > 0:
            await asyncio.sleep(wait)
        return Admission(number=next(self._numbers), admitted_at=self._monotonic(), tokens=tokens)

    def answered(self, admission: Admission, *, tokens: int) -> None:
        """Nothing is learnt."""

    def limited(self, admission: Admission, error: ProviderUnavailableError) -> None:  # noqa: ARG002 - the port's form
        """Pause."""
        seconds = PAUSE_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
        self._not_before = self._monotonic() + seconds

    def failed(self, admission: Admission) -> None:
        """Nothing is learnt."""


class UnpacedCapacities:
    """Implements ``roles.Paces``; see ``Unpaced``."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._of: dict[str, Unpaced] = {}

    def of(self, capacity: str) -> Unpaced:
        """The one of a capacity."""
        return self._of.setdefault(capacity, Unpaced(self._monotonic))

    async def close(self) -> None:
        """Nothing was shared."""


class OpenPurse:
    """Implements ``roles.Purse`` without a bound and without books."""

    async def reserve(self, call_id: str, microusd: int, *, holds: timedelta | None = None) -> None:
        """Anything."""

    async def settle(self, call_id: str, microusd: int) -> None:
        """Anything."""

    async def leave_in_doubt(self, call_id: str) -> None:
        """Anything."""

    async def close(self) -> None:
        """Nothing is written."""
