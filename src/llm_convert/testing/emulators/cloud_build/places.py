"""Where a step's paths lie on this machine: a process has no ``/workspace`` and no volumes of its own.

They are written in a step as a container would see them. In what the step gives to its process (arguments, variables,
script) they become folders of the build; what a program makes up by itself is out of reach.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from llm_convert.testing.emulators.cloud_build.state import BuildRecord

WORKSPACE = "/workspace"


def places_of(record: BuildRecord, step: Any) -> dict[str, Path]:
    """The paths of a step and their folders, which are there when this returns."""
    found = {WORKSPACE: record.workspace}
    for volume in (*record.message.options.volumes, *step.volumes):
        found[volume.path.rstrip("/")] = record.folder / "volumes" / volume.name
    for folder in found.values():
        folder.mkdir(parents=True, exist_ok=True)
    return found


def placed(text: str, places: dict[str, Path]) -> str:
    """A text with its paths as they are on this machine."""
    if not any(path in text for path in places):
        return text
    paths = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
    # Only where a path starts and ends: neither /my/workspace nor /workspace-2 is ours.
    return re.sub(rf"(?<![\w./-])({paths})(?![\w.-])", lambda match: str(places[match[1]]), text)
