"""Executions of a Cloud Run job.

``run_job`` has no identifier of the caller's choice, so a repeated call is a second, paid execution: it is called once
and never retried, and what came of a lost answer is found by the run's variables in the execution's template, or, where
the service hides overrides, by the name that the container left in its first message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus, JobRequest
from llm_convert.errors import ConfigurationError, UnavailableError
from llm_convert.execution.backends.cloud_logging import last_lines
from llm_convert.execution.backends.cloud_run_names import NAME, JobPlace
from llm_convert.execution.backends.cloud_run_status import environment_of, gone, has_failed, is_over, status_of
from llm_convert.execution.backends.google_api import NEVER_RETRY, blocking_client, calling, load
from llm_convert.execution.backends.job_environment import job_environment
from llm_convert.execution.errors import StillStartingError
from llm_convert.settings import Settings

MOST_TASKS = 10_000
"""Of one execution, by Cloud Run's own limit."""
MARKER_SECONDS = 120.0
"""From an execution's start to its container's first message, at the longest."""
LOOK_BACK = timedelta(days=1)
"""How long an execution may wait and be retried beyond its timeout; no older one can still be running."""
_PAGE = 100


class CloudRunBackend:
    """Runs the job as a Cloud Run Job's execution.

    Args:
        settings: timeout, task count and what is handed to the job; ``cloud_run_endpoint`` for an emulator.
        project: the Google Cloud project of the job.
        region: such as ``asia-northeast1``.
        job: the job's short name.

    Raises:
        ConfigurationError: one of the three is empty.
    """

    def __init__(self, settings: Settings, *, project: str, region: str, job: str) -> None:
        self._settings = settings
        self._place = JobPlace.checked(project=project, region=region, job=job)

    @property
    def name(self) -> str:
        """``cloud_run``."""
        return NAME

    @property
    def max_tasks(self) -> int:
        """As many as Cloud Run allows."""
        return MOST_TASKS

    @property
    def job_tasks(self) -> int:
        """What the settings ask for."""
        return self._settings.job_tasks

    def start(self, request: JobRequest, run_id: str) -> ExecutionHandle:
        """Run the job with this run's variables, and return as soon as the execution has a name.

        Raises:
            ConfigurationError: refused; nothing was started.
            UnavailableError: the answer was lost or unclear; an execution may have been started.
        """
        run_v2 = load("google.cloud.run_v2", package="google-cloud-run")
        job, doing = self._place, f"running the job {self._place.path}"
        message = run_v2.RunJobRequest(name=job.path, overrides=self._overrides(run_v2, request, run_id))
        may_have = "An execution may have been started."
        jobs = self._jobs
        with calling(doing, job.remedies, started=may_have):
            execution = jobs.run_job(request=message, **NEVER_RETRY).metadata
        if not getattr(execution, "name", ""):
            raise UnavailableError(f"{doing} told no execution", remedy=f"{may_have} The next try looks for it.")
        return self._handle(execution)

    def find(self, request: JobRequest, run_id: str, *, marker: str = "") -> ExecutionHandle | None:
        """The execution of a run: by its marker, else by the variables of those not too old, the newest first.

        Raises:
            StillStartingError: one that does not show its variables is about to start; its marker will tell.
            UnavailableError: the platform can't be asked.
        """
        ours = {"TENANT_CODE": request.tenant, "BSDA": request.bsda, "LLM_CONVERT_RUN_ID": run_id}
        marked = self._marked(marker)
        if marked is not None and environment_of(marked).get("LLM_CONVERT_RUN_ID", run_id) == run_id:
            return self._handle(marked)
        found, unclear = None, ""
        for execution in self._recent():
            told = environment_of(execution)
            if all(told.get(name) == value for name, value in ours.items()):
                if not is_over(execution):
                    return self._handle(execution)
                found = found or execution
            elif "LLM_CONVERT_RUN_ID" not in told and _may_be_starting(execution):
                unclear = execution.name
        if found is None and unclear and not marker:
            raise StillStartingError(execution=unclear, run_id=run_id)
        return self._handle(found) if found else None

    def status(self, handle: ExecutionHandle) -> ExecutionStatus:
        """How it stands; with the exit code or signal of its worst task when it failed. One that is gone has ended.

        Raises:
            UnavailableError: the platform can't be asked.
            ConfigurationError: it refuses to tell.
        """
        place = JobPlace.of_execution(handle.name)
        execution = self._get(handle.name, place)
        if execution is None:
            return gone()
        if not has_failed(execution):
            return status_of(execution)
        try:
            with calling(f"listing the tasks of {handle.name}", place.remedies):
                return status_of(execution, list(self._tasks.list_tasks(parent=handle.name, **NEVER_RETRY)))
        except ConfigurationError:
            # Without run.tasks.list there is no exit code, but a failure stays one.
            return status_of(execution)

    def cancel(self, handle: ExecutionHandle) -> None:
        """Ask the platform to cancel it; one that is over stays as it is."""
        if self.status(handle).over:
            return
        place = JobPlace.of_execution(handle.name)
        try:
            with calling(f"cancelling {handle.name}", place.remedies):
                self._executions.cancel_execution(name=handle.name, **NEVER_RETRY)
        except ConfigurationError:
            # Whoever ends just now can't be cancelled any more, and the refusal says no more than that.
            if not self.status(handle).over:
                raise

    def logs(self, handle: ExecutionHandle) -> str:
        """The last lines from Cloud Logging where its client is installed, else where they can be read."""
        if self._settings.cloud_run_endpoint:
            return handle.log_url
        place = JobPlace.of_execution(handle.name)
        wanted = (
            'resource.type="cloud_run_job" AND '
            f'labels."run.googleapis.com/execution_name"="{handle.name.rpartition("/")[2]}"'
        )
        return last_lines(place.project, wanted, place.remedies) or handle.log_url

    @cached_property
    def _jobs(self) -> Any:
        return self._client("JobsClient")

    @cached_property
    def _executions(self) -> Any:
        return self._client("ExecutionsClient")

    @cached_property
    def _tasks(self) -> Any:
        return self._client("TasksClient")

    def _client(self, kind: str) -> Any:
        run_v2 = load("google.cloud.run_v2", package="google-cloud-run")
        return blocking_client(getattr(run_v2, kind), self._settings.cloud_run_endpoint)

    def _overrides(self, run_v2: Any, request: JobRequest, run_id: str) -> Any:
        local = bool(self._settings.cloud_run_endpoint)
        told = job_environment(self._settings, request, run_id, on_this_machine=local)
        env = [run_v2.EnvVar(name=name, value=value) for name, value in told.items()]
        kind = run_v2.RunJobRequest.Overrides
        return kind(
            container_overrides=[kind.ContainerOverride(env=env)],
            task_count=request.tasks or self.job_tasks or 1,
            timeout=timedelta(seconds=math.ceil(self._settings.job_timeout_seconds)),
        )

    def _handle(self, execution: Any) -> ExecutionHandle:
        log = execution.log_uri or self._place.console(execution.name)
        return ExecutionHandle(backend=NAME, name=execution.name, log_url=log)

    def _get(self, name: str, place: JobPlace) -> Any:
        """An execution; None when the platform has none of this name."""
        missing: Any = load("google.api_core.exceptions", package="google-cloud-run").NotFound
        with calling(f"looking at {name}", place.remedies):
            try:
                return self._executions.get_execution(name=name, **NEVER_RETRY)
            except missing:
                return None

    def _marked(self, marker: str) -> Any:
        name = self._place.execution(marker)
        return self._get(name, self._place) if name else None

    def _recent(self) -> Iterator[Any]:
        """The job's executions that may still matter, the newest first."""
        oldest = datetime.now(UTC) - LOOK_BACK - 4 * timedelta(seconds=self._settings.job_timeout_seconds)
        with calling(f"listing the executions of {self._place.path}", self._place.remedies):
            pager = self._executions.list_executions(
                request={"parent": self._place.path, "page_size": _PAGE}, **NEVER_RETRY
            )
            for page in pager.pages:
                yield from page.executions
                times = [execution.create_time for execution in page.executions if execution.create_time]
                if times and max(times) < oldest:
                    return


def _may_be_starting(execution: Any) -> bool:
    """Whether its container may not have come to its first message yet."""
    if is_over(execution):
        return False
    if not execution.running_count or execution.start_time is None:
        return True
    ago = datetime.now(UTC) - execution.start_time
    return bool(ago < timedelta(seconds=MARKER_SECONDS))
