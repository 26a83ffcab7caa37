"""What ended an execution, by name, and what to do about it. Pure: it reads the platform's facts and asks nobody.

Platforms word the same thing in many ways, and change their words. A rule therefore reads codes first, then signals and
exit codes, then words; what no rule knows is told as it is, with the link to the log.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from llm_convert.contracts.launch import ExecutionState, ExecutionStatus
from llm_convert.execution.last_seen import LastSeen
from llm_convert.execution.remedies import remedy_for

_KILLED = 128 + signal.SIGKILL
"""A shell's exit code for a child that SIGKILL ended."""


class Ailment(StrEnum):
    """The ways in which a platform ends an execution that did not end by itself."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    IMAGE_MISSING = "image missing"
    PERMISSION_REFUSED = "permission refused"
    QUOTA = "quota"
    NOT_STARTED = "container failed to start"
    LOST = "lost"

    @property
    def needs_a_person(self) -> bool:
        """Whether the same again fails the same way."""
        return self in {Ailment.IMAGE_MISSING, Ailment.PERMISSION_REFUSED, Ailment.NOT_STARTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What it was, and what to do."""

    ailment: Ailment
    found: str
    """In words, with the platform's own."""
    remedy: str
    """The command or the role that mends it."""


def diagnose(
    status: ExecutionStatus, *, execution: str = "", seen: LastSeen | None = None, timeout_seconds: float = 0.0
) -> Diagnosis | None:
    """The diagnosis of an execution that is over; None for one that succeeded, or whose own words must tell.

    Args:
        status: the platform's account.
        execution: its resource name, for the commands.
        seen: what was last heard of it.
        timeout_seconds: how long the platform lets a task run; 0: not known.
    """
    ailment = _ailment_of(status, silent=seen is None or seen == LastSeen(task=seen.task))
    if ailment is None:
        return None
    limit = f" of {timeout_seconds:g} s" if ailment is Ailment.TIMED_OUT and timeout_seconds else ""
    words = f": {status.detail.rstrip('.')}" if status.detail else ""
    return Diagnosis(
        ailment=ailment,
        found=f"{_IN_WORDS[ailment]}{limit}{words}",
        remedy=remedy_for(ailment.value, execution),
    )


_IN_WORDS = {
    Ailment.CANCELLED: "somebody cancelled it",
    Ailment.TIMED_OUT: "a task took longer than the platform's task timeout",
    Ailment.OUT_OF_MEMORY: "it ran out of memory",
    Ailment.IMAGE_MISSING: "its image can't be found",
    Ailment.PERMISSION_REFUSED: "a service account lacks a permission",
    Ailment.QUOTA: "a quota is used up",
    Ailment.NOT_STARTED: "its container failed to start",
    Ailment.LOST: "the platform lost it, or it was deleted",
}

_REASONS = {
    "CONTAINER_MISSING": Ailment.IMAGE_MISSING,
    "PUSH_IMAGE_NOT_FOUND": Ailment.IMAGE_MISSING,
    "CONTAINER_PERMISSION_DENIED": Ailment.PERMISSION_REFUSED,
    "CONTAINER_IMAGE_UNAUTHORIZED": Ailment.PERMISSION_REFUSED,
    "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED": Ailment.PERMISSION_REFUSED,
    "ENCRYPTION_KEY_PERMISSION_DENIED": Ailment.PERMISSION_REFUSED,
    "SECRETS_ACCESS_CHECK_FAILED": Ailment.PERMISSION_REFUSED,
    "PROGRESS_DEADLINE_EXCEEDED": Ailment.TIMED_OUT,
    "TIMEOUT": Ailment.TIMED_OUT,
    "EXPIRED": Ailment.QUOTA,
    "HEALTH_CHECK_CONTAINER_ERROR": Ailment.NOT_STARTED,
    "CANCELLED": Ailment.CANCELLED,
    "DELETED": Ailment.LOST,
    "NOT_FOUND": Ailment.LOST,
}
"""The codes of Cloud Run's conditions and of Cloud Build's statuses."""

_WORDS: tuple[tuple[Ailment, re.Pattern[str]], ...] = tuple(
    (ailment, re.compile(pattern, re.IGNORECASE))
    for ailment, pattern in (
        (Ailment.OUT_OF_MEMORY, r"memory limit|out of memory|oom[- ]?kill"),
        (
            Ailment.TIMED_OUT,
            r"maximum timeout|configured timeout|task timeout|deadline exceeded|timed out|timeout was reached",
        ),
        (
            Ailment.PERMISSION_REFUSED,
            r"must have permission|permission .{0,80}denied|denied on resource|does not have .{0,60}(access|permission)"
            r"|unauthenticated request|not authorized",
        ),
        (Ailment.IMAGE_MISSING, r"error pulling|image .{0,300}not found|manifest unknown|failed to pull|imagepull"),
        (Ailment.QUOTA, r"quota|resource[_ ]exhausted|rate limit"),
        (
            Ailment.NOT_STARTED,
            r"failed to start|starting step container failed|failed to create init|exec format error"
            r"|no such file or directory|executable file not found|could not be started",
        ),
    )
)
"""The platforms' words, the more particular before the more general."""


def _ailment_of(status: ExecutionStatus, *, silent: bool) -> Ailment | None:
    """Args: silent: the job itself never said a word."""
    rules: tuple[Callable[[], Ailment | None], ...] = (
        lambda: Ailment.CANCELLED if status.state is ExecutionState.CANCELLED else None,
        lambda: _REASONS.get(status.reason),
        lambda: _by_words(status),
        lambda: Ailment.OUT_OF_MEMORY if status.signal == signal.SIGKILL or status.exit_code == _KILLED else None,
        lambda: Ailment.LOST if status.state is ExecutionState.ENDED and silent else None,
        lambda: Ailment.NOT_STARTED if status.exit_code in {126, 127} and silent else None,
    )
    if status.state in {ExecutionState.SUCCEEDED, ExecutionState.RUNNING}:
        return None
    return next((found for rule in rules if (found := rule()) is not None), None)


def _by_words(status: ExecutionStatus) -> Ailment | None:
    """Only of an ending that the job did not choose: what an exit code of its own says counts more."""
    if status.exit_code is not None and status.exit_code in {65, 75, 78}:
        return None
    return next((ailment for ailment, pattern in _WORDS if pattern.search(status.detail)), None)
