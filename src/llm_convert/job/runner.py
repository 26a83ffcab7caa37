"""The run loop: work items side by side within a bound, each told as it ends; stops cleanly when asked to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from llm_convert.conversion.convert import Done, convert
from llm_convert.conversion.workshop import Workshop
from llm_convert.job.plan import Planned
from llm_convert.job.queue import WorkQueue

STOP_GRACE_SECONDS = 8.0
"""How long work in progress may finish after a stop was asked for; what is left then is released."""


class Stopped(Exception):  # noqa: N818 - a fact, not a fault
    """The loop was asked to stop before every item had an outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An item that has an outcome."""

    position: int
    done: Done
    own: bool
    """Of this task's share; else it was taken over, or found ended, from another's."""


class Runner:
    """Works through a queue.

    Args:
        planned: the whole run.
        queue: what this task does of it.
        workshop: all that converting needs.
        concurrency: how many items are in progress at once; no more tasks exist than that: memory is bounded by it.
        more: asked for the next other share to help with when the queue is empty; None when there is none.
        stop: set when the platform asks to stop.
    """

    def __init__(
        self,
        planned: Sequence[Planned],
        queue: WorkQueue,
        workshop: Workshop,
        *,
        concurrency: int,
        more: Callable[[], Awaitable[list[int] | None]],
        stop: asyncio.Event,
    ) -> None:
        self._planned, self._queue, self._workshop = planned, queue, workshop
        self._concurrency, self._more, self._stop = concurrency, more, stop
        self._running: dict[asyncio.Task[Done], int] = {}

    async def run(self) -> AsyncIterator[Ended]:
        """Convert all; each item as it ends.

        Raises:
            Stopped: ``stop`` was set; what was in progress has finished or its claims are released.
        """
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            while not self._stop.is_set():
                await self._fill()
                if not self._running and self._queue.empty:
                    return
                await asyncio.wait(
                    {*self._running, stopping},
                    timeout=self._queue.seconds_until_next(time.monotonic()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for ended in self._take_ended():
                    yield ended
            if self._running:
                await asyncio.wait(self._running, timeout=STOP_GRACE_SECONDS)
            for ended in self._take_ended():
                yield ended
            raise Stopped
        finally:
            stopping.cancel()
            await self._release()

    async def _fill(self) -> None:
        while len(self._running) < self._concurrency:
            position = self._queue.take(time.monotonic())
            if position is not None:
                self._begin(position)
                continue
            # Only when nothing of our own is left to begin: then the others may need help.
            share = await self._more()
            if share is None:
                return
            self._queue.add_foreign(share)

    def _begin(self, position: int) -> None:
        entry = self._planned[position]
        item, prompt = entry.item, entry.prompt
        assert item is not None and prompt is not None
        self._running[asyncio.create_task(convert(item, prompt, self._workshop))] = position

    def _take_ended(self) -> list[Ended]:
        ended = []
        for task in [task for task in self._running if task.done()]:
            position, done = self._running.pop(task), task.result()
            own = self._queue.owns(position)
            held = done.held_seconds
            if held is not None:
                waits = self._queue.put_off(position, time.monotonic(), held_seconds=held)
                if waits or not own:
                    continue
            ended.append(Ended(position=position, done=done, own=own))
        return ended

    async def _release(self) -> None:
        """Cancel what is in progress; each item's cancellation releases its claim."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
