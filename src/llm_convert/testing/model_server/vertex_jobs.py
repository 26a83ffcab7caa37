"""Vertex AI's batch predictions for Claude: ``/v1/projects/P/locations/R/batchPredictionJobs``."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from llm_convert.testing.model_server.batch_work import BatchWork, Entry
from llm_convert.testing.model_server.call import Call, Served, json_bytes, json_of
from llm_convert.testing.model_server.calls import Calls
from llm_convert.testing.model_server.claude import VertexClaude
from llm_convert.testing.model_server.faults import Fault, RefusedError
from llm_convert.testing.model_server.http import Cut, Reply, Request
from llm_convert.testing.model_server.job import (
    Job,
    checked_model,
    filter_of,
    input_uris,
    now,
    output_prefix,
    refused,
)

Read = Callable[[str], bytes]
Write = Callable[[str, bytes], None]
Storage = tuple[Read, Write]
"""Reads an object by its ``gs://`` URI, and writes one."""

_PATH = re.compile(
    r"/v1/(?P<parent>projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+))/batchPredictionJobs"
    r"(?:/(?P<id>[^/:]+)(?P<cancels>:cancel)?)?"
)
_USUAL_PAGE, _LONGEST_PAGE = 50, 100
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


class _Jobs(VertexClaude):
    """All its errors are Google's."""

    def error(self, fault: Fault, request_id: str) -> Any:  # noqa: ARG002 - it is in the header only
        """In Google's form."""
        name = fault.type if fault.google else _STATUS_NAMES.get(fault.status, "INTERNAL")
        return {"error": {"code": fault.status, "message": fault.message, "status": name}}


