"""Buttons on a task instance: a conversion's execution, its log, its report and its folder, and a landed table.

A link holds its whole URL in XCom, written as soon as it is known, so it works while the task still runs or waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from llm_convert.contracts.urls import parts_of

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from llm_convert.airflow.batch import Batch
    from llm_convert.contracts.launch import ExecutionHandle

REPORT_KEY = "llm_convert_report"
LOG_KEY = "llm_convert_job_log"
EXECUTION_KEY = "llm_convert_execution"
STORE_KEY = "llm_convert_store"
TABLE_KEY = "llm_convert_table"

_CONSOLE = "https://console.cloud.google.com"
_CLOUD_RUN = re.compile(r"projects/([^/]+)/locations/([^/]+)/jobs/[^/]+/executions/([^/]+)")
_CLOUD_BUILD = re.compile(r"projects/([^/]+)/locations/([^/]+)/builds/([^/]+)")


class _XComLink(BaseOperatorLink):
    """A link whose URL stands in XCom."""

    key: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """Where the URL stands in XCom."""
        return self.key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """What the operator left; Airflow asks when the task ends, and writes the answer over what stands in XCom."""
        left: dict[str, str] = getattr(operator, "links", {})
        return left.get(self.key, "")


class ReportLink(_XComLink):
    """The run's report. It is there when the run is done."""

    name = "Report"
    key = REPORT_KEY


class JobLogLink(_XComLink):
    """The execution's own log, where its platform keeps one."""

    name = "Job log"
    key = LOG_KEY


class ExecutionLink(_XComLink):
    """The execution on its platform's own page, where it has one."""

    name = "Execution"
    key = EXECUTION_KEY


class StoreLink(_XComLink):
    """The folder of the tenant's night in the object store: manifests, runs, and what each step left."""

    name = "Files"
    key = STORE_KEY


class TableLink(_XComLink):
    """The landed table in BigQuery; the dataset, where a step landed several."""

    name = "Table"
    key = TABLE_KEY


BATCH_LINKS = (ExecutionLink(), JobLogLink(), ReportLink(), StoreLink())
STEP_LINKS = (TableLink(),)


def links_of(batch: Batch) -> dict[str, str]:
    """The URLs of a launched conversion by their XCom keys; what has none is left out."""
    assert batch.launched is not None, "links come after launch"
    handle = batch.launched.handle
    urls = {
        EXECUTION_KEY: execution_page(handle),
        LOG_KEY: handle.log_url,
        REPORT_KEY: for_browser(batch.report_uri),
        STORE_KEY: folder_page(batch.night_uri),
    }
    return {key: url for key, url in urls.items() if url}


def for_browser(uri: str) -> str:
    """The URI of an object in a form that a browser opens: Google Cloud Storage's own scheme is none."""
    bucket, slash, key = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not slash:
        return uri
    return f"https://storage.cloud.google.com/{bucket}/{quote(key)}"


def folder_page(uri: str) -> str:
    """The URI of a prefix in a form that a browser opens."""
    if not uri.startswith("gs://"):
        return uri
    return f"{_CONSOLE}/storage/browser/{quote(uri.removeprefix('gs://'))}"


def execution_page(handle: ExecutionHandle) -> str:
    """The page of an execution in Google's console; empty for a platform without pages."""
    if found := _CLOUD_RUN.fullmatch(handle.name):
        project, region, execution = found.groups()
        return f"{_CONSOLE}/run/jobs/executions/details/{region}/{execution}?project={project}"
    if found := _CLOUD_BUILD.fullmatch(handle.name):
        project, region, build = found.groups()
        return f"{_CONSOLE}/cloud-build/builds;region={region}/{build}?project={project}"
    return ""


def table_links(warehouse_url: str, result: Mapping[str, Any]) -> dict[str, str]:
    """The URL of what a tag step landed by its XCom key; nothing where it has none.

    Args:
        warehouse_url: where it landed.
        result: what the step returned.
    """
    page = table_page(warehouse_url, tuple(result.get("tables", ())))
    return {TABLE_KEY: page} if page else {}


def table_page(warehouse_url: str, tables: tuple[str, ...]) -> str:
    """The page of one table, or of the dataset of several; empty for another warehouse than BigQuery, or no table."""
    parts = parts_of(warehouse_url)
    if parts.scheme != "bigquery" or len(parts.path) < 2 or not tables:
        return ""
    project, dataset = parts.path[:2]
    place = f"{_CONSOLE}/bigquery?project={project}&p={project}&d={dataset}"
    return f"{place}&t={tables[0]}&page=table" if len(tables) == 1 else f"{place}&page=dataset"
