"""Buttons on a conversion's task instance: its report, and the log of its execution.

A link holds its whole URL in XCom, written as soon as the execution is known, so it works while the task still runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

REPORT_KEY = "llm_convert_report"
LOG_KEY = "llm_convert_job_log"


class ReportLink(BaseOperatorLink):
    """The run's report. It is there when the run is done."""

    name = "Report"

    @property
    def xcom_key(self) -> str:
        """Where the URL stands in XCom."""
        return REPORT_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The report's URL as the operator left it; empty before it started."""
        return getattr(operator, "report_url", "")


class JobLogLink(BaseOperatorLink):
    """The execution's own log, where its platform keeps one."""

    name = "Job log"

    @property
    def xcom_key(self) -> str:
        """Where the URL stands in XCom."""
        return LOG_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The log's URL as the operator left it; empty before it started."""
        return getattr(operator, "log_url", "")


def for_browser(uri: str) -> str:
    """A URI in a form that a browser opens: Google Cloud Storage's own scheme is none."""
    bucket, slash, key = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not slash:
        return uri
    return f"https://storage.cloud.google.com/{bucket}/{quote(key)}"
