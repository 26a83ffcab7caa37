"""The run loop: work items side by side within a bound, each told as it ends; stops cleanly when asked to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.work import Outcome, Result
from llm_convert.conversion.convert import Done, Workshop, convert
from llm_convert.job.plan import Planned

STOP_GRACE_SECONDS = 8.0
"""How long work in progress may finish after a stop was asked for; what is left then is released."""


class Stopped(Exception):  # noqa: N818 - a fact, not a fault
    """The loop was asked to stop before every item had an outcome."""


async def run_items(
    planned: Sequence[Planned], workshop: Workshop, *, concurrency: int, stop: asyncio.Event
) -> AsyncIterator[tuple[int, ItemReport]]:
    """Convert all items; yields (position in ``planned``, its report) as each ends.

    No more than ``concurrency`` items are in progress, and no more tasks exist than that: memory is bounded by it.

    Raises:
        Stopped: ``stop`` was set; what was in progress has finished or its claims are released.
    """
    waiting = iter([(index, entry) for index, entry in enumerate(planned) if entry.item is not None])
    stopping = asyncio.ensure_future(stop.wait())
    running: dict[asyncio.Task[Done], int] = {}
    try:
        while not stop.is_set():
            for index, entry in waiting:
                assert entry.item is not None and entry.prompt is not None
                running[asyncio.create_task(convert(entry.item, entry.prompt, workshop))] = index
                if len(running) >= concurrency:
                    break
            if not running:
                return
            await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for index, done in _take_ended(running):
                yield index, item_report(planned[index], done)
        if running:
            await asyncio.wait(running, timeout=STOP_GRACE_SECONDS)
        for index, done in _take_ended(running):
            yield index, item_report(planned[index], done)
        raise Stopped
    finally:
        stopping.cancel()
        await _release(running)


def _take_ended(running: dict[asyncio.Task[Done], int]) -> list[tuple[int, Done]]:
    ended = [task for task in running if task.done()]
    return [(running.pop(task), task.result()) for task in ended]


async def _release(running: dict[asyncio.Task[Done], int]) -> None:
    """Cancel what is in progress; each item's cancellation releases its claim."""
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def item_report(planned: Planned, done: Done) -> ItemReport:
    """The report's line for a work item that ended."""
    assert planned.item is not None
    item, ending = planned.item, done.ending
    succeeded = isinstance(ending, Result)
    return ItemReport(
        document=planned.entry.file.name,
        source=planned.entry.file.source,
        sha256=item.document_sha256,
        file_id=item.file_id,
        prompt_id=item.prompt_id,
        work_item=item.id,
        outcome=Outcome.SUCCEEDED if isinstance(ending, Result) else ending.outcome,
        cause=None if isinstance(ending, Result) else ending.cause,
        detail="; ".join(ending.notes) if isinstance(ending, Result) else ending.said,
        rows=len(ending.rows) if isinstance(ending, Result) else 0,
        quarantined=len(ending.quarantined) if succeeded else 0,
        reused=done.reused,
        optional=item.optional,
        usage=done.usage,
        seconds=round(done.seconds, 3),
    )
