"""Which method of the API a request asks for, and which permission it needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from llm_convert.testing.emulators.bigquery.faults import ApiError, access_denied
from llm_convert.testing.emulators.bigquery.job_methods import JobMethods
from llm_convert.testing.emulators.bigquery.requests import Request, Response
from llm_convert.testing.emulators.bigquery.resources import Resources
from llm_convert.testing.emulators.bigquery.uploads import Uploads

_PROJECT = r"/bigquery/v2/projects/(?P<project>[^/]+)"
_DATASETS = _PROJECT + r"/datasets"
_DATASET = _DATASETS + r"/(?P<dataset>[^/]+)"
_TABLES = _DATASET + r"/tables"
_TABLE = _TABLES + r"/(?P<table>[^/:]+)"
_JOBS = _PROJECT + r"/jobs"
_JOB = _JOBS + r"/(?P<job>[^/]+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of the API."""

    method: str
    path: re.Pattern[str]
    answer: Callable[[Request], Response]
    permission: str = ""


class Routes:
    """The whole API."""

    def __init__(self, resources: Resources, jobs: JobMethods, uploads: Uploads) -> None:
        self._missing = resources.missing_permissions
        made: list[tuple[str, str, Callable[[Request], Response], str]] = [
            ("GET", r"/bigquery/v2/projects", _projects, ""),
            ("GET", _PROJECT + "/serviceAccount", _service_account, ""),
            ("POST", r"/v[13]/projects/(?P<project>[^/:]+):testIamPermissions", resources.test_permissions, ""),
            ("POST", _DATASETS, resources.insert_dataset, "bigquery.datasets.create"),
            ("GET", _DATASETS, resources.list_datasets, ""),
            ("GET", _DATASET, resources.get_dataset, "bigquery.datasets.get"),
            ("PATCH PUT", _DATASET, resources.change_dataset, "bigquery.datasets.update"),
            ("DELETE", _DATASET, resources.delete_dataset, "bigquery.datasets.delete"),
            ("POST", _TABLES, resources.insert_table, "bigquery.tables.create"),
            ("GET", _TABLES, resources.list_tables, "bigquery.tables.list"),
            ("GET", _TABLE, resources.get_table, "bigquery.tables.get"),
            ("PATCH PUT", _TABLE, resources.change_table, "bigquery.tables.update"),
            ("DELETE", _TABLE, resources.delete_table, "bigquery.tables.delete"),
            ("GET", _TABLE + "/data", resources.list_rows, "bigquery.tables.getData"),
            ("POST", _TABLE + "/insertAll", resources.insert_rows, "bigquery.tables.updateData"),
            ("POST", _TABLE + ":getIamPolicy", resources.get_policy, "bigquery.tables.getIamPolicy"),
            ("POST", _TABLE + ":setIamPolicy", resources.set_policy, "bigquery.tables.setIamPolicy"),
            ("POST", _TABLE + ":testIamPermissions", resources.test_permissions, ""),
            ("GET", _DATASET + "/(?P<other>routines|models)", _none, ""),
            ("POST", _JOBS, jobs.insert, "bigquery.jobs.create"),
            ("GET", _JOBS, jobs.list, ""),
            ("GET", _JOB, jobs.get, "bigquery.jobs.get"),
            ("POST", _JOB + "/cancel", jobs.cancel, "bigquery.jobs.update"),
            ("DELETE", _JOB + "/delete", jobs.delete, "bigquery.jobs.delete"),
            ("POST", _PROJECT + "/queries", jobs.query, "bigquery.jobs.create"),
            ("GET", _PROJECT + "/queries/(?P<job>[^/]+)", jobs.results, ""),
            ("POST", "(?:/resumable)?/upload" + _JOBS, uploads.post, "bigquery.jobs.create"),
            ("PUT", "(?:/resumable)?/upload" + _JOBS, uploads.put, ""),
        ]
        self._routes = [
            Route(method=method, path=re.compile(f"^{path}/?$"), answer=answer, permission=permission)
            for methods, path, answer, permission in made
            for method in methods.split()
        ]

    def answer(self, request: Request) -> Response:
        """Do what is asked. Raises ApiError."""
        methods = set()
        for route in self._routes:
            found = route.path.match(request.path)
            if found and route.method == request.method:
                parts = found.groupdict()
                if route.permission in self._missing:
                    raise access_denied(_resource(parts), route.permission)
                return route.answer(replace(request, parts=parts))
            methods |= {route.method} if found else set()
        if methods:
            raise ApiError(405, f"Method {request.method} is not allowed here", reason="httpMethodNotAllowed")
        raise ApiError(404, f"The requested URL {request.path} was not found on this server.")


def _resource(parts: dict[str, str]) -> str:
    if "table" in parts:
        return f"Table {parts['project']}:{parts['dataset']}.{parts['table']}"
    if "dataset" in parts:
        return f"Dataset {parts['project']}:{parts['dataset']}"
    return f"Project {parts.get('project', '')}"


def _projects(request: Request) -> Response:  # noqa: ARG001
    return Response(body={"kind": "bigquery#projectList", "projects": [], "totalItems": 0})


def _service_account(request: Request) -> Response:
    email = f"bq-{request.parts['project']}@bigquery-encryption.iam.gserviceaccount.com"
    return Response(body={"kind": "bigquery#getServiceAccountResponse", "email": email})


def _none(request: Request) -> Response:  # noqa: ARG001
    return Response(body={})
