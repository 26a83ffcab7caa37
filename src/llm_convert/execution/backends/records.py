"""What a supervisor's files tell of one execution. All it ever writes is the mark that asks for a cancel."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, ExecutionStatus
from llm_convert.errors import ConfigurationError, UnavailableError
from llm_convert.execution.backends import processes
from llm_convert.execution.backends.supervise import HEARTBEAT_SECONDS, cancel_file, exit_file

NAME = "subprocess"
STALE_SECONDS = 6 * HEARTBEAT_SECONDS
"""A supervisor of another machine is taken for dead when its record was not renewed for so long."""
_FACTS = ("pid", "started", "boot", "host", "since", "log")


def find_handle(path: Path) -> ExecutionHandle | None:
    """The handle of the execution whose supervisor left this record; None without a record."""
    record = _read(path)
    if record is None:
        return None
    return ExecutionHandle(
        backend=NAME,
        name=f"pid-{record['pid']}",
        log_url=Path(record["log"]).as_uri(),
        facts={**{name: str(record[name]) for name in _FACTS}, "record": str(path)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution, seen through its handle and its files."""

    path: Path
    """Of the record."""
    facts: dict[str, str]

    @classmethod
    def of(cls, handle: ExecutionHandle) -> Self:
        """The execution of a handle. Raises ConfigurationError for another backend's handle."""
        if handle.backend != NAME or "record" not in handle.facts:
            raise ConfigurationError(
                f"the handle {handle.name!r} is of the backend {handle.backend!r}, not of {NAME!r}",
                remedy=f"Set LLM_CONVERT_BACKEND={handle.backend}.",
            )
        return cls(path=Path(handle.facts["record"]), facts=handle.facts)

    def status(self, *, longest_seconds: float) -> ExecutionStatus:
        """From the exit file; without one, from whether its processes live.

        Args:
            longest_seconds: how long an execution may take; one of an unreachable machine is over after it.

        Raises:
            UnavailableError: it can't be told from here and now.
        """
        ending = self._ending()
        if ending is None and not self._lives(longest_seconds):
            # It may have ended between the two looks.
            ending = self._ending() or self._unknown_ending()
        return ending or ExecutionStatus(state=ExecutionState.RUNNING, stopping=self._cancel_asked)

    def ask_to_stop(self) -> None:
        """Leave the mark and wake the supervisor, which does the rest.

        On another machine the supervisor sees the mark at its next heartbeat.
        """
        try:
            cancel_file(self.path).touch()
        except OSError as error:
            raise UnavailableError(f"{cancel_file(self.path)} can't be written: {error.strerror}") from None
        if self._is_here and (pid := self._living_pid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    @property
    def _is_here(self) -> bool:
        return self.facts["host"] == processes.host()

    @property
    def _cancel_asked(self) -> bool:
        return cancel_file(self.path).exists()

    def _ending(self) -> ExecutionStatus | None:
        ending = _read(exit_file(self.path))
        if ending is None:
            return None
        state = ExecutionState.SUCCEEDED if ending.get("exit_code") == 0 else ExecutionState.FAILED
        return ExecutionStatus(state=ExecutionState.CANCELLED if self._cancel_asked else state, **ending)

    def _unknown_ending(self) -> ExecutionStatus:
        state = ExecutionState.CANCELLED if self._cancel_asked else ExecutionState.ENDED
        return ExecutionStatus(state=state, detail="its supervisor ended without telling how the job did")

    def _lives(self, longest_seconds: float) -> bool:
        if self._is_here:
            return self._living_pid() is not None
        try:
            return time.time() - self.path.stat().st_mtime < STALE_SECONDS
        except OSError:
            if time.time() - float(self.facts["since"]) > longest_seconds:
                return False
        raise UnavailableError(
            f"the execution runs on {self.facts['host']}, and its record can't be seen from {processes.host()}",
            remedy="Run it on that machine, or have LLM_CONVERT_HOME on a disk that both share.",
        )

    def _living_pid(self) -> int | None:
        """The supervisor's pid; the job's where only that is left; None when both are gone."""
        if self.facts["boot"] != processes.boot():
            return None
        known = [(int(self.facts["pid"]), self.facts["started"])]
        record = _read(self.path) or {}
        if "job_pid" in record:
            known.append((int(record["job_pid"]), str(record["job_started"])))
        return next((pid for pid, started in known if processes.lives(pid, started)), None)


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON file that is only ever written whole; None when there is none."""
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(f"{path} can't be read: {error.strerror}") from None
    return value
