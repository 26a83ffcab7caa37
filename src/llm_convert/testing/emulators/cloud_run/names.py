"""Resource names, and the errors about them."""

from __future__ import annotations

import re
import secrets
import string
from urllib.parse import quote

from llm_convert.testing.emulators.google_api.errors import ApiError

JOB_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_LOCATION = re.compile(r"projects/([^/]+)/locations/([^/]+)\Z")
_ALPHABET = string.ascii_lowercase + string.digits


def location_of(name: str) -> str:
    """``projects/p/locations/l`` of any resource below it."""
    return "/".join(name.split("/")[:4])


def short(name: str) -> str:
    """The last segment."""
    return name.rpartition("/")[2]


def check_location(parent: str) -> str:
    """The parent itself. Raises ApiError: INVALID_ARGUMENT."""
    if not _LOCATION.match(parent):
        raise ApiError("INVALID_ARGUMENT", f"Invalid parent '{parent}': expected projects/PROJECT/locations/LOCATION.")
    return parent


def check_job_id(job_id: str) -> str:
    """The id itself. Raises ApiError: INVALID_ARGUMENT."""
    if not JOB_ID.match(job_id):
        raise ApiError(
            "INVALID_ARGUMENT",
            f"Invalid job_id '{job_id}': only lowercase, digits, and hyphens; must begin with letter, and cannot end "
            "with hyphen; must be less than 64 characters.",
        )
    return job_id


def not_found(kind: str, name: str) -> ApiError:
    """In the service's words; the kind is ``JOB``, ``EXECUTION`` or ``TASK``."""
    steps = name.split("/")
    project, region = (steps[1], steps[3]) if len(steps) > 4 else ("", "")
    return ApiError(
        "NOT_FOUND",
        f"Resource '{short(name)}' of kind '{kind}' in region '{region}' in project '{project}' does not exist.",
    )


def new_execution_name(job: str) -> str:
    """Full name of a new execution of a job: the job's id and five random characters."""
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(5))
    return f"{job}/executions/{short(job)}-{suffix}"


def log_uri(job: str, execution: str) -> str:
    """Where the console would show an execution's logs."""
    project, location = job.split("/")[1], job.split("/")[3]
    labels = {
        "resource.type": "cloud_run_job",
        "resource.labels.job_name": short(job),
        "resource.labels.location": location,
        'labels."run.googleapis.com/execution_name"': short(execution),
    }
    text = "\n".join(f'{label}="{value}"' for label, value in labels.items())
    return f"https://console.cloud.google.com/logs/viewer?project={project}&advancedFilter={quote(text, safe='')}"


def parent_job(execution: str) -> str:
    """The full name of the job that an execution, by its full name, is of."""
    return execution.partition("/executions/")[0]
