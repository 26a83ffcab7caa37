"""The parent of one job process: it outlives whoever launched the job and keeps how the job ended.

    python -m llm_convert.execution.backends.supervise RECORD LOG GRACE_SECONDS -- COMMAND...

It detaches, writes RECORD (who supervises, who works), and starts COMMAND in a process group of its own; the process
that was called ends as soon as RECORD is there. SIGTERM is passed on to the job; GRACE_SECONDS later the job's whole
group gets SIGKILL. When the job is over, ``RECORD.exit.json`` tells its exit code or signal. A file ``RECORD.cancel``
asks for the same as SIGTERM, from other machines.

RECORD is created only if absent: a run has one supervisor, however often it is started. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llm_convert.execution.backends import processes

HEARTBEAT_SECONDS = 5.0
"""How often the record's modification time is renewed: the only sign of life that another machine can see."""
EXIT_NO_COMMAND = 78
"""The command can't be started: the configuration is at fault."""


def exit_file(record: Path) -> Path:
    """Where the job's ending is told."""
    return record.with_suffix(".exit.json")


def cancel_file(record: Path) -> Path:
    """The mark that somebody asked for a cancel."""
    return record.with_suffix(".cancel")


def main(arguments: Sequence[str]) -> int:
    """Detach, then supervise. In the process that was called: 0 as soon as the record exists, 1 if it never will."""
    record, log, grace = Path(arguments[0]), arguments[1], float(arguments[2])
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(write_end)
        return 0 if os.read(read_end, 1) else 1
    os.close(read_end)
    os.setsid()
    facts = {
        "pid": os.getpid(),
        "started": processes.started_at(os.getpid()),
        "boot": processes.boot(),
        "host": processes.host(),
        "since": time.time(),
        "log": log,
    }
    # It listens before anybody can find it: a SIGTERM must never hit a supervisor that would just die of it.
    supervisor = _Supervisor(record, facts, grace)
    ours = _create(record, facts)
    # Whoever waited may have been killed meanwhile; the job is started all the same, since its record says so.
    with contextlib.suppress(BrokenPipeError):
        os.write(write_end, b"1")
    os.close(write_end)
    if ours:
        supervisor.run(arguments[arguments.index("--") + 1 :])
    return 0


class _Supervisor:
    """One job from its start to its end."""

    def __init__(self, record: Path, facts: dict[str, Any], grace_seconds: float) -> None:
        self._record, self._facts, self._grace_seconds = record, facts, grace_seconds
        self._terminated = False
        self._kill_at: float | None = None
        self._wake = self._listen()

    def run(self, command: Sequence[str]) -> None:
        """Start the job, wait for its end and tell it."""
        try:
            job = _spawn(command)
        except OSError as error:
            ending = {"exit_code": EXIT_NO_COMMAND, "detail": f"{command[0]} can't be started: {error.strerror}"}
            _replace(exit_file(self._record), ending)
            return
        _replace(self._record, {**self._facts, "job_pid": job, "job_started": processes.started_at(job)})
        code = self._wait(job)
        _replace(exit_file(self._record), {"signal": -code} if code < 0 else {"exit_code": code})

    def _listen(self) -> int:
        """Have signals end a ``select``: the file descriptor to wait on."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return read_end

    def _on_sigterm(self, *_: object) -> None:
        self._terminated = True

    def _wait(self, job: int) -> int:
        """The job's exit code, or its signal as a negative number."""
        while True:
            pid, status = os.waitpid(job, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            self._stop_if_asked(job)
            with contextlib.suppress(OSError):
                os.utime(self._record)
            due = HEARTBEAT_SECONDS if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())
            select.select([self._wake], [], [], min(due, HEARTBEAT_SECONDS))
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)

    def _stop_if_asked(self, job: int) -> None:
        if self._kill_at is None:
            if self._terminated or cancel_file(self._record).exists():
                os.kill(job, signal.SIGTERM)
                self._kill_at = time.monotonic() + self._grace_seconds
        elif time.monotonic() >= self._kill_at:
            os.killpg(job, signal.SIGKILL)
            self._kill_at = time.monotonic() + HEARTBEAT_SECONDS


def _spawn(command: Sequence[str]) -> int:
    # Python ignores these two; an ignored signal would stay ignored in the job.
    defaults = [signal.SIGPIPE, signal.SIGXFSZ]
    return os.posix_spawnp(command[0], list(command), os.environ, setpgroup=0, setsigdef=defaults)


def _create(path: Path, value: dict[str, Any]) -> bool:
    """Write a file whole and only if it is absent; False when somebody else was first."""
    temporary = _temporary(path, value)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def _replace(path: Path, value: dict[str, Any]) -> None:
    """Write a file whole. A full disk must not end the supervision: the job's messages can still tell its end."""
    with contextlib.suppress(OSError):
        _temporary(path, value).replace(path)


def _temporary(path: Path, value: dict[str, Any]) -> Path:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    return temporary


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
