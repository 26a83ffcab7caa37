"""The vendor's protobuf classes, and what recurs about builds."""

from __future__ import annotations

import base64
import time
from typing import Any

from google.cloud.devtools import cloudbuild_v1
from google.protobuf import timestamp_pb2

Build: Any = cloudbuild_v1.Build.pb()
BuildStep: Any = cloudbuild_v1.BuildStep.pb()
Metadata: Any = cloudbuild_v1.BuildOperationMetadata.pb()

Status = cloudbuild_v1.Build.Status
FailureType = cloudbuild_v1.Build.FailureInfo.FailureType
Logging = cloudbuild_v1.BuildOptions.LoggingMode

ENDED = {Status.SUCCESS, Status.FAILURE, Status.INTERNAL_ERROR, Status.TIMEOUT, Status.CANCELLED, Status.EXPIRED}
OPERATION_ERRORS = {
    Status.FAILURE: (2, "Build failed; check build logs for details"),
    Status.TIMEOUT: (4, "Build timed out"),
    Status.CANCELLED: (1, "Build cancelled"),
}
"""Status to the gRPC code and the words with which a build's operation ends."""


def now() -> Any:
    """A timestamp."""
    return timestamp_pb2.Timestamp(seconds=(ns := time.time_ns()) // 10**9, nanos=ns % 10**9 // 1000 * 1000)


def operation_name(build: Any, *, regional: bool) -> str:
    """The service names a build's operation by the build's id."""
    coded = base64.b64encode(build.id.encode()).decode()
    if regional:
        return f"{build.name.partition('/builds/')[0]}/operations/{coded}"
    return f"operations/build/{build.project_id}/{coded}"


def location_of(build: Any) -> str:
    """``global`` or a region."""
    return str(build.name.split("/")[3])


def default_logs_bucket(project_number: int) -> str:
    """Where the logs of builds go that name no bucket."""
    return f"{project_number}.cloudbuild-logs.googleusercontent.com"
