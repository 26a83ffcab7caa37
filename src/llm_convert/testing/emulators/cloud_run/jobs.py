"""``google.cloud.run.v2.Jobs``: create, get, list, update, delete, and their IAM policies. Running is in ``runs``."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.cloud import run_v2
from google.iam.v1 import iam_policy_pb2, policy_pb2  # type: ignore[import-untyped]
from google.protobuf import duration_pb2

from llm_convert.testing.emulators.cloud_run import messages as m
from llm_convert.testing.emulators.cloud_run import running
from llm_convert.testing.emulators.cloud_run.names import check_job_id, check_location, parent_job
from llm_convert.testing.emulators.cloud_run.quantities import memory_limit, parse_quantity
from llm_convert.testing.emulators.cloud_run.state import State, check_etag
from llm_convert.testing.emulators.google_api.errors import ApiError
from llm_convert.testing.emulators.google_api.paging import page

_MOST_TASKS = 10_000
_SPEC = ("labels", "annotations", "client", "client_version", "launch_stage", "binary_authorization", "template")
_MOST_RETRIES = 10
_LONGEST_TASK_SECONDS = 7 * 24 * 3600
_GA = 4
_GEN2 = 2


class Jobs:
    """The methods, over the shared state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create_job(self, request: Any) -> Any:
        """The operation is over at once. Raises ApiError: ALREADY_EXISTS, INVALID_ARGUMENT."""
        name = f"{check_location(request.parent)}/jobs/{check_job_id(request.job_id)}"
        with self._state.changed:
            if name in self._state.jobs:
                raise ApiError("ALREADY_EXISTS", f"Resource '{request.job_id}' already exists.")
            job = _new_job(name, request.job)
            if not request.validate_only:
                self._state.jobs[name] = job
            return self._state.done_operation(name, job)

    def get_job(self, request: Any) -> Any:
        """Raises ApiError: NOT_FOUND."""
        with self._state.changed:
            job = m.Job()
            job.CopyFrom(self._state.job(request.name))
            return job

    def list_jobs(self, request: Any) -> Any:
        """By name."""
        prefix = f"{check_location(request.parent)}/jobs/"
        with self._state.changed:
            jobs, token = page(
                [job for name, job in self._state.jobs.items() if name.startswith(prefix)],
                key=lambda job: [job.name],
                scope=request.parent,
                size=request.page_size,
                token=request.page_token,
            )
            return run_v2.ListJobsResponse.pb()(jobs=jobs, next_page_token=token)

    def update_job(self, request: Any) -> Any:
        """What callers may set is replaced as a whole. Raises ApiError: NOT_FOUND, ABORTED, INVALID_ARGUMENT."""
        name = request.job.name
        with self._state.changed:
            if request.allow_missing and name not in self._state.jobs:
                parent, _, job_id = name.rpartition("/jobs/")
                create = run_v2.CreateJobRequest.pb()(parent=parent, job_id=job_id, job=request.job)
                create.validate_only = request.validate_only
                return self.create_job(create)
            job = m.Job()
            job.CopyFrom(self._state.job(name))
            check_etag(request.job.etag, job)
            _take_spec(job, request.job)
            job.generation += 1
            job.observed_generation = job.generation
            _stamp(job)
            if not request.validate_only:
                self._state.jobs[name] = job
            return self._state.done_operation(name, job)

    def delete_job(self, request: Any) -> Any:
        """Its executions go with it; those that run are stopped. Raises ApiError: NOT_FOUND, ABORTED."""
        with self._state.changed:
            job = self._state.job(request.name)
            check_etag(request.etag, job)
            gone = m.Job()
            gone.CopyFrom(job)
            gone.delete_time.CopyFrom(m.now())
            if not request.validate_only:
                del self._state.jobs[request.name]
                self._state.policies.pop(request.name, None)
                for record in [
                    r for r in self._state.executions.values() if parent_job(r.message.name) == request.name
                ]:
                    running.stop(self._state, record, m.ExecutionReason.DELETED)
                    del self._state.executions[record.name]
            return self._state.done_operation(request.name, gone)

    def get_iam_policy(self, request: Any) -> Any:
        """Raises ApiError: NOT_FOUND."""
        with self._state.changed:
            self._state.job(request.resource)
            return self._policy(request.resource)

    def set_iam_policy(self, request: Any) -> Any:
        """Kept, and not acted upon: what a caller may do is a dial. Raises ApiError: NOT_FOUND, ABORTED."""
        with self._state.changed:
            self._state.job(request.resource)
            if request.policy.etag not in {b"", self._policy(request.resource).etag}:
                raise ApiError(
                    "ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write."
                )
            policy = policy_pb2.Policy()
            policy.CopyFrom(request.policy)
            policy.version, policy.etag = policy.version or 1, secrets.token_bytes(8)
            self._state.policies[request.resource] = policy
            return policy

    def _policy(self, resource: str) -> Any:
        return self._state.policies.get(resource, policy_pb2.Policy(version=1, etag=b"ACAB"))

    def test_iam_permissions(self, request: Any) -> Any:
        """What is left of the asked permissions; none for a job that is not there, as IAM documents it."""
        with self._state.changed:
            there = request.resource in self._state.jobs
        held = [p for p in request.permissions if there and p not in self._state.dials.missing_permissions]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)


