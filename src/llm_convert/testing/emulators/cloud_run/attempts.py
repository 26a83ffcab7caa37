"""One attempt of one task: a process with Cloud Run's variables, its limits, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_convert.testing.emulators.cloud_run import messages as m
from llm_convert.testing.emulators.cloud_run.names import short
from llm_convert.testing.emulators.cloud_run.quantities import memory_limit, parse_quantity
from llm_convert.testing.emulators.cloud_run.state import ExecutionRecord, State
from llm_convert.testing.emulators.processes import EXIT_NOT_FOUND, LocalProcess, base_environment

_GUIDE = "https://cloud.google.com/run/docs/configuring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended. Status codes are gRPC's: 0 OK, 1 CANCELLED, 4 DEADLINE_EXCEEDED, 8, 10 ABORTED."""

    code: int = 0
    message: str = ""
    exit_code: int = 0
    term_signal: int = 0
    line: str = ""
    """What the platform adds to the attempt's log."""


def run_attempt(state: State, record: ExecutionRecord, index: int, attempt: int) -> Outcome:
    """Run a task's container to its end; waits."""
    folder = record.folder / f"task-{index}" / f"attempt-{attempt}"
    (folder / "work").mkdir(parents=True)
    log = folder / "log.txt"
    try:
        process = LocalProcess(
            command_of(state, record.message),
            environment=environment_of(state, record.message, index, attempt),
            folder=_working_directory(state, record.message, folder / "work"),
            log=log,
            alarms=state.alarms,
        )
    except (OSError, ValueError) as error:
        outcome = Outcome(
            code=10, message=m.EXITED_WITH_ERROR, exit_code=EXIT_NOT_FOUND, line=f"Application failed to start: {error}"
        )
    else:
        outcome = _watch(state, record, process)
    with log.open("a", encoding="utf-8") as file:
        file.write(outcome.line + "\n")
    return outcome


def _watch(state: State, record: ExecutionRecord, process: LocalProcess) -> Outcome:
    template, dials = record.message.template, state.dials
    timeout_seconds = template.timeout.ToTimedelta().total_seconds()
    with state.changed:
        record.processes.add(process)
    # Whoever stops the execution sets this first and then ends what is in the set: one of the two sees this process.
    if record.stopping.is_set():
        process.end("cancel", grace_seconds=0.0 if state.stopping.is_set() else dials.grace_seconds)
    process.limit_time(timeout_seconds, grace_seconds=dials.grace_seconds)
    memory = memory_limit(template.containers[0])
    if dials.enforce_memory_limit:
        process.limit_memory(parse_quantity(memory))
    code = process.wait()
    with state.changed:
        record.processes.discard(process)
    return outcome_of(code, process.cause, timeout_seconds=timeout_seconds, memory=memory)


def outcome_of(code: int, cause: str, *, timeout_seconds: float, memory: str) -> Outcome:
    """From a process's exit code, or minus its signal, and from why it was ended from outside."""
    ended: dict[str, Any] = {"exit_code": max(code, 0), "term_signal": max(-code, 0)}
    if cause == "timeout":
        line = (
            f"Terminating task because it has reached the maximum timeout of {timeout_seconds:g} seconds. "
            f"To change this limit, see {_GUIDE}/task-timeout"
        )
        return Outcome(code=4, message=m.TIMED_OUT, line=line, **ended)
    if cause == "memory":
        line = f"Memory limit of {memory} exceeded. Consider increasing the memory limit, see {_GUIDE}/memory-limits"
        return Outcome(code=8, message=m.OUT_OF_MEMORY, line=line, **ended)
    line = f"Container terminated on signal {-code}." if code < 0 else f"Container called exit({code})."
    if cause:
        return Outcome(code=1, message=m.CANCELLED, line=line, **ended)
    if code == 0:
        return Outcome(line=line)
    return Outcome(code=10, message=m.EXITED_WITH_ERROR, line=line, **ended)


def command_of(state: State, execution: Any) -> list[str]:
    """The container's command, or else its image's entrypoint, and its arguments. Raises FileNotFoundError."""
    container = execution.template.containers[0]
    command = list(container.command) or list(state.dials.entrypoint(container.image) or ())
    if not command:
        raise FileNotFoundError(
            f"the container has no command and no entrypoint is known of its image {container.image!r}: "
            "set the container's command, or name the entrypoint in the dial images"
        )
    return [*command, *container.args]


def environment_of(state: State, execution: Any, index: int, attempt: int) -> dict[str, str]:
    """What the container's process sees; the platform's own variables win."""
    environment = base_environment() | state.base_env
    for variable in execution.template.containers[0].env:
        if variable.WhichOneof("values") == "value_source":
            environment[variable.name] = state.dials.secrets.get(short(variable.value_source.secret_key_ref.secret), "")
        else:
            environment[variable.name] = variable.value
    return environment | {
        "CLOUD_RUN_JOB": short(execution.job),
        "CLOUD_RUN_EXECUTION": short(execution.name),
        "CLOUD_RUN_TASK_INDEX": str(index),
        "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
        "CLOUD_RUN_TASK_COUNT": str(execution.task_count),
    }


def _working_directory(state: State, execution: Any, own: Path) -> Path:
    wanted = execution.template.containers[0].working_dir
    if wanted and Path(wanted).is_dir():
        return Path(wanted)
    return state.working_directory or own
