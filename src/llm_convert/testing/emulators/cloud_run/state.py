"""The one state that both wires read: jobs, executions, tasks and operations, under one lock."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llm_convert.testing.emulators.cloud_run import messages as m
from llm_convert.testing.emulators.cloud_run.dials import Dials
from llm_convert.testing.emulators.cloud_run.names import location_of, not_found
from llm_convert.testing.emulators.google_api.errors import ApiError
from llm_convert.testing.emulators.google_api.operations import Operations, done, failed, running
from llm_convert.testing.emulators.processes import Alarms, LocalProcess


@dataclass(slots=True, kw_only=True, eq=False)
class ExecutionRecord:
    """An execution as it stands; change it only while holding ``State.changed``."""

    message: Any
    """The Execution, with the overrides in its template."""
    own_template: Any
    """The job's TaskTemplate without them."""
    folder: Path
    listed_at: float
    """Monotonic time from which lists show it."""
    tasks: list[Any] = field(default_factory=list)
    processes: set[LocalProcess] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)
    stop_reason: Any = None
    """An ExecutionReason, once it is asked to stop."""
    over: bool = False

    @property
    def name(self) -> str:
        """Full."""
        return str(self.message.name)

    @property
    def completed(self) -> Any:
        """The condition that tells its outcome."""
        return next(condition for condition in self.message.conditions if condition.type_ == "Completed")

    def touch(self) -> None:
        """Make another version of it."""
        self.message.etag = m.new_etag()
        self.message.update_time.CopyFrom(m.now())


@dataclass(slots=True, kw_only=True)
class State:
    """All that an emulator knows."""

    dials: Dials
    folder: Path
    alarms: Alarms
    base_env: dict[str, str]
    working_directory: Path | None
    stopping: threading.Event
    changed: threading.Condition = field(default_factory=threading.Condition)
    jobs: dict[str, Any] = field(default_factory=dict)
    executions: dict[str, ExecutionRecord] = field(default_factory=dict)
    started: list[ExecutionRecord] = field(default_factory=list)
    """Every execution ever started, deleted ones included."""
    policies: dict[str, Any] = field(default_factory=dict)
    operations: Operations = field(init=False)

    def __post_init__(self) -> None:
        self.operations = Operations(self.changed, self.stopping)

    def job(self, name: str) -> Any:
        """Raises ApiError: NOT_FOUND."""
        if name not in self.jobs:
            raise not_found("JOB", name)
        return self.jobs[name]

    def execution(self, name: str) -> ExecutionRecord:
        """Raises ApiError: NOT_FOUND."""
        if name not in self.executions:
            raise not_found("EXECUTION", name)
        return self.executions[name]

    def shown(self, record: ExecutionRecord) -> Any:
        """A copy of an execution as callers see it."""
        copy = m.Execution()
        copy.CopyFrom(record.message)
        if self.dials.hide_overrides:
            copy.template.CopyFrom(record.own_template)
        return copy

    def listed(self, record: ExecutionRecord) -> bool:
        """Whether lists show it yet."""
        return time.monotonic() >= record.listed_at

    def operation_name(self, resource: str) -> str:
        """A new one, beside a resource."""
        return f"{location_of(resource)}/operations/{uuid.uuid4()}"

    def done_operation(self, resource: str, message: Any) -> Any:
        """An operation that was over at once, about a resource as it is now."""
        operation = done(self.operation_name(resource), message, message)
        return self.operations.add(operation.name, lambda: operation)

    def execution_operation(self, record: ExecutionRecord, *, of_cancel: bool = False) -> Any:
        """An operation that ends with its execution; that of a cancel call never fails."""
        name = self.operation_name(record.name)

        def view() -> Any:
            shown = self.shown(record)
            if not record.over:
                return running(name, shown)
            if of_cancel or not _failed(record) or self.dials.failed_execution_as == "execution":
                return done(name, shown, shown)
            return failed(name, shown, _error_code(record), record.completed.message)

        return self.operations.add(name, view)


def check_etag(asked: str, found: Any) -> None:
    """Raises ApiError: ABORTED when the caller saw another version."""
    if asked and asked != found.etag:
        raise ApiError(
            "ABORTED",
            f"Conflict for resource '{found.name}': version '{asked}' was specified but current version is "
            f"'{found.etag}'.",
        )


def _failed(record: ExecutionRecord) -> bool:
    return bool(record.completed.state == m.State.CONDITION_FAILED)


def _error_code(record: ExecutionRecord) -> int:
    """CANCELLED for a cancelled execution, INTERNAL for any other failure, as the service was seen to do."""
    return 1 if record.stop_reason is not None else 13
