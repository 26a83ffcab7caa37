"""An execution from its first task to its verdict, in threads of its own."""

from __future__ import annotations

import itertools
import threading
import uuid
from typing import Any

from llm_convert.testing.emulators.cloud_run import messages as m
from llm_convert.testing.emulators.cloud_run.attempts import Outcome, run_attempt
from llm_convert.testing.emulators.cloud_run.names import log_uri, parent_job, short
from llm_convert.testing.emulators.cloud_run.state import ExecutionRecord, State

MOST_AT_ONCE = 32
"""Tasks of one execution that run at once on this machine, however many are asked for."""


def start(state: State, record: ExecutionRecord) -> None:
    """Begin; returns at once."""
    threading.Thread(target=_run, args=(state, record), name=short(record.name), daemon=True).start()


def stop(state: State, record: ExecutionRecord, reason: Any) -> None:
    """Ask a running execution to end: SIGTERM to all that it runs, SIGKILL after the grace; returns at once."""
    with state.changed:
        if record.over or record.stopping.is_set():
            return
        record.stop_reason = reason
        m.set_condition(
            record.message,
            "Completed",
            m.State.CONDITION_RECONCILING,
            "Execution is being cancelled.",
            execution_reason=m.ExecutionReason.CANCELLING,
        )
        record.touch()
        record.stopping.set()
        running = list(record.processes)
    for process in running:
        process.end("cancel", grace_seconds=state.dials.grace_seconds)


def _run(state: State, record: ExecutionRecord) -> None:
    record.stopping.wait(state.dials.pending_seconds)
    if not _image_ready(state, record):
        return
    with state.changed:
        execution = record.message
        execution.start_time.CopyFrom(m.now())
        m.set_condition(execution, "Started", m.State.CONDITION_SUCCEEDED, "Started deployed execution.")
        record.tasks.extend(_new_task(execution, index) for index in range(execution.task_count))
        record.touch()
        state.changed.notify_all()
    pending = itertools.count()
    helpers = [
        threading.Thread(target=_work, args=(state, record, pending), name=f"{short(record.name)}-{n}", daemon=True)
        for n in range(1, min(record.message.parallelism, record.message.task_count, MOST_AT_ONCE))
    ]
    for helper in helpers:
        helper.start()
    _work(state, record, pending)
    for helper in helpers:
        helper.join()
    _conclude(state, record)


def _image_ready(state: State, record: ExecutionRecord) -> bool:
    """Whether containers can start; ends the execution where not."""
    container = record.message.template.containers[0]
    if state.dials.entrypoint(container.image) is None:
        text, reason = f"Image '{container.image}' not found.", m.Reason.CONTAINER_MISSING
    elif missing := _missing_secret(state, container):
        text, reason = f"Secret {missing} was not found.", m.Reason.SECRETS_ACCESS_CHECK_FAILED
    else:
        return True
    with state.changed:
        record.message.failed_count = record.message.task_count
        m.set_condition(record.message, "ContainerReady", m.State.CONDITION_FAILED, text, reason=reason)
        _finish(state, record, m.State.CONDITION_FAILED, text, reason=reason)
    return False


def _missing_secret(state: State, container: Any) -> str:
    for variable in container.env:
        secret = variable.value_source.secret_key_ref.secret
        if secret and short(secret) not in state.dials.secrets:
            return str(secret)
    return ""


def _new_task(execution: Any, index: int) -> Any:
    template = execution.template
    task = m.Task(
        name=f"{execution.name}/tasks/{short(execution.name)}-task{index}",
        uid=str(uuid.uuid4()),
        job=execution.job,
        execution=execution.name.rpartition("/")[2],
        index=index,
        containers=template.containers,
        volumes=template.volumes,
        max_retries=template.max_retries,
        service_account=template.service_account,
        execution_environment=template.execution_environment,
        generation=1,
        reconciling=True,
        log_uri=log_uri(parent_job(execution.name), execution.name),
        etag=m.new_etag(),
    )
    task.timeout.CopyFrom(template.timeout)
    task.create_time.CopyFrom(m.now())
    m.set_condition(task, "Completed", m.State.CONDITION_PENDING)
    return task


def _work(state: State, record: ExecutionRecord, pending: Any) -> None:
    """Take one task after the other until none is left."""
    while (index := next(pending)) < record.message.task_count:
        _run_task(state, record, index)


