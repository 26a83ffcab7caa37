"""The vendor's protobuf classes, and small makers of what recurs in them: times, conditions, etags."""

from __future__ import annotations

import secrets
import time
from typing import Any

from google.cloud import run_v2
from google.protobuf import timestamp_pb2

Job: Any = run_v2.Job.pb()
Execution: Any = run_v2.Execution.pb()
Task: Any = run_v2.Task.pb()
TaskTemplate: Any = run_v2.TaskTemplate.pb()
EnvVar: Any = run_v2.EnvVar.pb()

State = run_v2.Condition.State
Reason = run_v2.Condition.CommonReason
ExecutionReason = run_v2.Condition.ExecutionReason
Completion = run_v2.ExecutionReference.CompletionStatus

EXITED_WITH_ERROR = "The container exited with an error."
TIMED_OUT = "The configured timeout was reached."
OUT_OF_MEMORY = "The configured memory limit was reached."
CANCELLED = "Cancelled by user."


def now() -> Any:
    """A timestamp."""
    return timestamp_pb2.Timestamp(seconds=(ns := time.time_ns()) // 10**9, nanos=ns % 10**9 // 1000 * 1000)


def new_etag() -> str:
    """Another one for each version of a resource."""
    return f'"{secrets.token_urlsafe(12)}"'


def ordered_time(message: Any) -> list[Any]:
    """Sorts resources by when they were created, then by name."""
    created = message.create_time
    return [created.seconds, created.nanos, message.name]


def set_condition(message: Any, type_: str, state: Any, text: str = "", **reason: Any) -> None:
    """Add or change one condition of a resource.

    Args:
        message: a Job, an Execution or a Task.
        type_: such as ``Completed``.
        state: of ``Condition.State``.
        text: for people.
        reason: ``reason`` or ``execution_reason``, at most one.
    """
    found = next((condition for condition in message.conditions if condition.type_ == type_), None)
    if found is None:
        found = message.conditions.add()
    elif found.state == state and found.message == text:
        return
    found.Clear()
    found.type_, found.state, found.message = type_, state, text
    found.last_transition_time.CopyFrom(now())
    for name, value in reason.items():
        setattr(found, name, value)


def task_failed_text(task: str, exit_code: int, message: str) -> str:
    """What an execution says of the task that failed it."""
    return f"Task {task} failed with exit code: {exit_code} and message: {message}"
