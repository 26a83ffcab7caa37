"""What a deferred task remembers of its execution: small, without secrets, as JSON in Airflow's database."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from llm_convert.contracts.base import Contract
from llm_convert.contracts.launch import ExecutionHandle, JobRequest
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from llm_convert.execution.launch import Launched

_URLS = ("store", "backend", "cloud_run_endpoint", "cloud_build_endpoint")


class Place(Contract):
    """Where a worker keeps store and executions; the rest of the settings is each process's own environment."""

    home: Path
    """Absolute: a relative one means another folder in another process."""
    store: str
    backend: str
    cloud_run_endpoint: str
    cloud_build_endpoint: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """From the worker's settings."""
        return cls(home=settings.home.absolute(), **{name: getattr(settings, name) for name in _URLS})


class Waiting(Contract):
    """An execution that a task waits for. It travels with the trigger and comes back in the trigger's event."""

    request: JobRequest
    run_id: str
    handle: ExecutionHandle
    attached: bool
    intended_at: datetime
    """Aware: when the launch was intended."""
    deadline: float
    """Unix time in seconds; past it, the execution is cancelled."""
    poll_seconds: float = Field(gt=0)
    place: Place

    @classmethod
    def of(
        cls,
        launched: Launched,
        request: JobRequest,
        settings: Settings,
        *,
        now: datetime,
        execution_timeout: timedelta | None = None,
    ) -> Self:
        """From a launch that is not finished.

        Args:
            launched: the execution.
            request: what it was asked for.
            settings: the worker's.
            now: aware.
            execution_timeout: the task's own; Airflow does not hold it while a task is deferred, so the trigger does.
        """
        began = launched.intended_at or now
        deadline = began.timestamp() + settings.job_timeout_seconds
        if execution_timeout is not None:
            deadline = min(deadline, now.timestamp() + execution_timeout.total_seconds())
        return cls(
            request=request,
            run_id=launched.run_id,
            handle=launched.handle,
            attached=launched.attached,
            intended_at=began,
            deadline=deadline,
            poll_seconds=settings.poll_seconds,
            place=Place.of(settings),
        )

    @property
    def deadline_seconds(self) -> float:
        """How long the execution may take, counted from its intent."""
        return max(0.0, self.deadline - self.intended_at.timestamp())

    @property
    def settings(self) -> Settings:
        """The settings of this process at the worker's places.

        Raises:
            ConfigurationError: a variable of this process can't be read.
        """
        return Settings.from_environment().model_copy(update=self.place.model_dump())

    def launched(self) -> Launched:
        """What the launch gave."""
        from llm_convert.execution.launch import Launched

        return Launched(run_id=self.run_id, handle=self.handle, attached=self.attached, intended_at=self.intended_at)


class Ended(Contract):
    """A trigger's event: why the waiting ended. The verdict is the worker's."""

    status: Literal["over", "timed_out", "unwatched"]
    """``unwatched``: the triggerer can't ask the platform, so the worker goes on waiting."""
    run_id: str
    waiting: Waiting
    told: bool = False
    """Every message of the run stands in the log already."""
    cancelled: bool = False
    """Past the deadline: whether the cancel got through."""
    detail: str = ""
    """The last error, if there was one."""
