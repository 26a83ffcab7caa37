"""What the tests of executions share: real jobs, their store, and the marks that each started process leaves."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llm_convert.clock import SystemClock
from llm_convert.contracts import keys
from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus, JobRequest
from llm_convert.contracts.manifest import CrawledFile, Manifest, ManifestEntry
from llm_convert.contracts.report import ItemReport, Report
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.errors import UnavailableError
from llm_convert.execution.backends.records import find_handle
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.execution.launch import Launched, launch_or_attach
from llm_convert.settings import Settings
from llm_convert.stores.local import LocalObjectStore

TENANT, BSDA = "c8cd3500", "20251107140000"
JOB = Path(__file__).with_name("sample_job.py")


def request(**changes: object) -> JobRequest:
    return JobRequest.model_validate({"tenant": TENANT, "bsda": BSDA, "launch_key": "night-1", **changes})


def item(number: int = 1, *, work: bool = True, cause: Cause | None = None) -> ItemReport:
    return ItemReport(
        document=f"주간 보고 {number}.xlsx",
        source="sbb4e91e",
        sha256=f"{number:064d}",
        work_item=f"{number:032d}" if work else None,
        outcome=Outcome.FAILED if cause else Outcome.SUCCEEDED,
        cause=cause,
    )


def report(run_id: str = "night-1-01", *items: ItemReport, **changes: object) -> Report:
    at = "2025-11-07T14:00:00+00:00"
    known = {"tenant": TENANT, "bsda": BSDA, "run_id": run_id, "provider": "rules", "started_at": at, "finished_at": at}
    return Report.model_validate({**known, "items": items, **changes})


def manifest(*numbers: int) -> Manifest:
    lines = (item(number) for number in numbers)
    files = (
        CrawledFile(source=i.source, name=i.document, sha256=i.sha256, size_bytes=1, key=f"x/{i.document}")
        for i in lines
    )
    return Manifest(
        tenant=TENANT, bsda=BSDA, source="sbb4e91e", entries=tuple(ManifestEntry(file=file) for file in files)
    )


@dataclass
class LaterClock:
    """The real time, some seconds on: as if a launcher came back only then."""

    seconds: float

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.05))


class UnreachableBackend(SubprocessBackend):
    """A real backend that can't be asked for its first ``failures`` times."""

    failures = 0
    asked = 0

    def status(self, handle: ExecutionHandle) -> ExecutionStatus:
        self.asked += 1
        if self.asked <= self.failures:
            raise UnavailableError("the platform does not answer")
        return super().status(handle)


@dataclass
class World:
    home: Path
    marks: Path = field(init=False)

    def __post_init__(self) -> None:
        self.marks = self.home / "marks"
        self.marks.mkdir(parents=True)
        self.store = LocalObjectStore(self.home / "store")

    def backend(
        self, command: Sequence[str], *, kind: type[SubprocessBackend] = SubprocessBackend
    ) -> SubprocessBackend:
        return kind(Settings(home=self.home), command=command, grace_seconds=0.3)

    def shell(self, script: str) -> SubprocessBackend:
        """A job that is a shell script; each process that is started leaves a mark first."""
        return self.backend(("sh", "-c", f'touch "{self.marks}/$LLM_CONVERT_RUN_ID.$$"; {script}'))

    def job(self, *behaviour: str, kind: type[SubprocessBackend] = SubprocessBackend) -> SubprocessBackend:
        """A job that writes messages; see ``sample_job.py`` for what it can do."""
        return self.backend((sys.executable, str(JOB), str(self.home / "store"), *behaviour), kind=kind)

    def launch(self, backend: SubprocessBackend, *, later: float = 0.0, **changes: object) -> Launched:
        clock = LaterClock(later) if later else SystemClock()
        return launch_or_attach(self.store, backend, request(**changes), clock=clock)

    @property
    def started(self) -> list[str]:
        """The runs for which a process was started, one entry a process."""
        return sorted(path.name.rpartition(".")[0] for path in self.marks.iterdir())

    def commit(self, run_id: str, *items: ItemReport, **changes: object) -> None:
        key = keys.report(TENANT, BSDA, run_id)
        self.store.create(key, report(run_id, *items, **changes).to_json())

    def stop_everything(self) -> None:
        backend = self.shell("true")
        for path in (self.home / "executions").glob("*/*/*.json"):
            handle = None if path.name.endswith(".exit.json") else find_handle(path)
            if handle is not None:
                backend.cancel(handle)
                wait_for(lambda handle=handle: backend.status(handle).over)


def wait_for(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"it did not come true within {seconds} s"
        time.sleep(0.02)
