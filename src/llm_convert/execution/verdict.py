"""Whether an execution that is over succeeded. Pure: no store, no platform, no clock.

Success needs all of: the platform does not object, every task closed its stream with exit code 0, the report is
committed, and it holds as many work items as the tasks say they finished. Anything less is a failure with its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llm_convert.contracts.launch import ExecutionState, ExecutionStatus
from llm_convert.contracts.messages import Closed
from llm_convert.contracts.report import Report
from llm_convert.errors import EXIT_CONFIGURATION, EXIT_DATA, EXIT_OK, Transient
from llm_convert.execution.diagnosis import Diagnosis, diagnose
from llm_convert.execution.errors import (
    CountsDisagreeError,
    ExecutionCancelledError,
    ExecutionError,
    ExecutionSilentError,
    ReportMissingError,
    execution_failed,
)
from llm_convert.execution.last_seen import LastSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Exactly one of the two is set."""

    report: Report | None = None
    error: ExecutionError | None = None

    @property
    def try_again(self) -> bool:
        """Whether the same again may help; False for success."""
        return isinstance(self.error, Transient)

    def result(self) -> Report:
        """The committed report. Raises the error there is instead."""
        if self.error is not None:
            raise self.error
        assert self.report is not None
        return self.report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What every error repeats."""

    log: str
    seen: LastSeen | None


def verdict(
    status: ExecutionStatus,
    closed: Mapping[int, Closed],
    report: Report | None,
    *,
    tasks: int = 1,
    log: str = "",
    execution: str = "",
    seen: LastSeen | None = None,
    timeout_seconds: float = 0.0,
) -> Verdict:
    """Judge an execution that is over.

    Args:
        status: the platform's account; it must be over.
        closed: by task index, the last message of its newest attempt.
        report: the run's committed report, if there is one.
        tasks: how many tasks the execution has.
        log: where its log lies, for the errors.
        execution: its resource name, for the remedies.
        seen: how far the first task was that did not close.
        timeout_seconds: the platform's timeout of a task; 0: not known.
    """
    assert status.over, "an execution that runs can't be judged"
    diagnosis = diagnose(status, execution=execution, seen=seen, timeout_seconds=timeout_seconds)
    error = _fault(
        status, closed, report, max([tasks, *(index + 1 for index in closed)]), _Told(log=log, seen=seen), diagnosis
    )
    return Verdict(error=error) if error else Verdict(report=report)


def verdict_of_finished(report: Report) -> Verdict:
    """Judge a run that an earlier watcher left behind, by its commit marker alone.

    What its job said by exit code is still in the report: too large a share of failures.
    """
    if report.failed_fraction <= report.max_failed_fraction:
        return Verdict(report=report)
    reason = f"{report.failed_fraction:.0%} of the work items failed, {report.max_failed_fraction:.0%} are allowed"
    return Verdict(error=execution_failed(exit_code=EXIT_DATA, signal_number=None, reason=reason))


def work_items(report: Report) -> int:
    """How many of a report's lines are work items; the others are documents that became none."""
    return sum(item.work_item is not None for item in report.items)


def _fault(
    status: ExecutionStatus,
    closed: Mapping[int, Closed],
    report: Report | None,
    tasks: int,
    told: _Told,
    diagnosis: Diagnosis | None,
) -> ExecutionError | None:
    if status.state is ExecutionState.CANCELLED:
        return ExecutionCancelledError(detail=status.detail, log=told.log, seen=told.seen)
    worst = _worst(closed)
    if status.state is ExecutionState.FAILED:
        return _failure(status, worst, _reasons(closed), told, diagnosis)
    missing = set(range(tasks)) - closed.keys()
    if worst is not None:
        return execution_failed(
            exit_code=worst.exit_code, signal_number=None, reason=_reasons(closed), log=told.log, seen=told.seen
        )
    if missing:
        return ExecutionSilentError(
            missing=missing, state=status.state.value, log=told.log, detail=status.detail, seen=told.seen
        )
    if report is None:
        return ReportMissingError(log=told.log)
    items = sum(message.items for message in closed.values())
    if items != work_items(report):
        return CountsDisagreeError(reported=work_items(report), closed=items, log=told.log)
    return None


def _failure(
    status: ExecutionStatus, worst: Closed | None, reasons: str, told: _Told, diagnosis: Diagnosis | None
) -> ExecutionError:
    # The process's own ending counts: a stream may close with 0 and the process be killed right after.
    known = status.exit_code is not None or status.signal is not None
    code = status.exit_code if known or worst is None else worst.exit_code
    if worst is not None and code in {EXIT_DATA, EXIT_CONFIGURATION}:
        diagnosis = None
    # A diagnosis repeats the platform's words itself.
    reason = reasons or ("" if diagnosis else status.detail)
    return execution_failed(
        exit_code=code,
        signal_number=status.signal,
        reason=reason,
        log=told.log,
        diagnosis=diagnosis,
        seen=told.seen,
    )


def _worst(closed: Mapping[int, Closed]) -> Closed | None:
    """The failure that a person must deal with first: configuration, then data, then what may pass by itself."""
    failed = [message for message in closed.values() if message.exit_code != EXIT_OK]
    order = {EXIT_CONFIGURATION: 0, EXIT_DATA: 1}
    return min(failed, key=lambda message: order.get(message.exit_code, 2), default=None)


def _reasons(closed: Mapping[int, Closed]) -> str:
    reasons = [message.reason.rstrip(".") for _, message in sorted(closed.items()) if message.exit_code != EXIT_OK]
    return "; ".join(dict.fromkeys(filter(None, reasons)))