def _new_job(name: str, wanted: Any) -> Any:
    job = m.Job(name=name, uid=str(uuid.uuid4()), generation=1, observed_generation=1, creator="local@example.com")
    job.create_time.CopyFrom(m.now())
    _take_spec(job, wanted)
    _stamp(job)
    return job


def _take_spec(job: Any, wanted: Any) -> None:
    """Copy what a caller may set, with the service's defaults. Raises ApiError: INVALID_ARGUMENT, UNIMPLEMENTED."""
    if token := wanted.WhichOneof("create_execution"):
        raise ApiError("UNIMPLEMENTED", f"This emulator does not implement {token}: call RunJob.")
    for name in _SPEC:
        job.ClearField(name)
    for field, value in wanted.ListFields():
        if field.name in _SPEC:
            getattr(job, field.name).MergeFrom(value) if _is_composite(field) else setattr(job, field.name, value)
    job.launch_stage = job.launch_stage or _GA
    _complete(job.template)


def _is_composite(field: Any) -> bool:
    return bool(field.message_type is not None)


def _complete(template: Any) -> None:
    """Check an ExecutionTemplate and fill in defaults."""
    task = template.template
    if not task.containers:
        raise _invalid("template.template.containers", "Must have at least one container.")
    if len(task.containers) > 1:
        raise ApiError("UNIMPLEMENTED", "This emulator runs jobs of one container; sidecars are not implemented.")
    for position, container in enumerate(task.containers):
        if not container.image:
            raise _invalid(f"template.template.containers[{position}].image", "Missing required field.")
        for limit, default in (("cpu", "1000m"), ("memory", "512Mi")):
            if limit not in container.resources.limits:
                container.resources.limits[limit] = default
        try:
            parse_quantity(memory_limit(container))
        except ValueError as error:
            raise _invalid(f"template.template.containers[{position}].resources.limits.memory", str(error)) from None
        check_environment(container.env)
    template.task_count = template.task_count or 1
    check_task_count(template.task_count)
    if template.parallelism < 0:
        raise _invalid("template.parallelism", "Must be greater than or equal to 0.")
    if not task.HasField("timeout"):
        task.timeout.CopyFrom(duration_pb2.Duration(seconds=600))
    check_timeout(task.timeout, "job.template.template.timeout")
    if task.WhichOneof("retries") is None:
        task.max_retries = 3
    if not 0 <= task.max_retries <= _MOST_RETRIES:
        raise _invalid("template.template.max_retries", f"Must be between 0 and {_MOST_RETRIES}.")
    task.execution_environment = task.execution_environment or _GEN2


def check_task_count(count: int) -> None:
    """Raises ApiError: INVALID_ARGUMENT."""
    if not 1 <= count <= _MOST_TASKS:
        raise _invalid("template.task_count", f"Must be between 1 and {_MOST_TASKS}.")


def check_timeout(timeout: Any, field: str) -> None:
    """Raises ApiError: INVALID_ARGUMENT."""
    if not 0 < timeout.ToNanoseconds() <= _LONGEST_TASK_SECONDS * 10**9:
        said = f"Must be positive and at most {_LONGEST_TASK_SECONDS} seconds."
        raise ApiError("INVALID_ARGUMENT", f"Violation in {field}: {said}")


def check_environment(variables: Iterable[Any]) -> None:
    """Every variable has a name. Raises ApiError: INVALID_ARGUMENT."""
    for position, variable in enumerate(variables):
        if not variable.name or "=" in variable.name or "\0" in f"{variable.name}{variable.value}":
            raise _invalid(
                f"template.template.containers[0].env[{position}]", f"Invalid name {variable.name!r} or value."
            )


def _invalid(field: str, text: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", f"Violation in job.{field}: {text}")


def _stamp(job: Any) -> None:
    """Another version, ready at once."""
    job.update_time.CopyFrom(m.now())
    job.etag = m.new_etag()
    job.last_modifier = job.creator
    m.set_condition(job, "Ready", m.State.CONDITION_SUCCEEDED)
    job.terminal_condition.CopyFrom(job.conditions[0])


def job_of(*, image: str, command: Sequence[str], args: Sequence[str], env: Mapping[str, str]) -> Any:
    """A Job of one container, from plain values."""
    job = m.Job()
    container = job.template.template.containers.add(image=image, command=command, args=args)
    for name, value in env.items():
        container.env.add(name=name, value=value)
    return job
