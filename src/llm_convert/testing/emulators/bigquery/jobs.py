"""Jobs: each on a thread of its own, from PENDING over RUNNING to DONE."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llm_convert.testing.emulators.bigquery.catalog import TableRef
from llm_convert.testing.emulators.bigquery.dials import BigQueryDials
from llm_convert.testing.emulators.bigquery.faults import ApiError, already_exists, invalid, not_found
from llm_convert.testing.emulators.bigquery.types import Field

KINDS = ("query", "load", "copy", "extract")
_EMAIL = "local@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The rows of a query, as a table."""

    ref: TableRef
    fields: list[Field]
    total: int


@dataclass(slots=True, kw_only=True)
class Job:
    """One job, as its thread and those who ask for it see it."""

    project: str
    location: str
    id: str
    configuration: dict[str, Any]
    state: str = "PENDING"
    error: ApiError | None = None
    created_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    started_ms: int = 0
    ended_ms: int = 0
    statistics: dict[str, Any] = field(default_factory=dict)
    """Beside the times."""
    result: Result | None = None
    changed: int | None = None
    """Rows that DML inserted, updated and deleted; None for anything else."""
    parent: str = ""
    dry: bool = False
    finished: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    interrupt: Callable[[], None] | None = None
    """Ends what the engine does for the job."""

    def __str__(self) -> str:
        return f"{self.project}:{self.location}.{self.id}"

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return next(kind for kind in KINDS if kind in self.configuration)

    def reference(self) -> dict[str, str]:
        """A ``JobReference``."""
        return {"projectId": self.project, "jobId": self.id, "location": self.location}

    def check(self) -> None:
        """Raises ApiError when the job is to stop."""
        if self.cancelled.is_set():
            raise ApiError(400, "Job execution was cancelled: User requested cancellation", reason="stopped")

    def resource(self) -> dict[str, Any]:
        """The REST API's ``Job``."""
        status: dict[str, Any] = {"state": self.state}
        if self.error is not None:
            status |= {"errorResult": self.error.proto(), "errors": [self.error.proto()]}
        times = {"creationTime": self.created_ms, "startTime": self.started_ms, "endTime": self.ended_ms}
        statistics = self.statistics | {name: str(value) for name, value in times.items() if value}
        if self.parent:
            statistics["parentJobId"] = self.parent
        made = {
            "kind": "bigquery#job",
            "etag": f"{self.id}-{self.state}",
            "id": str(self),
            "selfLink": f"/bigquery/v2/projects/{self.project}/jobs/{self.id}?location={self.location}",
            "user_email": _EMAIL,
            "configuration": self.configuration | {"jobType": self.kind.upper()},
            "status": status,
            "statistics": statistics,
        }
        reference = self.reference()
        if self.dry:
            del reference["jobId"]
        return made | {"jobReference": reference}


class Jobs:
    """All jobs of all projects."""

    def __init__(self, dials: BigQueryDials, work: Callable[[Job], None]) -> None:
        self._dials = dials
        self._work = work
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._requests: dict[tuple[str, str], Job] = {}

    def start(self, job: Job) -> Job:
        """Run it. Raises ApiError 409 when its id is taken."""
        with self._lock:
            if (job.project, job.id) in self._jobs:
                raise already_exists("Job", str(job))
            self._jobs[job.project, job.id] = job
        threading.Thread(target=self._run, args=(job,), name=f"bigquery-{job.id}", daemon=True).start()
        return job

    def start_once(self, job: Job, request: str) -> Job:
        """Run it, or find the one that was started by a request of the same id."""
        with self._lock:
            known = self._requests.get((job.project, request)) if request else None
            if known is None and request:
                self._requests[job.project, request] = job
        return known or self.start(job)

    def add(self, job: Job) -> None:
        """Enter one that is done, such as a script's child."""
        job.state = "DONE"
        job.finished.set()
        with self._lock:
            self._jobs[job.project, job.id] = job

    def get(self, project: str, job_id: str, location: str = "") -> Job:
        """Raises ApiError 404."""
        with self._lock:
            found = self._jobs.get((project, job_id))
        if found is None or (location and location.casefold() != found.location.casefold()):
            raise not_found("Job", f"{project}:{location or 'US'}.{job_id}")
        return found

    def of_project(self, project: str) -> list[Job]:
        """The newest first."""
        with self._lock:
            mine = [job for (owner, _), job in self._jobs.items() if owner == project]
        return mine[::-1]

    def delete(self, job: Job) -> None:
        """Forget it and its children."""
        with self._lock:
            for key, one in list(self._jobs.items()):
                if key[0] == job.project and (one is job or one.parent == job.id):
                    del self._jobs[key]

    def cancel(self, job: Job) -> None:
        """Ask it to stop."""
        job.cancelled.set()
        interrupt = job.interrupt
        if interrupt is not None and not job.finished.is_set():
            interrupt()

    def stop(self) -> None:
        """Cancel all and wait until they have ended."""
        with self._lock:
            running = [job for job in self._jobs.values() if not job.finished.is_set()]
        for job in running:
            self.cancel(job)
        for job in running:
            job.finished.wait(5)

    def _run(self, job: Job) -> None:
        try:
            job.cancelled.wait(self._dials.pending_seconds)
            job.check()
            job.state, job.started_ms = "RUNNING", int(time.time() * 1000)
            job.cancelled.wait(self._dials.job_seconds)
            job.check()
            self._work(job)
        except ApiError as error:
            job.error = error
        # The job's thread is the last that could tell: a defect of the emulator must reach the client as an answer.
        except Exception as error:  # noqa: BLE001
            stopped = job.cancelled.is_set()
            job.error = ApiError(500, f"The emulator failed: {type(error).__name__}: {error}", reason="internalError")
            if stopped:
                job.error = ApiError(400, "Job execution was cancelled: User requested cancellation", reason="stopped")
        finally:
            job.started_ms = job.started_ms or job.created_ms
            job.ended_ms = int(time.time() * 1000)
            job.state = "DONE"
            job.finished.set()


def new_id(prefix: str = "job") -> str:
    """An id that no other job has."""
    return f"{prefix}_{uuid.uuid4().hex}"


def check_configuration(configuration: dict[str, Any]) -> None:
    """That it says one thing to do. Raises ApiError 400."""
    if sum(kind in configuration for kind in KINDS) != 1:
        raise invalid("Required parameter is missing: configuration must hold one of query, load, copy, extract")
