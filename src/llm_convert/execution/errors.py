"""The ways an execution can fail, each its own class with its remedy. ``verdict`` finds them, ``watch`` raises them."""

from __future__ import annotations

import signal
from collections.abc import Collection

from llm_convert.errors import (
    EXIT_CONFIGURATION,
    EXIT_DATA,
    EXIT_TRY_AGAIN,
    ConfigurationError,
    DataError,
    LlmConvertError,
    Terminal,
    Transient,
    UnavailableError,
)
from llm_convert.execution.diagnosis import Ailment, Diagnosis
from llm_convert.execution.last_seen import LastSeen

_ONLY_THE_REST = "Run it again; only what is not done is repeated."


class ExecutionError(LlmConvertError):
    """An execution of the job did not end well. Catch it for all of them; the subclasses say whether to try again."""


class ExecutionFailedError(ExecutionError):
    """The job ended by itself with an exit code, or was killed by a signal. Raised only as one of its subclasses.

    Args:
        exit_code: the process's, or its ``closed`` message's; None when a signal killed it or nobody knows.
        signal_number: what killed it, or None.
        reason: the job's own words from its ``closed`` message; empty when it left none.
        log: where its log lies.
        diagnosis: what the platform did to it, where that is known; its remedy is then the error's.
        seen: how far it was, where it did not close.
    """

    remedy_text = _ONLY_THE_REST

    def __init__(
        self,
        *,
        exit_code: int | None = None,
        signal_number: int | None = None,
        reason: str = "",
        log: str = "",
        diagnosis: Diagnosis | None = None,
        seen: LastSeen | None = None,
    ) -> None:
        self.exit_code = exit_code
        self.signal_number = signal_number
        self.reason = reason
        self.log = log
        self.diagnosis = diagnosis
        self.seen = seen
        found = diagnosis.found if diagnosis else ""
        words = "; ".join(filter(None, (reason, found)))
        remedy = diagnosis.remedy if diagnosis else self.remedy_text
        # SIGKILL also ends a task that is out of time: only without a better account is memory the usual suspect.
        memory = diagnosis is None or diagnosis.ailment is Ailment.OUT_OF_MEMORY
        ending = _ending(exit_code, signal_number, memory=memory)
        super().__init__(f"the job {ending}{_told(words)}{_when(seen)}", remedy=remedy + _see(log))


class ExecutionDataError(ExecutionFailedError, DataError):
    """Exit code 65: the data is at fault."""

    remedy_text = "Read the report for each document's cause and remedy; the same documents fail the same way again."


class ExecutionConfigurationError(ExecutionFailedError, ConfigurationError):
    """Exit code 78: the configuration is at fault."""

    remedy_text = "Change what the job's reason names, then run it again."


class ExecutionTryAgainError(Transient, ExecutionFailedError):
    """Exit code 75, a signal, or anything unknown: trying again may help."""


class ExecutionCancelledError(Terminal, ExecutionError):
    """Somebody cancelled it. Not tried again by itself: whoever cancelled it would pay after all."""

    def __init__(self, *, detail: str = "", log: str = "", seen: LastSeen | None = None) -> None:
        self.detail = detail
        self.log = log
        self.seen = seen
        super().__init__(
            f"the execution was cancelled{_told(detail)}{_when(seen)}",
            remedy=f"Start it by hand if that was not meant.{_see(log)}",
        )


class ExecutionSilentError(Transient, ExecutionError):
    """The platform says it is over, even well, but not every task said that it is done: silence is no success."""

    def __init__(
        self,
        *,
        missing: Collection[int],
        state: str,
        log: str = "",
        detail: str = "",
        seen: LastSeen | None = None,
    ) -> None:
        self.missing = tuple(sorted(missing))
        self.state = state
        self.log = log
        self.detail = detail
        self.seen = seen
        tasks = ", ".join(map(str, self.missing))
        super().__init__(
            f"the platform says {state}, but task {tasks} never closed its message stream{_told(detail)}{_when(seen)}",
            remedy=_ONLY_THE_REST + _see(log),
        )


class ReportMissingError(Transient, ExecutionError):
    """Every task closed cleanly, yet no report was committed."""

    def __init__(self, *, log: str = "") -> None:
        self.log = log
        super().__init__("the execution ended well but committed no report", remedy=_ONLY_THE_REST + _see(log))


class CountsDisagreeError(Terminal, ExecutionError):
    """The report holds another number of work items than the tasks say they finished."""

    def __init__(self, *, reported: int, closed: int, log: str = "") -> None:
        self.reported = reported
        self.closed = closed
        self.log = log
        super().__init__(
            f"the report holds {reported} work items, but the tasks closed with {closed}",
            remedy=f"This is a defect of the job; report it with the log of this run.{_see(log)}",
        )


