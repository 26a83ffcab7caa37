"""One poller for all triggers of a process that wait on the same platform: it asks for all of them at once.

A poller lives in one event loop, from the first trigger that waits to the last, and starts nothing. An error says
nothing about any execution: it is told to those who wait, and the next question comes later.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import weakref
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, field

from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus
from llm_convert.errors import MissingExtraError, UnavailableError
from llm_convert.ports import ExecutionWatch

SECONDS_PER_WAITING = 0.01
"""What each execution adds to the time between two questions: 500 are asked for every 5 s, at most 100 a second."""
LONGEST_PAUSE_SECONDS = 60.0
"""Where the back-off after errors ends."""
ANSWER_SECONDS = 60.0
"""How long one question may take before it counts as an error."""
MOST_REFUSALS = 5
"""Errors in a row that do not pass by themselves, before an execution counts as one that can't be asked from here."""

_pollers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Poller]] = weakref.WeakKeyDictionary()


@dataclass(slots=True, kw_only=True, eq=False)
class Standing:
    """How one execution stands, as far as its poller knows."""

    handle: ExecutionHandle
    poll_seconds: float
    status: ExecutionStatus | None = None
    """None before the platform first told of it."""
    trouble: str = ""
    """The last error while asking; empty when the last question was answered."""
    refusals: int = 0
    """How often in a row asking for it met an error that does not pass by itself."""
    unaskable: str = ""
    """Why it can't be asked from this process, such as a missing package or permission; empty when it can."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Whether the platform said that it will do nothing more."""
        return self.status is not None and self.status.over

    async def news(self, seconds: float) -> None:
        """Wait until something changes, but no longer than this."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), max(0.0, seconds))
        self._news.clear()

    def tell(self, status: ExecutionStatus | None, error: Exception | None) -> None:
        """Note what a question gave; whoever waits hears of it when it is new."""
        before = (self.status, self.trouble, self.unaskable)
        self.status = status or self.status
        self.trouble = "" if error is None else str(error) or type(error).__name__
        passing = error is None or isinstance(error, UnavailableError | TimeoutError)
        self.refusals = 0 if passing else self.refusals + 1
        if isinstance(error, MissingExtraError) or self.refusals >= MOST_REFUSALS:
            self.unaskable = self.trouble
        if (self.status, self.trouble, self.unaskable) != before:
            self._news.set()


@contextlib.asynccontextmanager
async def standing_of(
    handle: ExecutionHandle, *, place: Hashable, open_watch: Callable[[], ExecutionWatch], poll_seconds: float
) -> AsyncIterator[Standing]:
    """How an execution stands, kept up to date until the block ends.

    Args:
        handle: the execution.
        place: equal for executions that one watch can ask for.
        open_watch: opens that watch; it is called in a thread, for vendors' packages take seconds to import.
        poll_seconds: between two questions, while few wait. The smallest of all who wait holds.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(place)
    if poller is None:
        poller = pollers[place] = Poller(open_watch, forget=lambda: pollers.pop(place, None))
    standing = Standing(handle=handle, poll_seconds=poll_seconds)
    poller.add(standing)
    try:
        yield standing
    finally:
        poller.remove(standing)


class Poller:
    """Asks one watch for everyone who waits. It ends when nobody does, and calls ``forget``."""

    def __init__(self, open_watch: Callable[[], ExecutionWatch], *, forget: Callable[[], object]) -> None:
        self._open_watch, self._forget = open_watch, forget
        self._standings: set[Standing] = set()
        self._task: asyncio.Task[None] | None = None
        self._errors_in_a_row = 0

    def add(self, standing: Standing) -> None:
        """Ask for it from now on."""
        self._standings.add(standing)
        if self._task is None:
            # In a context of its own: what is logged here must not end up in the log of the task that came first.
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name="llm_convert poller", context=contextvars.Context()
            )

    def remove(self, standing: Standing) -> None:
        """Ask for it no longer."""
        self._standings.discard(standing)

    @property
    def pause_seconds(self) -> float:
        """Until the next question: longer the more executions there are, and after errors."""
        asked = min((standing.poll_seconds for standing in self._standings), default=0.0)
        pause = max(asked, len(self._standings) * SECONDS_PER_WAITING) * 2.0 ** min(self._errors_in_a_row, 16)
        return min(pause, max(LONGEST_PAUSE_SECONDS, asked))

    async def _run(self) -> None:
        watch: ExecutionWatch | None = None
        try:
            while self._standings:
                try:
                    if watch is None:
                        watch = await asyncio.to_thread(self._open_watch)
                    self._note(*await _answers(watch, self._handles()))
                except Exception as error:  # noqa: BLE001 - whatever is wrong here, the executions go on
                    self._note({}, {handle.name: error for handle in self._handles()})
                await asyncio.sleep(self.pause_seconds)
        finally:
            # First of all: who comes from here on must find no poller that is about to end.
            self._forget()
            if watch is not None:
                await watch.close()

    def _handles(self) -> list[ExecutionHandle]:
        return list({standing.handle.name: standing.handle for standing in self._standings}.values())

    def _note(self, found: dict[str, ExecutionStatus], errors: dict[str, Exception]) -> None:
        asked_in_vain = bool(errors) and not found
        self._errors_in_a_row = self._errors_in_a_row + 1 if asked_in_vain else 0
        for standing in self._standings:
            name = standing.handle.name
            standing.tell(found.get(name), errors.get(name))


async def _answers(
    watch: ExecutionWatch, handles: list[ExecutionHandle]
) -> tuple[dict[str, ExecutionStatus], dict[str, Exception]]:
    """How the executions stand, and what is wrong with the others.

    One may be at fault, such as one whose project was taken from us. The rest must not wait for it, so the question is
    halved until it stands alone.
    """
    try:
        return await asyncio.wait_for(watch.statuses(handles), ANSWER_SECONDS), {}
    except (UnavailableError, TimeoutError) as error:
        return {}, {handle.name: error for handle in handles}
    except Exception as error:  # noqa: BLE001 - an error while asking says nothing about any execution
        if len(handles) == 1:
            return {}, {handles[0].name: error}
    middle = len(handles) // 2
    first, second = await _answers(watch, handles[:middle]), await _answers(watch, handles[middle:])
    return first[0] | second[0], first[1] | second[1]
