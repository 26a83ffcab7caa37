"""What differs, or goes wrong, as data: set a dial while the emulator runs, and what comes next meets it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from llm_convert.testing.emulators.google_api.faults import Faults


@dataclass(slots=True, kw_only=True)
class Dials(Faults):
    """The faults of every service, and those of Cloud Run."""

    images: Mapping[str, Sequence[str]] | Collection[str] | None = None
    """The images that exist; with a mapping, each with its ENTRYPOINT, for containers without a command.

    None: every image exists and has no entrypoint."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret Manager's secrets by name, for variables with a ``secretKeyRef``."""
    failed_execution_as: Literal["error", "execution"] = "error"
    """How the operation of a failed execution ends: with its error, or with the Execution as its response."""
    lose_run_response: bool = False
    """Executions start, and whoever asked for them never hears of it: the connection is cut."""
    delay_start_seconds: float = 0.0
    """How long a started execution is missing from lists; asked for by name it is there at once."""
    pending_seconds: float = 0.0
    """Between an execution's creation and the start of its first container."""
    hide_overrides: bool = False
    """The template of an execution shows the job's own environment and arguments, without what the caller overrode."""
    grace_seconds: float = 10.0
    """Between SIGTERM and SIGKILL."""
    retry_delay_seconds: float = 0.0
    """Between a task's attempts."""
    enforce_memory_limit: bool = False
    """Attempts that hold more than the container's ``memory`` limit (512Mi by default) are killed; Linux only."""

    def entrypoint(self, image: str) -> Sequence[str] | None:
        """What an image runs by itself; None: the image does not exist."""
        if self.images is None:
            return ()
        if image not in self.images:
            return None
        return self.images[image] if isinstance(self.images, Mapping) else ()
