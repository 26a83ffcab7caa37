"""Renewing all claims that this process holds, so that a lease can be short and a dead holder's items are soon free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.lease import LeaseLostError
from llm_convert.errors import LlmConvertError

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Renewals under way at the same time."""


class Heartbeat:
    """Renews at a third of the lease: two renewals may fail before a lease is over. Used within one event loop.

    Args:
        lease_seconds: of the claims.
    """

    def __init__(self, lease_seconds: float) -> None:
        self._every = lease_seconds / 3
        self._held: set[ClaimJournal] = set()
        self._beating: asyncio.Task[None] | None = None

    @contextmanager
    def keeping(self, journal: ClaimJournal) -> Iterator[None]:
        """Renew a claim as long as this holds."""
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())
        self._held.add(journal)
        try:
            yield
        finally:
            self._held.discard(journal)

    async def close(self) -> None:
        """Renew nothing any more."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None

    async def _beat(self) -> None:
        room = asyncio.Semaphore(AT_ONCE)
        while True:
            await asyncio.sleep(self._every)
            await asyncio.gather(*(self._renew(journal, room) for journal in tuple(self._held)))

    async def _renew(self, journal: ClaimJournal, room: asyncio.Semaphore) -> None:
        async with room:
            if journal not in self._held:
                return
            try:
                await asyncio.to_thread(journal.renew)
            except LeaseLostError:
                # Whoever holds it learns of that with its next write; here there is nothing left to renew.
                self._held.discard(journal)
            except LlmConvertError as error:
                log.warning("a claim could not be renewed: %s; it is tried again", type(error).__name__)
