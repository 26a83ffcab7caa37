"""``google.devtools.cloudbuild.v1.CloudBuild``: create, get, list, cancel, retry."""

from __future__ import annotations

import uuid
from typing import Any

from google.cloud.devtools import cloudbuild_v1
from google.protobuf import duration_pb2, empty_pb2

from llm_convert.testing.emulators.cloud_build import building
from llm_convert.testing.emulators.cloud_build import messages as m
from llm_convert.testing.emulators.cloud_build.checks import check_build
from llm_convert.testing.emulators.cloud_build.filters import build_filter
from llm_convert.testing.emulators.cloud_build.state import BuildRecord, State
from llm_convert.testing.emulators.cloud_build.substitutions import substitute
from llm_convert.testing.emulators.google_api.errors import ApiError
from llm_convert.testing.emulators.google_api.paging import page


class Builds:
    """The methods, over the shared state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create_build(self, request: Any) -> Any:
        """Queue it. Raises ApiError: INVALID_ARGUMENT."""
        project, location = _place(request)
        return self._create(request.build, project, location, regional=bool(request.parent))

    def retry_build(self, request: Any) -> Any:
        """A new build of the same request. Raises ApiError: NOT_FOUND."""
        with self._state.changed:
            record = self._state.build(request)
        location = m.location_of(record.message)
        return self._create(record.requested, record.message.project_id, location, regional=record.regional)

    def _create(self, wanted: Any, project: str, location: str, *, regional: bool) -> Any:
        check_build(wanted)
        build = m.Build()
        build.CopyFrom(wanted)
        build.id, build.project_id, build.status = str(uuid.uuid4()), project, m.Status.QUEUED
        build.name = f"projects/{project}/locations/{location}/builds/{build.id}"
        build.create_time.CopyFrom(m.now())
        _complete(build, location, self._state.dials.project_number)
        values = substitute(build, location=location, project_number=self._state.dials.project_number)
        folder = self._state.folder / "builds" / build.id
        folder.mkdir(parents=True)
        log = self._state.folder / "logs" / f"log-{build.id}.txt"
        log.parent.mkdir(exist_ok=True)
        record = BuildRecord(
            message=build,
            requested=wanted.__deepcopy__({}),
            folder=folder,
            log=log,
            regional=regional,
            substitutions=values,
        )
        with self._state.changed:
            self._state.builds[build.id] = record
            operation = self._state.operation(record)
        building.start(self._state, record)
        return operation

    def get_build(self, request: Any) -> Any:
        """Raises ApiError: NOT_FOUND."""
        with self._state.changed:
            return self._state.build(request).message.__deepcopy__({})

    def list_builds(self, request: Any) -> Any:
        """Newest first. Raises ApiError: INVALID_ARGUMENT."""
        project, location = _place(request)
        meets = build_filter(request.filter)
        with self._state.changed:
            found = [
                record.message
                for record in self._state.builds.values()
                if record.message.name.startswith(f"projects/{project}/locations/{location}/") and meets(record.message)
            ]
            builds, token = page(
                found,
                key=lambda b: [b.create_time.seconds, b.create_time.nanos, b.id],
                scope=f"{project}/{location}/{request.filter}",
                size=request.page_size,
                token=request.page_token,
                newest_first=True,
            )
            return cloudbuild_v1.ListBuildsResponse.pb()(builds=builds, next_page_token=token)

    def cancel_build(self, request: Any) -> Any:
        """The build as it is now; it ends a little later. Raises ApiError: NOT_FOUND, FAILED_PRECONDITION."""
        with self._state.changed:
            record = self._state.build(request)
            if record.over:
                name = m.Status(record.message.status).name
                raise ApiError("FAILED_PRECONDITION", f"Build {record.message.id} cannot be cancelled: it is {name}.")
            self._state.stop(record, "cancel")
            return record.message.__deepcopy__({})

    def cancel_operation(self, request: Any) -> Any:
        """The same by the operation's name; what is over stays as it is. Raises ApiError: NOT_FOUND."""
        operation = self._state.operations.get(request)
        metadata = m.Metadata()
        operation.metadata.Unpack(metadata)
        self._state.stop(self._state.builds[metadata.build.id], "cancel")
        return empty_pb2.Empty()


def _place(request: Any) -> tuple[str, str]:
    """Project and location."""
    steps = request.parent.split("/")
    return (steps[1], steps[3]) if request.parent else (request.project_id, "global")


def _complete(build: Any, location: str, project_number: int) -> None:
    """Fill in what the service does."""
    if not build.HasField("timeout"):
        build.timeout.CopyFrom(duration_pb2.Duration(seconds=600))
    if not build.HasField("queue_ttl"):
        build.queue_ttl.CopyFrom(duration_pb2.Duration(seconds=3600))
    if not build.logs_bucket and build.options.logging not in {m.Logging.NONE, m.Logging.CLOUD_LOGGING_ONLY}:
        build.logs_bucket = f"gs://{m.default_logs_bucket(project_number)}"
    build.options.logging = build.options.logging or m.Logging.LEGACY
    region = "" if location == "global" else f";region={location}"
    build.log_url = f"https://console.cloud.google.com/cloud-build/builds{region}/{build.id}?project={project_number}"
    for step in build.steps:
        step.status = m.Status.QUEUED
