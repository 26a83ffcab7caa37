"""Starting the job: what is asked for, what finds it again, and how an execution stands."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from llm_convert.contracts.base import Contract
from llm_convert.contracts.bsda import Bsda
from llm_convert.contracts.tenant import CODE_PATTERN


class JobRequest(Contract):
    """What one launch asks the job to do."""

    tenant: str = Field(pattern=CODE_PATTERN)
    bsda: Bsda
    file_id: str | None = None
    prompt_id: str | None = None
    force: bool = False
    """Convert again, and pay again, what is already done."""
    tasks: int = Field(default=0, ge=0)
    """Parallel tasks of the execution; 0: chosen from the work when it is launched."""
    launch_key: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """The same for every try of one piece of work: a retried task finds its execution by it."""


def run_id_of(launch_key: str, attempt: int) -> str:
    """The run of a launch's first, second, ... try."""
    return f"{launch_key}-{attempt:02d}"


class Launch(Contract):
    """``launch.json``: the intent is written before anything starts, the handle before anything waits."""

    request: JobRequest
    run_id: str
    backend: str
    intended_at: str
    """ISO 8601, UTC."""
    handle: ExecutionHandle | None = None
    abandoned_at: str | None = None
    """ISO 8601, UTC: when a later launcher found that nothing had come of the intent. No handle is stored after it."""


class ExecutionHandle(Contract):
    """What finds an execution again, from any process."""

    backend: str
    name: str
    """The platform's name for it."""
    log_url: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    """What else the backend needs, such as a process's start time."""


class ExecutionState(StrEnum):
    """How an execution stands, in the platform's eyes."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ENDED = "ended"
    """It is over and the platform can't say how: the message stream must."""


class ExecutionStatus(Contract):
    """The platform's account of an execution."""

    state: ExecutionState
    exit_code: int | None = None
    signal: int | None = None
    stopping: bool = False
    """A cancel was asked for and it is still running: nobody should attach to it any more."""
    detail: str = ""
    reason: str = ""
    """The platform's own code for how it ended, such as ``CONTAINER_MISSING``; empty when it gives none."""

    @property
    def over(self) -> bool:
        """Whether it will do nothing more."""
        return self.state is not ExecutionState.RUNNING


Launch.model_rebuild()
