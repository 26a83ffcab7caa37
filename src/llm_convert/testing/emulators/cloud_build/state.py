"""The builds of an emulator, under one lock."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llm_convert.testing.emulators.cloud_build import messages as m
from llm_convert.testing.emulators.cloud_build.dials import Dials
from llm_convert.testing.emulators.google_api.errors import ApiError
from llm_convert.testing.emulators.google_api.operations import Operations, done, failed, running
from llm_convert.testing.emulators.processes import Alarms, LocalProcess


@dataclass(slots=True, kw_only=True, eq=False)
class BuildRecord:
    """A build as it stands; change it only while holding ``State.changed``."""

    message: Any
    requested: Any
    """As it was asked for, before substitution."""
    folder: Path
    log: Path
    regional: bool
    substitutions: dict[str, str]
    stopping: threading.Event = field(default_factory=threading.Event)
    cause: str = ""
    """Why it was asked to stop: ``cancel`` or ``timeout``."""
    processes: set[LocalProcess] = field(default_factory=set)
    halted: bool = False
    """A step failed: what still runs is ended."""

    @property
    def over(self) -> bool:
        """Whether it ended."""
        return self.message.status in m.ENDED

    @property
    def workspace(self) -> Path:
        """What its steps share."""
        return self.folder / "workspace"


@dataclass(slots=True, kw_only=True)
class State:
    """All that an emulator knows."""

    dials: Dials
    folder: Path
    alarms: Alarms
    base_env: dict[str, str]
    storage_url: str
    stopping: threading.Event
    changed: threading.Condition = field(default_factory=threading.Condition)
    builds: dict[str, BuildRecord] = field(default_factory=dict)
    """By id, in the order of their creation."""
    operations: Operations = field(init=False)

    def __post_init__(self) -> None:
        self.operations = Operations(self.changed, self.stopping)

    def build(self, request: Any) -> BuildRecord:
        """By ``name``, or by ``project_id`` and ``id``, as requests have it. Raises ApiError: NOT_FOUND."""
        record = self.builds.get(request.id or request.name.rpartition("/")[2])
        if record is not None and (
            record.message.name == request.name or record.message.project_id == request.project_id
        ):
            return record
        raise ApiError("NOT_FOUND", "Requested entity was not found.")

    def operation(self, record: BuildRecord) -> Any:
        """The operation of a build; it ends with it."""
        name = m.operation_name(record.message, regional=record.regional)

        def view() -> Any:
            build = record.message
            metadata = m.Metadata(build=build)
            if not record.over:
                return running(name, metadata)
            if build.status == m.Status.SUCCESS:
                return done(name, metadata, build)
            return failed(name, metadata, *m.OPERATION_ERRORS.get(build.status, (13, "Internal error")))

        return self.operations.add(name, view)

    def stop(self, record: BuildRecord, cause: str) -> None:
        """Ask a build to end; returns at once. One that is over stays as it is."""
        with self.changed:
            if record.over or record.cause:
                return
            record.cause = cause
            record.stopping.set()
        self.end_processes(record, cause)

    def halt(self, record: BuildRecord) -> None:
        """End the steps that still run beside one that failed; returns at once."""
        with self.changed:
            record.halted = True
        self.end_processes(record, "cancel")

    def end_processes(self, record: BuildRecord, cause: str) -> None:
        """SIGTERM to all that a build runs, SIGKILL after the grace; returns at once."""
        with self.changed:
            processes = tuple(record.processes)
        for process in processes:
            process.end(cause, grace_seconds=self.dials.grace_seconds)
