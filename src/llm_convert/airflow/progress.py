"""A deferred run's messages on their way into its task's log, read in a few threads that all triggers share."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from llm_convert import wiring
from llm_convert.airflow.lines import said
from llm_convert.errors import Terminal

if TYPE_CHECKING:
    from llm_convert.contracts.messages import Message
    from llm_convert.execution.messages import MessageReader
    from llm_convert.ports import ObjectStore
    from llm_convert.settings import Settings

T = TypeVar("T")

LOOK_SECONDS = 10.0
"""Between two looks for messages while there are some."""
LONGEST_LOOK_SECONDS = 60.0
"""Between two looks of a run that has long said nothing: a look costs a listing."""
LAST_LOOK_SECONDS = 30.0
"""How long the last look may take once the execution is over; the worker reads the messages anyway."""
AT_ONCE = 8


@functools.cache
def threads() -> ThreadPoolExecutor:
    """Own threads: the event loop's are everybody's, and a slow store must not stop others."""
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="llm-convert-progress")


@functools.lru_cache(maxsize=16)
def shared_store(settings: Settings) -> ObjectStore:
    """One store for all triggers of the same settings: a client of its own for each would cost megabytes."""
    return wiring.open_store(settings)


async def in_thread(call: Callable[[], T]) -> T:
    """A blocking call, without blocking the event loop."""
    return await asyncio.get_running_loop().run_in_executor(threads(), call)


class Teller:
    """Tells the messages of one run as they come.

    Args:
        open_reader: opens the reader, in a thread.
        log: is given the level and the line of each message, in the event loop.
        look_seconds: between two looks while there is something to tell.
    """

    def __init__(
        self,
        open_reader: Callable[[], MessageReader],
        log: Callable[[int, str], None],
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._open_reader, self._log, self._look_seconds = open_reader, log, look_seconds
        self._reader: MessageReader | None = None
        self._quiet_looks = 0
        self._over = asyncio.Event()

    async def run(self) -> bool:
        """Tell until ``finish``; whether everything there was has been told."""
        while not self._over.is_set():
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - telling is a courtesy and must not end the waiting
                if isinstance(error, Terminal):
                    # The worker meets the same error after the run, and fails with it.
                    return False
                self._quiet_looks += 1
            await self._pause()
        await self._look()
        return True

    async def finish(self, telling: asyncio.Task[bool]) -> bool:
        """Tell what is left once the execution is over; whether everything was told."""
        self._over.set()
        try:
            return await asyncio.wait_for(telling, LAST_LOOK_SECONDS)
        except Exception:  # noqa: BLE001 - telling is a courtesy; the verdict reads the messages again
            return False

    @property
    def pause_seconds(self) -> float:
        """Until the next look: doubled by each that found nothing, and never quite what the others have."""
        pause = min(self._look_seconds * 2.0 ** min(self._quiet_looks, 8), LONGEST_LOOK_SECONDS)
        return pause * random.uniform(0.7, 1.3)  # noqa: S311 - it spreads load and guards nothing

    async def _look(self) -> None:
        messages = await in_thread(self._poll)
        self._quiet_looks = 0 if messages else self._quiet_looks + 1
        for message in messages:
            if (line := said(message)) is not None:
                self._log(*line)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._over.wait(), self.pause_seconds)
        except TimeoutError:
            return

    def _poll(self) -> list[Message]:
        self._reader = self._reader or self._open_reader()
        return self._reader.poll()
