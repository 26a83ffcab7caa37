"""Waiting for an execution without a worker's slot: what runs in Airflow's triggerer.

A trigger never starts an execution, never judges one and never fails its task: it says that there is something to
judge, and the task goes on in a worker, which does.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal

from airflow.triggers.base import BaseTrigger, TriggerEvent

from llm_convert import wiring
from llm_convert.airflow.killing import TELLS_OF_KILLS, was_given_up
from llm_convert.airflow.polling import Standing, standing_of
from llm_convert.airflow.progress import LOOK_SECONDS, Teller, in_thread, shared_store
from llm_convert.airflow.waiting import Ended, Waiting
from llm_convert.contracts.base import parse
from llm_convert.errors import ConfigurationError
from llm_convert.execution.messages import MessageReader
from llm_convert.execution.watch import CANCEL_WAIT_SECONDS, LONGEST_WAIT_SECONDS

if TYPE_CHECKING:
    from llm_convert.contracts.tenant import TenantConfig
    from llm_convert.ports import ExecutionWatch
    from llm_convert.settings import Settings

CANCEL_TRIES = 3
CANCEL_PAUSE_SECONDS = 2.0
LONGEST_NAP_SECONDS = 3600.0


class ConversionTrigger(BaseTrigger):
    """Waits until an execution is over, past its deadline, or can't be watched from here; then fires one event.

    The event is an ``Ended`` as a dict.

    Args:
        waiting: a ``Waiting`` or the dict of one.
        look_seconds: between two looks for messages.
    """

    def __init__(self, waiting: Waiting | dict[str, Any], look_seconds: float = LOOK_SECONDS) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        # Read later: Airflow's triggerer does not survive an error while it builds a trigger, such as one that another
        # version of this package stored.
        self._given = waiting.model_dump(mode="json") if isinstance(waiting, Waiting) else waiting
        self.look_seconds = look_seconds

    @functools.cached_property
    def waiting(self) -> Waiting:
        """What it waits for. Raises ConfigurationError when another version wrote it."""
        return parse(Waiting, self._given, where="the trigger")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class's name and what rebuilds it, as JSON values."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"waiting": self._given, "look_seconds": self.look_seconds},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, tell the run's messages meanwhile, and fire one event."""
        try:
            ended = await self._wait()
        except asyncio.CancelledError as error:
            # With words, the triggerer itself is closing. Without any, before 3.3, it may be closing all the same.
            if not TELLS_OF_KILLS and not error.args and await was_given_up(self.task_instance):
                await self._cancel()
            raise
        yield TriggerEvent(ended.model_dump(mode="json"))  # type: ignore[no-untyped-call, unused-ignore]

    async def on_kill(self) -> None:
        """Cancel the execution of a task that was given up. Airflow calls it from 3.3 on."""
        if await was_given_up(self.task_instance):
            await self._cancel()

    async def _wait(self) -> Ended:
        try:
            settings, config = await in_thread(self._surroundings)
        except ConfigurationError as error:
            # Failing here would fail the task and leave its execution alone: the worker watches it instead.
            return self._ended("unwatched", detail=str(error))
        teller = Teller(lambda: self._reader(settings), self.log.log, look_seconds=self.look_seconds)
        async with standing_of(
            self.waiting.handle,
            place=_place(settings, config),
            open_watch=lambda: _open_watch(settings, config),
            poll_seconds=self.waiting.poll_seconds,
        ) as standing:
            telling = asyncio.create_task(teller.run())
            try:
                ended = await self._watch(standing)
                told = await teller.finish(telling)
                return ended.model_copy(update={"told": told and standing.over})
            finally:
                telling.cancel()

    async def _watch(self, standing: Standing) -> Ended:
        trouble = ""
        while not standing.over and not standing.unaskable:
            left_seconds = self.waiting.deadline - time.time()
            if left_seconds <= 0:
                return await self._time_out(standing)
            await standing.news(min(left_seconds, LONGEST_NAP_SECONDS))
            if standing.trouble != trouble:
                trouble = standing.trouble
                self._tell_trouble(trouble)
        return self._ended("over" if standing.over else "unwatched", detail=standing.unaskable)

    async def _time_out(self, standing: Standing) -> Ended:
        """Cancel it, and wait a while for its end, so that the next try does not find it still ending."""
        self.log.warning("the execution is past its deadline; it is being cancelled")
        give_up = time.monotonic() + LONGEST_WAIT_SECONDS
        detail = await self._cancel()
        while detail and time.monotonic() < give_up and not standing.over:
            detail = await self._cancel()
        give_up = time.monotonic() + CANCEL_WAIT_SECONDS
        while not detail and not standing.over and time.monotonic() < give_up:
            await standing.news(give_up - time.monotonic())
        return self._ended("timed_out", detail=detail or standing.trouble, cancelled=not detail)

    async def _cancel(self) -> str:
        """Ask the platform to cancel the execution; why it could not be asked, or nothing."""
        detail = ""
        for pause_seconds in (0.0, *[CANCEL_PAUSE_SECONDS] * (CANCEL_TRIES - 1)):
            await asyncio.sleep(pause_seconds)
            try:
                await in_thread(self._cancel_now)
            except Exception as error:  # noqa: BLE001 - told, and tried again
                detail = str(error) or type(error).__name__
                self.log.warning("the execution could not be cancelled: %s", detail)
            else:
                self.log.info("the execution %s is cancelled", self.waiting.handle.name)
                return ""
        return detail

    def _cancel_now(self) -> None:
        wiring.open_backend(*self._surroundings()).cancel(self.waiting.handle)

    def _surroundings(self) -> tuple[Settings, TenantConfig | None]:
        settings = self.waiting.settings
        return settings, self._config(settings)

    def _config(self, settings: Settings) -> TenantConfig | None:
        """The tenant's configuration, for what the backend's URL leaves out; None when it can't be had now."""
        from llm_convert.tenants import load_tenant

        with contextlib.suppress(Exception):
            return load_tenant(shared_store(settings), self.waiting.request.tenant, folder=settings.tenants)
        return None

    def _reader(self, settings: Settings) -> MessageReader:
        request = self.waiting.request
        return MessageReader(shared_store(settings), request.tenant, request.bsda, self.waiting.run_id)

    def _tell_trouble(self, trouble: str) -> None:
        if trouble:
            self.log.warning("the platform can't be asked now, which says nothing about the execution: %s", trouble)
        else:
            self.log.info("the platform answers again")

    def _ended(self, status: Literal["over", "timed_out", "unwatched"], **facts: Any) -> Ended:
        return Ended(status=status, run_id=self.waiting.run_id, waiting=self.waiting, **facts)


def _place(settings: Settings, config: TenantConfig | None) -> tuple[str, ...]:
    """Equal where one watch can ask for both: what a backend is made from, the tenant's own part of it included."""
    tenants = (config.project_id, config.llm_job_region) if config else ()
    ours = (settings.backend, settings.cloud_run_endpoint, settings.cloud_build_endpoint, str(settings.home))
    return (*ours, *tenants)


def _open_watch(settings: Settings, config: TenantConfig | None) -> ExecutionWatch:
    return wiring.open_execution_watch(settings, config)
