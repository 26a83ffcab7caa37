"""``google.cloud.run.v2.Executions`` and ``Tasks``: get, list, cancel, delete."""

from __future__ import annotations

from typing import Any

from google.cloud import run_v2

from llm_convert.testing.emulators.cloud_run import messages as m
from llm_convert.testing.emulators.cloud_run import running
from llm_convert.testing.emulators.cloud_run.names import not_found
from llm_convert.testing.emulators.cloud_run.state import ExecutionRecord, State, check_etag
from llm_convert.testing.emulators.google_api.paging import page


class Executions:
    """The methods of both services, over the shared state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def get_execution(self, request: Any) -> Any:
        """Raises ApiError: NOT_FOUND."""
        with self._state.changed:
            return self._state.shown(self._state.execution(request.name))

    def list_executions(self, request: Any) -> Any:
        """Newest first; the job ``-`` means all of the location. Raises ApiError: NOT_FOUND for an unknown job."""
        with self._state.changed:
            records, token = page(
                self._under(request.parent),
                key=lambda record: m.ordered_time(record.message),
                scope=request.parent,
                size=request.page_size,
                token=request.page_token,
                newest_first=True,
            )
            shown = [self._state.shown(record) for record in records]
            return run_v2.ListExecutionsResponse.pb()(executions=shown, next_page_token=token)

    def cancel_execution(self, request: Any) -> Any:
        """The operation ends when it has stopped; one that is over stays as it is. Raises ApiError."""
        with self._state.changed:
            record = self._state.execution(request.name)
            check_etag(request.etag, record.message)
            if request.validate_only:
                return self._state.done_operation(record.name, self._state.shown(record))
            running.stop(self._state, record, m.ExecutionReason.CANCELLED)
            return self._state.execution_operation(record, of_cancel=True)

    def delete_execution(self, request: Any) -> Any:
        """One that runs is stopped. Raises ApiError: NOT_FOUND, ABORTED."""
        with self._state.changed:
            record = self._state.execution(request.name)
            check_etag(request.etag, record.message)
            gone = self._state.shown(record)
            gone.delete_time.CopyFrom(m.now())
            if not request.validate_only:
                running.stop(self._state, record, m.ExecutionReason.DELETED)
                del self._state.executions[record.name]
            return self._state.done_operation(record.name, gone)

    def get_task(self, request: Any) -> Any:
        """Raises ApiError: NOT_FOUND."""
        with self._state.changed:
            record = self._state.executions.get(request.name.partition("/tasks/")[0])
            for task in record.tasks if record else ():
                if task.name == request.name:
                    return task.__deepcopy__({})
        raise not_found("TASK", request.name)

    def list_tasks(self, request: Any) -> Any:
        """By index; the execution ``-`` means all of the job's. Raises ApiError: NOT_FOUND."""
        job, _, execution = request.parent.partition("/executions/")
        with self._state.changed:
            records = self._under(job) if execution == "-" else [self._state.execution(request.parent)]
            tasks, token = page(
                [task for record in records for task in record.tasks],
                key=lambda task: [task.execution, task.index],
                scope=request.parent,
                size=request.page_size,
                token=request.page_token,
            )
            return run_v2.ListTasksResponse.pb()(tasks=tasks, next_page_token=token)

    def _under(self, job: str) -> list[ExecutionRecord]:
        location, _, name = job.rpartition("/jobs/")
        if name != "-":
            self._state.job(job)
        prefix = f"{location}/jobs/" if name == "-" else f"{job}/"
        return [r for r in self._state.executions.values() if r.name.startswith(prefix) and self._state.listed(r)]