class ExecutionTimedOutError(Transient, ExecutionError):
    """It took longer than its deadline.

    Args:
        deadline_seconds: how long it was allowed to take.
        cancelled: False when even the cancel did not get through, so that it may still run.
        detail: the last error while watching it, if there was one.
        log: where its log lies.
        seen: how far it was, where it did not close.
    """

    def __init__(
        self,
        *,
        deadline_seconds: float,
        cancelled: bool,
        detail: str = "",
        log: str = "",
        seen: LastSeen | None = None,
    ) -> None:
        self.deadline_seconds = deadline_seconds
        self.cancelled = cancelled
        self.detail = detail
        self.log = log
        self.seen = seen
        end = "was cancelled" if cancelled else "could not be cancelled"
        super().__init__(
            f"the execution took longer than {deadline_seconds:g} s and {end}{_told(detail)}{_when(seen)}",
            remedy=f"Raise LLM_CONVERT_JOB_TIMEOUT_SECONDS if it needs more. {_ONLY_THE_REST}{_see(log)}",
        )


class LaunchUnsettledError(Transient, ExecutionError):
    """It stays unclear whether an earlier launch runs, so nothing was started."""

    def __init__(self, *, reason: str, waited_seconds: float) -> None:
        self.reason = reason
        self.waited_seconds = waited_seconds
        super().__init__(
            f"after {waited_seconds:g} s it is still unclear whether to start: {reason}",
            remedy="Nothing was started. Run it again in a minute.",
        )


class StillStartingError(UnavailableError):
    """The platform hides whose an execution is, and its container has not told yet: wait, and look again."""

    def __init__(self, *, execution: str, run_id: str) -> None:
        self.execution = execution
        self.run_id = run_id
        super().__init__(
            f"{execution} was just started and does not tell yet whether it is of {run_id}",
            remedy="Nothing was started. Run it again in a minute.",
        )


class StartUnansweredError(UnavailableError):
    """The platform's answer to a start was lost or unclear, so an execution may run whose name nobody knows."""

    def __init__(self, *, run_id: str, cause: UnavailableError) -> None:
        self.run_id = run_id
        self.cause = cause
        super().__init__(cause.found, remedy=cause.remedy)


class OtherBackendError(ConfigurationError):
    """The newest launch belongs to another backend than the one asked, so nobody can say whether it runs."""

    def __init__(self, *, run_id: str, launched_on: str, asked: str, key: str) -> None:
        self.run_id = run_id
        self.launched_on = launched_on
        self.asked = asked
        self.key = key
        super().__init__(
            f"run {run_id} was launched on the backend {launched_on!r}, but LLM_CONVERT_BACKEND is {asked!r}",
            remedy=f"Set LLM_CONVERT_BACKEND={launched_on} until that run is over, or delete {key} if it is.",
        )


class MessageFormatError(ConfigurationError):
    """A message that this version can't read: the job's image is another version than this package."""

    def __init__(self, *, key: str, detail: str) -> None:
        self.key = key
        self.detail = detail
        super().__init__(
            f"{key} holds a message that can't be read: {detail}",
            remedy="Install the version of this package that the job's image has.",
        )


def execution_failed(
    *,
    exit_code: int | None,
    signal_number: int | None,
    reason: str,
    log: str = "",
    diagnosis: Diagnosis | None = None,
    seen: LastSeen | None = None,
) -> ExecutionFailedError:
    """The error of the class that an exit code stands for; a diagnosis decides where the job chose no code itself."""
    kind: type[ExecutionFailedError] = ExecutionTryAgainError
    if exit_code == EXIT_DATA:
        kind = ExecutionDataError
    elif exit_code == EXIT_CONFIGURATION or (diagnosis is not None and diagnosis.ailment.needs_a_person):
        kind = ExecutionConfigurationError
    return kind(
        exit_code=exit_code, signal_number=signal_number, reason=reason, log=log, diagnosis=diagnosis, seen=seen
    )


_MEANINGS = {
    EXIT_DATA: "the data is at fault",
    EXIT_TRY_AGAIN: "trying again may help",
    EXIT_CONFIGURATION: "the configuration is at fault",
}


def _ending(exit_code: int | None, signal_number: int | None, *, memory: bool) -> str:
    if signal_number is not None:
        usual = ", as the kernel does when memory runs out" if memory and signal_number == signal.SIGKILL else ""
        return f"was killed by {_signal_name(signal_number)}{usual}"
    if exit_code is None:
        return "failed without an exit code"
    meaning = _MEANINGS.get(exit_code)
    return f"ended with exit code {exit_code}" + (f" ({meaning})" if meaning else "")


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"


def _told(detail: str) -> str:
    return f": {detail.rstrip('.')}" if detail else ""


def _when(seen: LastSeen | None) -> str:
    return f" ({seen})" if seen else ""


def _see(log: str) -> str:
    return f" Log: {log}" if log else ""
