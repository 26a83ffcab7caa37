"""``Jobs.RunJob``: from a job and its overrides to a new execution."""

from __future__ import annotations

import time
import uuid
from typing import Any

from llm_convert.testing.emulators.cloud_run import messages as m
from llm_convert.testing.emulators.cloud_run import running
from llm_convert.testing.emulators.cloud_run.jobs import check_environment, check_task_count, check_timeout
from llm_convert.testing.emulators.cloud_run.names import log_uri, new_execution_name, short
from llm_convert.testing.emulators.cloud_run.state import ExecutionRecord, State, check_etag
from llm_convert.testing.emulators.google_api.errors import ApiError, LostResponseError
from llm_convert.testing.emulators.google_api.operations import done


def run_job(state: State, request: Any) -> Any:
    """Start an execution; its operation ends with it.

    Raises:
        ApiError: NOT_FOUND, ABORTED for another etag, INVALID_ARGUMENT and PERMISSION_DENIED for the overrides.
        LostResponseError: it started, and a dial keeps it from the caller.
    """
    with state.changed:
        job = state.job(request.name)
        check_etag(request.etag, job)
        _check_permission(state, request)
        record = _new_execution(state, job, request.overrides)
        if request.validate_only:
            operation = done(state.operation_name(job.name), record.message, record.message)
            return state.operations.add(operation.name, lambda: operation)
        state.executions[record.name] = record
        state.started.append(record)
        _note_in_job(job, record)
        operation = state.execution_operation(record)
    running.start(state, record)
    if state.dials.lose_run_response:
        raise LostResponseError("RunJob")
    return operation


def _check_permission(state: State, request: Any) -> None:
    permission = "run.jobs.runWithOverrides"
    if request.HasField("overrides") and permission in state.dials.missing_permissions:
        raise ApiError.denied(permission, request.name)


def _new_execution(state: State, job: Any, overrides: Any) -> ExecutionRecord:
    name = new_execution_name(job.name)
    while name in state.executions:
        name = new_execution_name(job.name)
    execution = m.Execution(
        name=name,
        uid=str(uuid.uuid4()),
        # The short name: Airflow's own operator asks for the job by it.
        job=job.name.rpartition("/")[2],
        creator="local@example.com",
        generation=1,
        launch_stage=job.launch_stage,
        labels={**job.labels, **job.template.labels},
        annotations={**job.annotations, **job.template.annotations},
        task_count=overrides.task_count or job.template.task_count,
        template=job.template.template,
        reconciling=True,
        log_uri=log_uri(job.name, name),
    )
    check_task_count(execution.task_count)
    execution.parallelism = min(job.template.parallelism or execution.task_count, execution.task_count)
    _override(execution.template, overrides)
    execution.create_time.CopyFrom(m.now())
    m.set_condition(execution, "Completed", m.State.CONDITION_RECONCILING, "Waiting for execution to complete.")
    m.set_condition(execution, "ResourcesAvailable", m.State.CONDITION_SUCCEEDED, "Provisioned imported containers.")
    record = ExecutionRecord(
        message=execution,
        own_template=job.template.template.__deepcopy__({}),
        folder=state.folder / "executions" / short(name),
        listed_at=time.monotonic() + state.dials.delay_start_seconds,
    )
    record.touch()
    return record


def _override(template: Any, overrides: Any) -> None:
    """Apply overrides to a TaskTemplate: arguments and timeout replace, variables merge by name."""
    if overrides.HasField("timeout"):
        check_timeout(overrides.timeout, "RunJobRequest.overrides.timeout")
        template.timeout.CopyFrom(overrides.timeout)
    for override in overrides.container_overrides:
        container = _container(template, override.name)
        if override.clear_args and override.args:
            raise ApiError("INVALID_ARGUMENT", "overrides.container_overrides: args and clear_args exclude each other.")
        if override.clear_args or override.args:
            container.ClearField("args")
            container.args.extend(override.args)
        check_environment(override.env)
        for variable in override.env:
            known = next((v for v in container.env if v.name == variable.name), None)
            (container.env.add() if known is None else known).CopyFrom(variable)


def _container(template: Any, name: str) -> Any:
    """The container that an override means: by its name, or the first where none is said."""
    for container in template.containers:
        if not name or container.name == name:
            return container
    raise ApiError("INVALID_ARGUMENT", f"overrides.container_overrides: the job has no container '{name}'.")


def _note_in_job(job: Any, record: ExecutionRecord) -> None:
    job.execution_count += 1
    latest = job.latest_created_execution
    latest.Clear()
    latest.name, latest.completion_status = record.name, m.Completion.EXECUTION_RUNNING
    latest.create_time.CopyFrom(record.message.create_time)
