from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.cloud import run_v2
from google.cloud.run_v2.types import Condition

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator

LOCATION = "projects/demo/locations/asia-northeast1"
JOB = f"{LOCATION}/jobs/convert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    jobs: run_v2.JobsClient
    executions: run_v2.ExecutionsClient
    tasks: run_v2.TasksClient


def deploy(cloud_run: CloudRunEmulator, script: str, **template: Any) -> None:
    """A job whose container is a line of shell: it starts faster than an interpreter."""
    cloud_run.deploy(JOB, command=["sh", "-c", script], **template)


def completed(execution: run_v2.Execution) -> Condition:
    return next(condition for condition in execution.conditions if condition.type_ == "Completed")


def until(met: Callable[[], Any], *, seconds: float = 8.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def over(clients: Clients, name: str) -> run_v2.Execution:
    """The execution once it is over, asked for as a poller does."""

    def look() -> run_v2.Execution | None:
        execution = clients.executions.get_execution(name=name)
        return execution if execution.completion_time else None

    return until(look)