def _run_task(state: State, record: ExecutionRecord, index: int) -> None:
    task = record.tasks[index]
    if record.stopping.is_set():
        _task_over(state, record, task, None)
        return
    with state.changed:
        task.start_time.CopyFrom(m.now())
        task.scheduled_time.CopyFrom(task.start_time)
        m.set_condition(task, "Completed", m.State.CONDITION_RECONCILING)
        record.message.running_count += 1
        record.touch()
        state.changed.notify_all()
    outcome = _attempts(state, record, task)
    with state.changed:
        record.message.running_count -= 1
        _task_over(state, record, task, outcome)


def _attempts(state: State, record: ExecutionRecord, task: Any) -> Outcome:
    for attempt in itertools.count():
        outcome = run_attempt(state, record, task.index, attempt)
        with state.changed:
            result = task.last_attempt_result
            result.status.code, result.status.message = outcome.code, outcome.message
            result.exit_code, result.term_signal = outcome.exit_code, outcome.term_signal
        if outcome.code == 0 or attempt >= task.max_retries or record.stopping.wait(state.dials.retry_delay_seconds):
            return outcome
        with state.changed:
            record.message.retried_count += task.retried == 0
            task.retried = attempt + 1
            record.touch()
            state.changed.notify_all()
    raise AssertionError("a task has a last attempt")


def _task_over(state: State, record: ExecutionRecord, task: Any, outcome: Outcome | None) -> None:
    """Count a task; no outcome: it never started."""
    with state.changed:
        task.reconciling, task.etag = False, m.new_etag()
        task.completion_time.CopyFrom(m.now())
        if outcome is not None and outcome.code == 0:
            record.message.succeeded_count += 1
            m.set_condition(task, "Completed", m.State.CONDITION_SUCCEEDED)
        elif record.stopping.is_set():
            record.message.cancelled_count += 1
            reason = m.ExecutionReason.CANCELLED
            m.set_condition(task, "Completed", m.State.CONDITION_FAILED, m.CANCELLED, execution_reason=reason)
        else:
            record.message.failed_count += 1
            reason = m.ExecutionReason.NON_ZERO_EXIT_CODE
            text = outcome.message if outcome else ""
            m.set_condition(task, "Completed", m.State.CONDITION_FAILED, text, execution_reason=reason)
        record.touch()
        state.changed.notify_all()


def _conclude(state: State, record: ExecutionRecord) -> None:
    with state.changed:
        execution = record.message
        if execution.succeeded_count == execution.task_count:
            record.stop_reason = None
            seconds = (m.now().ToDatetime() - execution.start_time.ToDatetime()).total_seconds()
            text = f"Execution completed successfully in {seconds:.2f}s."
            _finish(state, record, m.State.CONDITION_SUCCEEDED, text)
        elif record.stop_reason is not None:
            deleted = record.stop_reason == m.ExecutionReason.DELETED
            text = "The execution was deleted." if deleted else m.CANCELLED
            _finish(state, record, m.State.CONDITION_FAILED, text, execution_reason=record.stop_reason)
        else:
            _finish(
                state,
                record,
                m.State.CONDITION_FAILED,
                _first_failure(record),
                execution_reason=m.ExecutionReason.NON_ZERO_EXIT_CODE,
            )


def _first_failure(record: ExecutionRecord) -> str:
    failed = [task for task in record.tasks if task.last_attempt_result.status.code]
    first = min(failed, key=lambda task: task.completion_time.ToNanoseconds())
    result = first.last_attempt_result
    return m.task_failed_text(short(first.name), result.exit_code, result.status.message)


def _finish(state: State, record: ExecutionRecord, outcome: Any, text: str, **reason: Any) -> None:
    """The verdict; everybody who waits is told."""
    with state.changed:
        execution = record.message
        m.set_condition(execution, "Completed", outcome, text, **reason)
        execution.reconciling = False
        execution.completion_time.CopyFrom(m.now())
        execution.observed_generation = execution.generation
        record.over = True
        record.touch()
        job = state.jobs.get(parent_job(execution.name))
        if job is not None and job.latest_created_execution.name == execution.name:
            job.latest_created_execution.completion_time.CopyFrom(execution.completion_time)
            job.latest_created_execution.completion_status = _completion(record, outcome)
        state.changed.notify_all()


def _completion(record: ExecutionRecord, outcome: Any) -> Any:
    if outcome == m.State.CONDITION_SUCCEEDED:
        return m.Completion.EXECUTION_SUCCEEDED
    return m.Completion.EXECUTION_FAILED if record.stop_reason is None else m.Completion.EXECUTION_CANCELLED
