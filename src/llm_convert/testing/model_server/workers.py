"""Threads for callables that may block, as few as keep the queue moving."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

_PATIENCE_SECONDS = 0.01


class Workers:
    """Runs callables beside the event loop that makes it.

    One thread does it as long as the callables are quick. While some block, as a test's own may, threads are added
    until none waits for another. They are daemons: a callable that never returns does not keep the process.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = 0
        self._open = 0
        self._watched = False
        self._taken = 0
        self._seen = 0

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns or raises; what would end the loop itself comes as a RuntimeError."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def job() -> None:
            try:
                result, error = function(*arguments), None
            except BaseException as raised:  # noqa: BLE001 - it is the caller's
                result, error = None, _bearable(raised)
            self._tell(future, result, error)

        self._open += 1
        self._jobs.put(job)
        if not self._threads:
            self._add(1)
        if not self._watched:
            self._watched = True
            self._loop.call_later(_PATIENCE_SECONDS, self._watch)
        try:
            return await future
        finally:
            self._open -= 1

    def close(self) -> None:
        """End idle threads; those that are at work end after it."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _tell(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        def settle() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            # The server was stopped while the callable ran: nobody waits for it.
            return

    def _watch(self) -> None:
        """Double the threads where the queue stands still."""
        self._watched = not self._jobs.empty()
        stands, self._seen = self._taken == self._seen, self._taken
        if self._watched:
            if stands:
                self._add(min(self._threads, self._open - self._threads))
            self._loop.call_later(_PATIENCE_SECONDS, self._watch)

    def _add(self, count: int) -> None:
        for _ in range(count):
            self._threads += 1
            threading.Thread(target=self._work, name="model-server-answer", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._taken += 1  # Only ever compared for a change: an update that two threads race for may be lost.
            job()


def _bearable(error: BaseException) -> Exception:
    """An error that a future takes and an event loop survives."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
