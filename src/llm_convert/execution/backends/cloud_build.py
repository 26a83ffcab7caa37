"""Executions as isolated builds of Cloud Build: one step, one container, a machine of its own.

The parameters go by environment alone, never through a shell's text, and Cloud Build's own ``$`` substitutions are
escaped. Results are read from the store, as with every backend: a build's output holds too little. The run's tags find
a build again whose creation was not answered.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus, JobRequest
from llm_convert.errors import ConfigurationError, UnavailableError
from llm_convert.execution.backends.cloud_build_names import NAME, BuildOptions, BuildPlace
from llm_convert.execution.backends.cloud_build_status import status_of
from llm_convert.execution.backends.cloud_logging import last_lines
from llm_convert.execution.backends.cloud_run_names import JobPlace
from llm_convert.execution.backends.cloud_run_status import gone
from llm_convert.execution.backends.google_api import NEVER_RETRY, blocking_client, calling, load
from llm_convert.execution.backends.job_environment import job_environment
from llm_convert.settings import Settings

_PACKAGE = "google-cloud-build"
_MODULE = "google.cloud.devtools.cloudbuild_v1"
QUEUE_SECONDS = 3600
"""How long a build may wait for a machine before Cloud Build drops it."""
COMMAND = ("python", "-m", "llm_convert.job")
_PAGE = 100


class CloudBuildBackend:
    """Runs the job as a build.

    Args:
        settings: timeout and what is handed to the job; ``cloud_build_endpoint`` for an emulator.
        project: the Google Cloud project of the builds.
        region: such as ``asia-northeast3``, or ``global``.
        options: of the backend's URL; see ``BuildOptions``.

    Raises:
        ConfigurationError: project, region or image is missing, or an option is unknown.
    """

    max_tasks = 1
    job_tasks = 1
    """A build is one container: it has no parallel tasks."""

    def __init__(
        self,
        settings: Settings,
        *,
        project: str,
        region: str,
        options: Mapping[str, str],
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._settings = settings
        self._place = BuildPlace.checked(project=project, region=region)
        self._options = BuildOptions.of(options)
        self._command = command

    @property
    def name(self) -> str:
        """``cloud_build``."""
        return NAME

    def start(self, request: JobRequest, run_id: str) -> ExecutionHandle:
        """Create the build, and return as soon as it has an id.

        Raises:
            ConfigurationError: refused; nothing was started.
            UnavailableError: the answer was lost or unclear; a build may have been created.
        """
        message = {"parent": self._place.path, "project_id": self._place.project, "build": self._build(request, run_id)}
        doing, may_have = f"creating a build in {self._place.path}", "A build may have been created."
        builds = self._builds
        with calling(doing, self._place.remedies, started=may_have):
            build = getattr(builds.create_build(request=message, **NEVER_RETRY).metadata, "build", None)
        if not getattr(build, "id", ""):
            raise UnavailableError(f"{doing} told no build", remedy=f"{may_have} The next try looks for it.")
        return self._handle(build)

    def find(self, request: JobRequest, run_id: str, *, marker: str = "") -> ExecutionHandle | None:  # noqa: ARG002
        """The build with this run's tag, the one that runs before those that are over; tags are never hidden."""
        found = None
        for build in self._tagged(tag_of(request, run_id)):
            if not status_of(build).over:
                return self._handle(build)
            found = found or build
        return self._handle(found) if found else None

    def status(self, handle: ExecutionHandle) -> ExecutionStatus:
        """How it stands; one that is gone has ended.

        Raises:
            UnavailableError: the platform can't be asked.
            ConfigurationError: it refuses to tell.
        """
        place, build_id = BuildPlace.of_build(handle.name)
        missing: Any = load("google.api_core.exceptions", package=_PACKAGE).NotFound
        request = {"name": handle.name, "project_id": place.project, "id": build_id}
        with calling(f"looking at {handle.name}", place.remedies):
            try:
                return status_of(self._builds.get_build(request=request, **NEVER_RETRY))
            except missing:
                return gone()

    def cancel(self, handle: ExecutionHandle) -> None:
        """Ask the platform to cancel it; one that is over stays as it is."""
        if self.status(handle).over:
            return
        place, build_id = BuildPlace.of_build(handle.name)
        request = {"name": handle.name, "project_id": place.project, "id": build_id}
        try:
            with calling(f"cancelling {handle.name}", place.remedies):
                self._builds.cancel_build(request=request, **NEVER_RETRY)
        except ConfigurationError:
            # Whoever ends just now can't be cancelled any more, and the refusal says no more than that.
            if not self.status(handle).over:
                raise

    def logs(self, handle: ExecutionHandle) -> str:
        """The last lines from Cloud Logging where its client is installed, else where they can be read."""
        if self._settings.cloud_build_endpoint:
            return handle.log_url
        place, build_id = BuildPlace.of_build(handle.name)
        wanted = f'resource.type="build" AND resource.labels.build_id="{build_id}"'
        return last_lines(place.project, wanted, place.remedies) or handle.log_url

    @cached_property
    def _builds(self) -> Any:
        return blocking_client(load(_MODULE, package=_PACKAGE).CloudBuildClient, self._settings.cloud_build_endpoint)

    def _build(self, request: JobRequest, run_id: str) -> dict[str, Any]:
        local = bool(self._settings.cloud_build_endpoint)
        told = job_environment(self._settings, request, run_id, on_this_machine=local)
        seconds = math.ceil(self._settings.job_timeout_seconds)
        entrypoint, *arguments = self._command
        step = {
            "id": "llm-convert",
            "name": self._options.image or self._image_of_job(),
            "entrypoint": entrypoint,
            # A dollar sign would be a substitution of Cloud Build's; two of them are one.
            "args": [text.replace("$", "$$") for text in arguments],
            "env": [f"{name}={value.replace('$', '$$')}" for name, value in told.items()],
        }
        build: dict[str, Any] = {
            "steps": [step],
            "timeout": timedelta(seconds=seconds),
            "queue_ttl": timedelta(seconds=QUEUE_SECONDS),
            "tags": ["llm-convert", tag_of(request, run_id)],
            "options": self._build_options(),
        }
        if self._options.service_account:
            account = self._options.service_account
            build["service_account"] = f"projects/{self._place.project}/serviceAccounts/{account}"
        if self._options.logs_bucket:
            build["logs_bucket"] = self._options.logs_bucket
        return build

    def _image_of_job(self) -> str:
        region, _, job = self._options.job.rpartition("/")
        place = JobPlace.checked(project=self._place.project, region=region or self._place.region, job=job)
        kind = load("google.cloud.run_v2", package="google-cloud-run").JobsClient
        with calling(f"reading the image of {place.path}", place.remedies):
            found = blocking_client(kind, self._settings.cloud_run_endpoint).get_job(name=place.path, **NEVER_RETRY)
        return str(found.template.template.containers[0].image)

    def _build_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"logging": "GCS_ONLY" if self._options.logs_bucket else "CLOUD_LOGGING_ONLY"}
        if self._options.machine:
            options["machine_type"] = self._options.machine
        return options

    def _handle(self, build: Any) -> ExecutionHandle:
        name = self._place.build(build.id)
        return ExecutionHandle(backend=NAME, name=name, log_url=build.log_url or self._place.console(build.id))

    def _tagged(self, tag: str) -> Iterator[Any]:
        """Builds with a tag, the newest first, as far back as one may still run."""
        place = self._place
        request = {
            "parent": place.path,
            "project_id": place.project,
            "page_size": _PAGE,
            "filter": f'tags="{tag}"',
        }
        with calling(f"listing the builds of {place.path}", place.remedies):
            # The filter is the service's to apply; the tag is compared again, since a wrong build must never be ours.
            yield from (
                build for build in self._builds.list_builds(request=request, **NEVER_RETRY) if tag in build.tags
            )


def tag_of(request: JobRequest, run_id: str) -> str:
    """The tag of one run: the same run id in another tenant or BSDA is another run.

    Cloud Build allows 128 letters, digits, ``_``, ``.`` and ``-``; a run id may be longer, so it is a digest.
    """
    identity = "\n".join((request.tenant, request.bsda, run_id))
    return f"run-{hashlib.sha256(identity.encode()).hexdigest()[:40]}"
