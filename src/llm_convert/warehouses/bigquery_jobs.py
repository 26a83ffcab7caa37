"""BigQuery jobs under ids of our own choice: of many who start the same job, one does, and all wait for that one.

A job's id is used up for ever, whatever became of the job. So an id holds what was there before (``previous``) and how
many such jobs failed (``number``); who finds a job that failed, or that did not have its effect, counts on.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from llm_convert.errors import LlmConvertError
from llm_convert.ports import Load
from llm_convert.warehouses.bigquery_calls import CALL_SECONDS, Calls
from llm_convert.warehouses.bigquery_errors import Place, is_transient_result, job_error, unavailable
from llm_convert.warehouses.bigquery_schema import Incoming, fields_of

if TYPE_CHECKING:
    from google.cloud.bigquery import LoadJobConfig, QueryJobConfig

JOB_SECONDS = 3600.0
_POLL_SECONDS = (0.05, 2.0)


class Ended(Enum):
    """How a job that was started, or found, ended."""

    DONE = auto()
    """It was started here, or by a call whose answer was lost, and succeeded."""
    FOUND = auto()
    """It was there before and succeeded, now or long ago."""
    FAILED_BEFORE = auto()
    """It was there before and failed: that says nothing about a new one."""
    TRANSIENT = auto()
    """It was started here and failed in a way that may not happen again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A job's end, and the error to raise if nothing better comes."""

    ended: Ended
    error: LlmConvertError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it was here or elsewhere."""
        return self.ended in {Ended.DONE, Ended.FOUND}


def job_id(kind: str, place: Place, location: str, load: Load, *parts: str) -> str:
    """An id that a person can read, and that is the same exactly when place, table, scope and parts are.

    Args:
        location: where the job runs; a dataset may be made anew elsewhere, and a job is found in its own region alone.
    """
    scope = (place.project, place.dataset, location, load.table, load.tenant, load.bsda, load.branch, *parts)
    digest = hashlib.sha256("\x1f".join(scope).encode()).hexdigest()[:32]
    told = "-".join([load.table, load.tenant, load.bsda, load.branch])
    return f"llm_convert-{kind}-{re.sub(r'[^A-Za-z0-9_-]', '_', told)[:200]}-{digest}"


def labels_of(load: Load) -> dict[str, str]:
    """What a bill is split by: lower-case letters, digits, ``_`` and ``-``, at most 63."""
    facts = {"component": "llm_convert", "tenant": load.tenant, "bsda": load.bsda, "table": load.table}
    return {key: re.sub(r"[^a-z0-9_-]", "_", value.lower())[:63] for key, value in facts.items()}


class Jobs:
    """Starts jobs of a dataset, or finds them, and waits for their end."""

    def __init__(self, calls: Calls, *, job_seconds: float = JOB_SECONDS) -> None:
        self._calls = calls
        self._job_seconds = job_seconds

    def load(self, name: str, incoming: Incoming, staging: str) -> Outcome:
        """Load the rows into an empty table by one load job."""
        from google.cloud.bigquery import LoadJobConfig, SourceFormat

        config = LoadJobConfig(
            source_format=SourceFormat.PARQUET,
            schema=fields_of(incoming.columns),
            # A second load must never stand beside the first.
            write_disposition="WRITE_EMPTY",
            create_disposition="CREATE_NEVER",
            labels=labels_of(incoming.load),
        )
        return self._run(name, lambda: self._start_load(name, incoming, staging, config))

    def script(self, name: str, sql: str, config: QueryJobConfig) -> Outcome:
        """Run a script of many statements as one job."""
        calls = self._calls
        return self._run(
            name,
            lambda: calls.client.query(
                sql,
                job_config=config,
                job_id=name,
                location=calls.location,
                retry=None,
                job_retry=None,
                timeout=CALL_SECONDS,
            ),
        )

    def _start_load(self, name: str, incoming: Incoming, staging: str, config: LoadJobConfig) -> Any:
        calls = self._calls
        where: dict[str, Any] = {"job_id": name, "location": calls.location, "job_config": config}
        target = calls.table_id(staging)
        if incoming.uri is not None:
            return calls.client.load_table_from_uri(incoming.uri, target, retry=None, timeout=CALL_SECONDS, **where)
        data = io.BytesIO(incoming.parquet)
        return calls.client.load_table_from_file(
            data, target, size=len(incoming.parquet), timeout=CALL_SECONDS, **where
        )

    def _run(self, name: str, start: Callable[[], Any]) -> Outcome:
        from google.api_core.exceptions import Conflict, NotFound

        ours = True
        try:
            job = self._calls.run(start)
        except Conflict:
            # Somebody else started it; or this call did, and the answer was lost.
            ours, job = False, None
        except NotFound as error:
            # A table that a racing loader, or its own expiry, took away.
            return Outcome(ended=Ended.TRANSIENT, error=unavailable(self._calls.place, str(error)))
        job = self._wait(name, job)
        if job.error_result is None:
            return Outcome(ended=Ended.DONE if ours else Ended.FOUND)
        if not ours:
            return Outcome(ended=Ended.FAILED_BEFORE)
        error_to_raise = job_error(self._calls.place, name, job.error_result)
        if is_transient_result(job.error_result) or job.error_result.get("reason") == "notFound":
            return Outcome(ended=Ended.TRANSIENT, error=error_to_raise)
        raise error_to_raise

    def _wait(self, name: str, job: Any) -> Any:
        """The job when it is over. It goes on when the waiting ends with an error, and is found by the next try."""
        deadline = time.monotonic() + self._job_seconds
        pause, longest = _POLL_SECONDS
        while job is None or job.state != "DONE":
            if time.monotonic() > deadline:
                raise unavailable(self._calls.place, f"job {name} is not done after {self._job_seconds:g} s")
            if job is not None:
                time.sleep(pause)
                pause = min(longest, pause * 1.5)
            job = self._get(name)
        return job

    def _get(self, name: str) -> Any:
        from google.api_core.exceptions import NotFound

        calls = self._calls
        for _ in calls.patience.rounds():
            try:
                return calls.run(
                    lambda: calls.client.get_job(name, location=calls.location, retry=None, timeout=CALL_SECONDS)
                )
            except NotFound:
                # A job that was just accepted is not always found at once.
                continue
        raise unavailable(calls.place, f"job {name} was accepted and is not found")
