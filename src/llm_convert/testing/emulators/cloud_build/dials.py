"""What differs, or goes wrong, as data: set a dial while the emulator runs, and what comes next meets it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from llm_convert.testing.emulators.google_api.faults import Faults


@dataclass(slots=True, kw_only=True)
class Dials(Faults):
    """The faults of every service, and those of Cloud Build."""

    images: Mapping[str, Sequence[str]] | Collection[str] | None = None
    """The images that exist; with a mapping, each with its ENTRYPOINT, for steps without one.

    None: every image exists, and a step without an entrypoint runs its first argument."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret Manager's versions, ``projects/p/secrets/s/versions/v``, and what they hold."""
    queued_seconds: float = 0.0
    """Between a build's creation and its start."""
    grace_seconds: float = 1.0
    """Between SIGTERM and SIGKILL, for a step that is cancelled or out of time."""
    output_limit_bytes: int = 50 * 1024
    """How much of each step's ``$BUILDER_OUTPUT/output`` a build keeps: 50 KB by today's reference, once 4 KB."""
    project_number: int = 123456789012

    def entrypoint(self, image: str) -> Sequence[str] | None:
        """What an image runs by itself; None: the image does not exist."""
        if self.images is None:
            return ()
        if image not in self.images:
            return None
        return self.images[image] if isinstance(self.images, Mapping) else ()
