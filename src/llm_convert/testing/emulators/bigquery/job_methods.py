"""The API's methods for jobs and queries."""

from __future__ import annotations

import copy
from typing import Any

from llm_convert.testing.emulators.bigquery.faults import ApiError, access_denied, invalid
from llm_convert.testing.emulators.bigquery.jobs import Job, Jobs, check_configuration, new_id
from llm_convert.testing.emulators.bigquery.queries import Queries
from llm_convert.testing.emulators.bigquery.requests import Request, Response
from llm_convert.testing.emulators.bigquery.resources import Resources
from llm_convert.testing.emulators.bigquery.tables import Tables

_QUERY_WAIT_MS = 10_000
_INSERT_WAIT_SECONDS = 0.2
"""A job that is done at once is told of as done; it saves a client's first pause between two looks."""
_OF_QUERY = (
    "query",
    "defaultDataset",
    "useQueryCache",
    "useLegacySql",
    "parameterMode",
    "queryParameters",
    "maximumBytesBilled",
    "createSession",
    "connectionProperties",
)


class JobMethods:
    """Jobs over the wire."""

    def __init__(self, jobs: Jobs, queries: Queries, tables: Tables, resources: Resources) -> None:
        self._jobs = jobs
        self._queries = queries
        self._tables = tables
        self._resources = resources
        self.uploads: dict[str, bytes] = {}
        """Files of load jobs by the job's full name."""

    def insert(self, request: Request, uploaded: bytes | None = None) -> Response:
        """jobs.insert, with the file of an upload."""
        return Response(body=self.start(request.parts["project"], request.json(), uploaded).resource())

    def start(self, project: str, body: dict[str, Any], uploaded: bytes | None = None, request: str = "") -> Job:
        """A new job. Raises ApiError 409 when its id is taken."""
        configuration = copy.deepcopy(body.get("configuration") or {})
        check_configuration(configuration)
        reference = body.get("jobReference") or {}
        job = Job(
            project=project,
            location=str(reference.get("location") or self._location(project, configuration)),
            id=str(reference.get("jobId") or new_id()),
            configuration=configuration,
        )
        if not all(letter.isalnum() or letter in "-_" for letter in job.id) or len(job.id) > 1024:
            raise invalid(f'Invalid job ID "{job.id}".')
        if configuration.get("dryRun"):
            return self._dry(job)
        if uploaded is not None:
            self.uploads.setdefault(str(job), uploaded)
        job = self._jobs.start_once(job, request)
        job.finished.wait(_INSERT_WAIT_SECONDS)
        return job

    def _dry(self, job: Job) -> Job:
        job.dry, job.state = True, "DONE"
        if job.kind == "query":
            self._queries.dry_run(job)
        return job

    def _location(self, project: str, configuration: dict[str, Any]) -> str:
        """Where the data is, as far as the configuration tells."""
        kind = next(iter(configuration[name] for name in ("query", "load", "copy", "extract") if name in configuration))
        for name in ("defaultDataset", "destinationTable", "sourceTable"):
            given = kind.get(name)
            if given:
                return self._dataset_location(str(given.get("projectId") or project), str(given["datasetId"]))
        return self._location_of_names(project, str(kind.get("query", "")))

    def _location_of_names(self, project: str, sql: str) -> str:
        from sqlglot import exp

        from llm_convert.testing.emulators.bigquery.script import parse_script, statements_of
        from llm_convert.testing.emulators.bigquery.translate import parse

        try:
            for text in statements_of(parse_script(sql)):
                for table in parse(text).find_all(exp.Table):
                    parts = [part.name for part in table.parts]
                    if len(parts) > 1 and not (len(parts) == 2 and parts[0].upper() == "INFORMATION_SCHEMA"):
                        return self._dataset_location(".".join(parts[:-2]) or project, parts[-2])
        except ApiError:
            pass
        return "US"

    def _dataset_location(self, project: str, name: str) -> str:
        try:
            return self._tables.catalog.dataset(project, name).location
        except ApiError:
            return "US"

    def get(self, request: Request) -> Response:
        """jobs.get."""
        return Response(body=self._job(request).resource())

    def delete(self, request: Request) -> Response:
        """jobs.delete."""
        self._jobs.delete(self._job(request))
        return Response(status=204)

    def cancel(self, request: Request) -> Response:
        """jobs.cancel."""
        job = self._job(request)
        self._jobs.cancel(job)
        return Response(body={"kind": "bigquery#jobCancelResponse", "job": job.resource()})

    def list(self, request: Request) -> Response:
        """jobs.list, by state, parent and time of creation."""
        query = request.query
        state = {"done": "DONE", "pending": "PENDING", "running": "RUNNING"}.get(query.get("stateFilter", "").lower())
        oldest, newest = request.number("minCreationTime") or 0, request.number("maxCreationTime") or 2**62
        parent = query.get("parentJobId", "")
        found = [
            job
            for job in self._jobs.of_project(request.parts["project"])
            if job.parent == parent and state in {None, job.state} and oldest <= job.created_ms <= newest
        ]
        page, token = request.page(found)
        items = []
        for job in page:
            resource = job.resource()
            item = resource | {"state": job.state}
            items.append(item | ({"errorResult": job.error.proto()} if job.error else {}))
        return Response(body={"kind": "bigquery#jobList", "jobs": items} | ({"nextPageToken": token} if token else {}))

    def results(self, request: Request) -> Response:
        """jobs.getQueryResults: waits for the job for as long as it is asked to."""
        job = self._job(request)
        wait = request.number("timeoutMs")
        job.finished.wait((_QUERY_WAIT_MS if wait is None else wait) / 1000)
        return Response(body=self._results(job, request, "getQueryResultsResponse"))

    def query(self, request: Request) -> Response:
        """jobs.query: a query without a job of its own to be asked for."""
        body = request.json()
        configuration: dict[str, Any] = {"query": {name: body[name] for name in _OF_QUERY if name in body}}
        configuration |= {name: body[name] for name in ("labels", "dryRun") if name in body}
        reference = {"location": body["location"]} if body.get("location") else {}
        project = request.parts["project"]
        given = {"configuration": configuration, "jobReference": reference}
        job = self.start(project, given, request=str(body.get("requestId") or ""))
        if job.dry:
            about = job.statistics
            schema = {"schema": about["query"]["schema"]} if "schema" in about["query"] else {}
            made = {
                "kind": "bigquery#queryResponse",
                "jobComplete": True,
                "totalBytesProcessed": about["totalBytesProcessed"],
            }
            return Response(body=made | schema | {"jobReference": job.reference(), "cacheHit": False})
        wait = body.get("timeoutMs")
        job.finished.wait((_QUERY_WAIT_MS if wait is None else int(wait)) / 1000)
        options = body.get("formatOptions") or {}
        query = {"formatOptions.useInt64Timestamp": str(options.get("useInt64Timestamp", False))}
        if body.get("maxResults") is not None:
            query["maxResults"] = str(body["maxResults"])
        page = Request(method="GET", path=request.path, query=query, headers=request.headers, data=b"")
        return Response(body=self._results(job, page, "queryResponse"))

    def _results(self, job: Job, request: Request, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": f"bigquery#{kind}", "etag": job.id, "jobReference": job.reference()}
        found["jobComplete"] = job.finished.is_set()
        if kind == "queryResponse":
            found |= {"queryId": job.id, "location": job.location}
        if not job.finished.is_set():
            return found
        if job.error is not None:
            raise job.error
        if job.kind != "query":
            raise invalid("Cannot retrieve results of a job that is no query")
        found |= {"totalBytesProcessed": job.statistics.get("totalBytesProcessed", "0"), "cacheHit": False}
        if job.changed is not None:
            found["numDmlAffectedRows"] = str(job.changed)
        if job.result is not None:
            if "bigquery.tables.getData" in self._resources.missing_permissions:
                raise access_denied(f"Table {job.result.ref}", "bigquery.tables.getData")
            found["schema"] = {"fields": job.result.fields}
            found |= self._resources.page(request, job.result.ref, job.result.fields)
        return found

    def _job(self, request: Request) -> Job:
        return self._jobs.get(request.parts["project"], request.parts["job"], request.query.get("location", ""))
