"""Real local processes in place of containers: started in a group of their own, watched, ended without a rest.

POSIX only. No shell is involved: a command is a list.
"""

from __future__ import annotations

import heapq
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_INHERITED = ("HOME", "LANG")
_MEMORY_LOOK_SECONDS = 0.05
EXIT_NOT_FOUND = 127
"""What a shell answers for a command that is not there."""


def base_environment() -> dict[str, str]:
    """The little that a process needs of this one: PATH (with this interpreter first), HOME, LANG and PYTHONPATH."""
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    if os.environ.get("PYTHONPATH"):
        folders = os.environ["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    return environment


class Alarms:
    """Runs short callables at their times, in one thread for all, so that hundreds of processes cost no threads."""

    def __init__(self, name: str) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Run it once, that many seconds from now; it must not raise and must not wait."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._count), call))
            self._changed.notify()

    def stop(self) -> None:
        """Run nothing any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            call()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None


class LocalProcess:
    """One process group. ``end`` and ``kill`` may be called from any thread, at any time.

    Args:
        command: the program and its arguments.
        environment: the whole of it.
        folder: where it stands.
        log: a file that gets its stdout and stderr as one.
        alarms: who sees to its time limit.

    Raises:
        OSError: the program is not there or can't be run.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        alarms: Alarms,
    ) -> None:
        self.cause = ""
        """Why it was ended from outside: what the first ``end`` said; empty: it ended by itself."""
        self._alarms = alarms
        self._lock = threading.Lock()
        self._over = False
        program = _which(command[0], environment, folder)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [program, *command[1:]],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> int:
        """Its exit code, or minus the signal that ended it. What it left behind in its group is killed."""
        # Without reaping: until the leader is reaped nobody else can get its id, so the group can be killed safely.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._signal(signal.SIGKILL)
            self._over = True
        return self._process.wait()

    def end(self, cause: str, *, grace_seconds: float) -> None:
        """SIGTERM now, SIGKILL after the grace; without waiting for either."""
        with self._lock:
            if self._over or self.cause:
                return
            self.cause = cause
            self._signal(signal.SIGTERM)
        self._alarms.after(grace_seconds, self._kill_if_running)

    def kill(self, cause: str) -> None:
        """SIGKILL now."""
        with self._lock:
            if not self._over:
                self.cause = self.cause or cause
                self._signal(signal.SIGKILL)

    def limit_time(self, seconds: float, *, grace_seconds: float, cause: str = "timeout") -> None:
        """``end`` it when it runs longer than that."""
        self._alarms.after(seconds, lambda: self.end(cause, grace_seconds=grace_seconds))

    def limit_memory(self, limit_bytes: int, *, cause: str = "memory") -> None:
        """``kill`` it when its group holds more than that (resident, all processes together); Linux only."""
        if self._over:
            return
        if _resident_bytes(self._process.pid) > limit_bytes:
            self.kill(cause)
            return
        self._alarms.after(_MEMORY_LOOK_SECONDS, lambda: self.limit_memory(limit_bytes, cause=cause))

    def _kill_if_running(self) -> None:
        self.kill(self.cause)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # The whole group is gone already.


def _which(program: str, environment: Mapping[str, str], folder: Path) -> str:
    """The program's path by the process's own PATH, not by ours. Raises FileNotFoundError."""
    if "/" in program:
        return str(folder / program)
    for place in environment.get("PATH", os.defpath).split(os.pathsep):
        candidate = Path(place or ".") / program
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    raise FileNotFoundError(f'exec: "{program}": executable file not found in $PATH')


def _resident_bytes(group: int) -> int:
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold spaces; what follows it does not.
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            total += int(fields[21]) * page
    return total
