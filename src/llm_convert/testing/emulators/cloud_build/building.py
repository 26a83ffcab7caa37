"""A build from its queue to its end, in a thread of its own."""

from __future__ import annotations

import threading
from typing import Any

from llm_convert.testing.emulators.cloud_build import messages as m
from llm_convert.testing.emulators.cloud_build.schedule import run_in_order
from llm_convert.testing.emulators.cloud_build.source import SourceError, fetch_source, upload_log
from llm_convert.testing.emulators.cloud_build.state import BuildRecord, State
from llm_convert.testing.emulators.cloud_build.steps import StepOutcome, run_step


def start(state: State, record: BuildRecord) -> None:
    """Begin; returns at once."""
    threading.Thread(target=_run, args=(state, record), name=f"build-{record.message.id}", daemon=True).start()


def _run(state: State, record: BuildRecord) -> None:
    build = record.message
    record.stopping.wait(state.dials.queued_seconds)
    _say(record, f'starting build "{build.id}"\n')
    with state.changed:
        build.status = m.Status.WORKING
        build.start_time.CopyFrom(m.now())
        state.changed.notify_all()
    seconds = build.timeout.ToTimedelta().total_seconds()
    state.alarms.after(seconds, lambda: state.stop(record, "timeout"))
    _say(record, "FETCHSOURCE")
    try:
        fetch_source(state, record)
    except SourceError as error:
        _end(state, record, m.Status.FAILURE, str(error), m.FailureType.FETCH_SOURCE_FAILED)
        return
    _say(record, "BUILD")
    began = m.now()
    status, fault = _run_steps(state, record)
    with state.changed:
        build.timing["BUILD"].start_time.CopyFrom(began)
        build.timing["BUILD"].end_time.CopyFrom(m.now())
    _end(state, record, status, fault, m.FailureType.USER_BUILD_STEP)


def _run_steps(state: State, record: BuildRecord) -> tuple[Any, str]:
    """All of them, each when it may; the build's status, and what is at fault."""
    steps, faults = record.message.steps, []
    with state.changed:
        record.message.results.build_step_outputs.extend(b"" for _ in steps)

    def run(index: int) -> bool:
        if record.stopping.is_set():
            return False
        outcome = _run_step(state, record, index)
        if outcome.status == m.Status.SUCCESS or (
            outcome.status == m.Status.FAILURE and _forgiven(steps[index], outcome)
        ):
            return True
        faults.append((outcome.status, outcome.fault))
        return False

    run_in_order(steps, run, lambda: state.halt(record))
    if faults:
        return faults[0]
    if record.stopping.is_set():
        cancelled = record.cause == "cancel"
        return (
            (m.Status.CANCELLED, "context canceled") if cancelled else (m.Status.TIMEOUT, "context deadline exceeded")
        )
    return m.Status.SUCCESS, ""


def _forgiven(step: Any, outcome: StepOutcome) -> bool:
    """As documented: a list of allowed exit codes takes precedence over allowing any failure."""
    return bool(outcome.exit_code in step.allow_exit_codes if step.allow_exit_codes else step.allow_failure)


def _run_step(state: State, record: BuildRecord, index: int) -> StepOutcome:
    step = record.message.steps[index]
    with state.changed:
        step.status = m.Status.WORKING
        step.timing.start_time.CopyFrom(m.now())
    outcome = _logged_step(state, record, index)
    with state.changed:
        step.status, step.exit_code = outcome.status, outcome.exit_code
        step.timing.end_time.CopyFrom(m.now())
        record.message.results.build_step_outputs[index] = outcome.output
    return outcome


def _logged_step(state: State, record: BuildRecord, index: int) -> StepOutcome:
    """Run a step, its lines marked with its number where there are several."""
    step, several = record.message.steps[index], len(record.message.steps) > 1
    title = f"Step #{index}" + (f' - "{step.id}"' if step.id else "")
    if several:
        _say(record, f"Starting {title}")
    raw = record.folder / f"step-{index}.log"
    raw.touch()
    outcome = run_step(state, record, index, raw)
    for line in raw.read_text(encoding="utf-8", errors="replace").splitlines():
        _say(record, f"{title}: {line}" if several else line)
    if several:
        _say(record, f"Finished {title}")
    return outcome


def _end(state: State, record: BuildRecord, status: Any, fault: str, failure: Any) -> None:
    build = record.message
    if status == m.Status.SUCCESS:
        _say(record, "PUSH\nDONE")
    else:
        name = {m.Status.TIMEOUT: "TIMEOUT", m.Status.CANCELLED: "CANCELLED"}.get(status, "ERROR")
        _say(record, f"{name}\nERROR: {fault}")
    warning = upload_log(state, record)
    with state.changed:
        if status == m.Status.FAILURE:
            build.failure_info.type_ = failure
            build.failure_info.detail = f"Build step failure: {fault}" if failure == 5 else fault
        for text in (*([warning] if warning else []), *_not_done(build)):
            build.warnings.add(text=text, priority=2)
        build.status_detail = fault
        build.finish_time.CopyFrom(m.now())
        build.status = status
        state.changed.notify_all()


def _not_done(build: Any) -> list[str]:
    """What the service would have done with the results, and this does not: said, so that nobody waits for it."""
    wanted = {"images": build.images, "artifacts": build.artifacts.ListFields()}
    return [f"This emulator pushes and uploads no {name}." for name, found in wanted.items() if found]


def _say(record: BuildRecord, text: str) -> None:
    with record.log.open("a", encoding="utf-8") as log:
        log.write(text + "\n")
