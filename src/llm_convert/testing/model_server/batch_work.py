"""The requests of a batch, done when its time has come, or given up where it is cancelled before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llm_convert.testing.model_server.call import Call, Served
from llm_convert.testing.model_server.calls import Calls
from llm_convert.testing.model_server.faults import Fault, RefusedError

_AT_ONCE = 16
_EXPIRED = "expired"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request of a batch, and what became of it."""

    custom_id: str
    call: Call
    result: str = "processing"
    """``succeeded``, ``errored``, ``canceled`` or ``expired`` in the end."""
    body: Any = None
    """The answer's JSON where it succeeded, the error's where it did not."""


@dataclass(slots=True)
class Work:
    """A batch that is being done."""

    entries: Sequence[Entry]
    cancelled: asyncio.Event
    task: asyncio.Task[None] | None = None

    def counts(self) -> dict[str, int]:
        """How many requests came to which result."""
        found = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for entry in self.entries:
            found[entry.result] += 1
        return found


class BatchWork:
    """Does batches.

    Args:
        served: the server.
        calls: answers the requests and writes the ledger.
    """

    def __init__(self, served: Served, calls: Calls) -> None:
        self._served = served
        self._calls = calls

    def start(self, entries: Sequence[Entry], done: Callable[[], Awaitable[None]]) -> Work:
        """Begin; ``done`` is awaited once every request has its result."""
        work = Work(entries, asyncio.Event())
        seconds = self._served.dials.batch_seconds
        work.task = asyncio.get_running_loop().create_task(self._run(work, seconds, done))
        return work

    async def _run(self, work: Work, seconds: float, done: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(work.cancelled.wait(), seconds)
        share = 1.0
        if work.cancelled.is_set() and seconds > 0:
            share = min(1.0, (loop.time() - started) / seconds)
        reached = int(len(work.entries) * share)
        for entry in work.entries[reached:]:
            entry.result = "canceled"
        for at in range(0, reached, _AT_ONCE):
            await asyncio.gather(*(self._settle(entry) for entry in work.entries[at : min(at + _AT_ONCE, reached)]))
            # Others' requests are answered meanwhile, also where nothing above had to be waited for.
            await asyncio.sleep(0)
        await done()

    async def _settle(self, entry: Entry) -> None:
        fate = self._served.dials.batch_fate
        call = entry.call
        try:
            found = None if fate is None else fate(entry.custom_id, call.fields)
            if found == _EXPIRED:
                entry.result = _EXPIRED
                return
            answer = await self._calls.settle(call, found if isinstance(found, Fault) else None)
        except RefusedError as refused:
            entry.result, entry.body = "errored", call.service.error(refused.fault, call.request_id)
        except Exception as error:  # noqa: BLE001 - of a test's own callable: a batch must end all the same
            told = Fault(message=f"{type(error).__name__}: {error}")
            entry.result, entry.body = "errored", call.service.error(told, call.request_id)
        else:
            entry.result, entry.body = "succeeded", answer.body
