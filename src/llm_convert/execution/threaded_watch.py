"""An ``ExecutionWatch`` over any backend: its blocking calls run in threads, a few at once.

For backends whose platform has no listing to ask instead. It never starts, finds or cancels anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus
from llm_convert.errors import UnavailableError
from llm_convert.ports import JobBackend

AT_ONCE = 8
"""Threads that ask at the same time: a triggerer's pool of threads serves others too."""


class ThreadedWatch:
    """Asks a blocking backend for each execution.

    Args:
        backend: whose ``status`` may be called from several threads at once.
        at_once: how many of its calls may be under way.
    """

    def __init__(self, backend: JobBackend, *, at_once: int = AT_ONCE) -> None:
        self._backend = backend
        self._at_once = at_once

    async def statuses(self, handles: Sequence[ExecutionHandle]) -> dict[str, ExecutionStatus]:
        """By handle name, how each stands. One that can't be asked now is left out.

        Raises:
            UnavailableError: none of them could be asked.
        """
        by_name = {handle.name: handle for handle in handles}
        # Made here and not in the constructor: a semaphore belongs to the event loop that first waits on it.
        gate = asyncio.Semaphore(self._at_once)

        async def ask(handle: ExecutionHandle) -> ExecutionStatus:
            async with gate:
                return await asyncio.to_thread(self._backend.status, handle)

        found = await asyncio.gather(*map(ask, by_name.values()), return_exceptions=True)
        return _told(dict(zip(by_name, found, strict=True)))

    async def close(self) -> None:
        """Nothing is held open."""


def _told(found: dict[str, ExecutionStatus | BaseException]) -> dict[str, ExecutionStatus]:
    """The answers; an error that is no passing one is raised, and so is the last when there are only errors."""
    told: dict[str, ExecutionStatus] = {}
    last: UnavailableError | None = None
    for name, answer in found.items():
        if isinstance(answer, UnavailableError):
            last = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            told[name] = answer
    if last is not None and not told:
        raise last
    return told