class VertexJobs:
    """Makes jobs that read their requests from one object and write the answers to another.

    Args:
        served: the server.
        calls: its calls.
        service: whose form the requests have.
        storage: where objects are; without it no job can be made.
    """

    def __init__(self, served: Served, calls: Calls, service: VertexClaude, storage: Storage | None) -> None:
        self._served = served
        self._calls = calls
        self._requests = service
        self._service = _Jobs()
        self._storage = storage
        self._work = BatchWork(served, calls)
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, request: Request) -> Reply | Cut | None:
        """The answer; None when the request is not about jobs."""
        match = _PATH.fullmatch(unquote(request.path))
        if match is None:
            return None
        name = f"{match['parent']}/batchPredictionJobs/{match['id']}"
        asked = (request.method, match["id"] is not None, match["cancels"])
        call = Call(service=self._service, request=request, body=None, model="", method="batches")
        call.project, call.region = match["project"], match["region"]
        call.recorded = asked == ("POST", False, None)

        async def work() -> bytes:
            match asked:
                case ("POST", False, None):
                    return json_bytes(self._make(call, f"{match['parent']}/batchPredictionJobs").told())
                case ("GET", False, None):
                    return json_bytes(self._page(f"{match['parent']}/", request.query))
                case ("GET", True, None):
                    return json_bytes(self._find(name).told())
                case ("POST", True, ":cancel"):
                    self._cancel(self._find(name))
                    return b"{}"
                case _:
                    raise RefusedError(Fault.google_error(404, "NOT_FOUND", "Not Found"))

        return await self._calls.act(call, work)

    def _make(self, call: Call, parent: str) -> Job:
        asked = json_of(call.request.body)
        model = checked_model(asked)
        if self._storage is None:
            raise refused(400, "FAILED_PRECONDITION", "The server was given no storage.")
        running = [job for job in self._jobs.values() if job.project == call.project and not job.is_over]
        if len(running) >= self._served.dials.batch_jobs:
            raise refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded for concurrent batch prediction jobs.")
        job = Job(name=f"{parent}/{call.number:019d}", project=call.project, asked=asked, model=model)
        job.move("JOB_STATE_PENDING", "createTime")
        self._jobs[job.name] = job
        task = asyncio.get_running_loop().create_task(self._begin(job, call, *self._storage))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def _begin(self, job: Job, made_by: Call, read: Read, write: Write) -> None:
        """Read the requests and let them be done."""

        async def done() -> None:
            await self._finish(job, write)

        try:
            texts = [await self._served.workers.run(read, uri) for uri in input_uris(job.asked)]
            entries = [self._entry(job, made_by, line) for text in texts for line in text.splitlines() if line.strip()]
        except Exception as error:  # noqa: BLE001 - of the storage that a test gave, or of what it holds
            self._fail(job, f"the input can't be read: {type(error).__name__}: {error}")
            return
        job.work = self._work.start(entries, done)
        if job.cancelled:
            job.work.cancelled.set()
        else:
            job.move("JOB_STATE_RUNNING", "startTime")

    def _entry(self, job: Job, made_by: Call, line: bytes) -> Entry:
        found = json.loads(line)
        body = found["request"]
        call = Call(
            service=self._requests,
            request=made_by.request,
            body=body,
            model=job.model,
            method="batch",
            project=made_by.project,
            region=made_by.region,
            streams=bool(body.get("stream")),
            batch=job.name,
        )
        return Entry(custom_id=str(found["custom_id"]), call=call)

    async def _finish(self, job: Job, write: Write) -> None:
        """Write what was answered; of a cancelled job, what was answered by then."""
        assert job.work is not None
        entries = [entry for entry in job.work.entries if entry.result != "canceled"]
        # Named by the time of its writing, as the real one: who made the job can't know it.
        directory = f"{output_prefix(job.asked)}/prediction-model-{now()}"
        lines = b"".join(json_bytes(_line(entry)) + b"\n" for entry in entries)
        try:
            if entries:
                await self._served.workers.run(write, f"{directory}/predictions.jsonl", lines)
                job.output = directory
        except Exception as error:  # noqa: BLE001 - of the storage that a test gave
            self._fail(job, f"the output can't be written: {type(error).__name__}: {error}")
            return
        job.move("JOB_STATE_CANCELLED" if job.cancelled else "JOB_STATE_SUCCEEDED", "endTime")

    def _fail(self, job: Job, message: str) -> None:
        job.error = {"code": 3, "message": message}
        job.move("JOB_STATE_FAILED", "endTime")

    def _cancel(self, job: Job) -> None:
        if job.is_over:
            raise refused(400, "FAILED_PRECONDITION", f"The job is in state {job.state}.")
        job.cancelled = True
        job.move("JOB_STATE_CANCELLING")
        if job.work is not None:
            job.work.cancelled.set()

    def _find(self, name: str) -> Job:
        found = self._jobs.get(name)
        if found is None:
            raise refused(404, "NOT_FOUND", f"The BatchPredictionJob {name!r} was not found.")
        return found

    def _page(self, parent: str, query: dict[str, str]) -> dict[str, Any]:
        holds = filter_of(query.get("filter", ""))
        jobs = [job for job in reversed(self._jobs.values()) if job.name.startswith(parent) and holds(job)]
        size, token = query.get("pageSize", "0"), query.get("pageToken", "0")
        if not (size.isdecimal() and token.isdecimal()):
            raise refused(400, "INVALID_ARGUMENT", "Invalid pageSize or pageToken.")
        first = int(token)
        last = first + min(int(size) or _USUAL_PAGE, _LONGEST_PAGE)
        page: dict[str, Any] = {"batchPredictionJobs": [job.told() for job in jobs[first:last]]}
        return page | ({"nextPageToken": str(last)} if last < len(jobs) else {})


def _line(entry: Entry) -> dict[str, Any]:
    """One line of the output: what was asked, and what was said to it."""
    line = {"custom_id": entry.custom_id, "request": entry.call.fields}
    if entry.result == "succeeded":
        return {**line, "response": entry.body, "status": ""}
    said = json.dumps(entry.body, ensure_ascii=False) if entry.body else f"the request {entry.result}"
    return {**line, "response": None, "status": said}
