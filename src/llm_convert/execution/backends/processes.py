"""Who a process is, so that a recycled pid is never taken for it.

Standard library only: the supervisor of every job imports it, and must be up at once.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def started_at(pid: int) -> str | None:
    """When a process started, as text that is only ever compared; None when no such process lives.

    On Linux this is in clock ticks since the boot, so it identifies a process only together with ``boot``. A zombie
    counts as gone: it does nothing any more.
    """
    if not (_PROC / "self/stat").exists():
        return _started_at_by_ps(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def lives(pid: int, started: str) -> bool:
    """Whether the process with this pid is still the one that started then."""
    return started_at(pid) == started


def boot() -> str:
    """An id of the machine's current boot; empty where there is none to be had."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def host() -> str:
    """The name of the machine, or of the container."""
    return os.uname().nodename


def _started_at_by_ps(pid: int) -> str | None:
    """The same where there is no /proc, such as on macOS."""
    import subprocess

    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None
