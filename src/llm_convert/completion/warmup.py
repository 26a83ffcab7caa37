"""One call goes first, so that those that share its beginning find it in the service's cache.

A burst of calls before the first answer would each write the shared beginning into the cache, at a surcharge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable

WAIT_SECONDS = 20.0
"""The longest that calls wait for the first one: one that hangs must not hold up the night."""


class WarmUp:
    """Which beginnings are in the cache. Used within one event loop.

    Args:
        lives_seconds: how long an entry lives after its last use.
        wait_seconds: how long others wait for the first.
        monotonic: the time in seconds.
    """

    def __init__(
        self,
        *,
        lives_seconds: float,
        wait_seconds: float = WAIT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lives_seconds = lives_seconds
        self._wait_seconds = wait_seconds
        self._monotonic = monotonic
        self._used_at: dict[Hashable, float] = {}
        self._going_first: dict[Hashable, asyncio.Event] = {}

    async def enter(self, beginning: Hashable) -> bool:
        """Wait until the beginning is warm, or go first.

        Returns:
            True for the call that goes first: it must tell ``done`` how it ended.
        """
        until = self._monotonic() + self._wait_seconds
        while not self._is_warm(beginning):
            first = self._going_first.get(beginning)
            if first is None:
                self._going_first[beginning] = asyncio.Event()
                return True
            left = until - self._monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(first.wait(), left)
            except TimeoutError:
                return False
        self._used_at[beginning] = self._monotonic()
        return False

    def done(self, beginning: Hashable, *, answered: bool) -> None:
        """The first call ended; when it was not answered the next one goes first."""
        if answered:
            self._used_at[beginning] = self._monotonic()
        first = self._going_first.pop(beginning, None)
        if first is not None:
            first.set()

    def _is_warm(self, beginning: Hashable) -> bool:
        used_at = self._used_at.get(beginning)
        return used_at is not None and self._monotonic() - used_at < self._lives_seconds
