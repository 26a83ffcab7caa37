"""What Cloud Run's messages say about an execution, in our words. Pure: it reads messages and calls nothing.

The order of the questions matters: a cancelled execution has once been counted as a success because its conditions
were asked before its cancellation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from llm_convert.contracts.launch import ExecutionState, ExecutionStatus
from llm_convert.errors import EXIT_CONFIGURATION, EXIT_DATA

_FAILED, _SUCCEEDED = "CONDITION_FAILED", "CONDITION_SUCCEEDED"


def status_of(execution: Any, tasks: Iterable[Any] = ()) -> ExecutionStatus:
    """How an execution stands.

    Args:
        execution: a ``run_v2.Execution``.
        tasks: its ``run_v2.Task`` messages, for the exit code of one that failed.
    """
    reasons = set(_reasons(execution))
    if not is_over(execution):
        stopping = bool(reasons & {"CANCELLING", "CANCELLED", "DELETED"}) or execution.delete_time is not None
        return ExecutionStatus(state=ExecutionState.RUNNING, stopping=stopping, detail=_pending(execution))
    detail = _message(execution)
    if "CANCELLED" in reasons or (execution.cancelled_count and not execution.failed_count):
        return ExecutionStatus(state=ExecutionState.CANCELLED, detail=detail, reason="CANCELLED")
    if execution.failed_count or _completed(execution) == _FAILED:
        return _failure(detail, next(iter(_reasons(execution)), ""), tasks)
    if _completed(execution) == _SUCCEEDED or execution.succeeded_count >= max(1, execution.task_count):
        return ExecutionStatus(state=ExecutionState.SUCCEEDED)
    return ExecutionStatus(state=ExecutionState.ENDED, detail=detail or "the platform told no outcome")


def gone() -> ExecutionStatus:
    """The status of an execution that the platform does not have any more."""
    return ExecutionStatus(
        state=ExecutionState.ENDED, reason="NOT_FOUND", detail="the platform has no such execution; it was deleted"
    )


def is_over(execution: Any) -> bool:
    """Whether it will do nothing more."""
    return execution.completion_time is not None or _completed(execution) in {_FAILED, _SUCCEEDED}


def has_failed(execution: Any) -> bool:
    """Whether its tasks have to be asked for exit codes."""
    return status_of(execution).state is ExecutionState.FAILED


def environment_of(execution: Any) -> dict[str, str]:
    """The environment in its template; empty, or without our variables, where the service hides overrides."""
    return {item.name: item.value for container in execution.template.containers for item in container.env}


def _completed(execution: Any) -> str:
    return next((_name(c.state) for c in execution.conditions if c.type_ == "Completed"), "")


def _reasons(execution: Any) -> Iterator[str]:
    """The codes of all conditions that did not succeed; those of ``Completed`` last, which are the vaguest."""
    for condition in sorted(execution.conditions, key=lambda c: c.type_ == "Completed"):
        if _name(condition.state) == _SUCCEEDED:
            continue
        for reason in (condition.execution_reason, condition.reason):
            if int(reason):
                yield _name(reason)


def _message(execution: Any) -> str:
    ordered = sorted(execution.conditions, key=lambda c: c.type_ != "Completed")
    return next((c.message for c in ordered if c.message and _name(c.state) == _FAILED), "")


def _pending(execution: Any) -> str:
    """Why it does not run yet, such as an image that can't be pulled."""
    if execution.running_count:
        return ""
    return next((c.message for c in execution.conditions if c.message and _name(c.state) != _SUCCEEDED), "")


def _failure(detail: str, reason: str, tasks: Iterable[Any]) -> ExecutionStatus:
    failed = [attempt for task in tasks if _went_wrong(attempt := task.last_attempt_result)]
    order = {EXIT_CONFIGURATION: 0, EXIT_DATA: 1}
    worst = min(failed, key=lambda attempt: order.get(attempt.exit_code, 2), default=None)
    if worst is None:
        return ExecutionStatus(state=ExecutionState.FAILED, detail=detail, reason=reason)
    words = [worst.status.message, detail]
    return ExecutionStatus(
        state=ExecutionState.FAILED,
        # Both are 0 where they are not set; a failed attempt without either never came to an exit.
        exit_code=worst.exit_code or None,
        signal=worst.term_signal or None,
        detail="; ".join(dict.fromkeys(text.rstrip(".") for text in words if text)),
        reason=reason,
    )


def _went_wrong(attempt: Any) -> bool:
    return bool(attempt.exit_code or attempt.term_signal or attempt.status.code)


def _name(value: Any) -> str:
    """An enum's name; the number of one that this version of the client does not know."""
    return str(getattr(value, "name", value))
