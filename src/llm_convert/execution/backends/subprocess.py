"""Executions as processes of this machine, each with a supervisor that outlives whoever launched it.

What is known of one lies below ``<home>/executions/<tenant>/<bsda>/``: ``<run id>.json`` says who runs it,
``<run id>.exit.json`` how it ended, ``<run id>.cancel`` that a cancel was asked for. Its output goes to
``<home>/logs/<tenant>/<bsda>/<run id>.log``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus, JobRequest
from llm_convert.errors import ConfigurationError, UnavailableError
from llm_convert.execution.backends.records import NAME, Execution, find_handle
from llm_convert.settings import Settings

CANCEL_GRACE_SECONDS = 12.0
"""From SIGTERM to SIGKILL: the job promises to finish or release what it holds within 10 s."""
START_TIMEOUT_SECONDS = 60.0
LOG_LINES = 50
_LOG_TAIL_BYTES = 64_000
_OURS = ("LLM_CONVERT_", "CLOUD_RUN_")
_OUR_NAMES = {"TENANT_CODE", "BSDA", "FILE_ID", "PROMPT_ID"}


class SubprocessBackend:
    """Runs the job as a process of this machine.

    Args:
        settings: what the job gets as its environment; ``home`` also says where executions are kept.
        command: the job; by default ``python -m llm_convert.job`` of this interpreter.
        grace_seconds: from a cancel's SIGTERM to its SIGKILL.
    """

    def __init__(
        self, settings: Settings, *, command: Sequence[str] | None = None, grace_seconds: float = CANCEL_GRACE_SECONDS
    ) -> None:
        self._settings = settings
        self._command = tuple(command or (sys.executable, "-m", "llm_convert.job"))
        self._grace_seconds = grace_seconds

    @property
    def name(self) -> str:
        """``subprocess``."""
        return NAME

    @property
    def max_tasks(self) -> int:
        """One: this machine has no more room when its job is cut in pieces."""
        return 1

    @property
    def job_tasks(self) -> int:
        """One."""
        return 1

    def start(self, request: JobRequest, run_id: str) -> ExecutionHandle:
        """Start the job's supervisor and return once it has left its record.

        A run that was started before is not started again: its handle is returned.

        Raises:
            ConfigurationError: the home folder can't be written.
            UnavailableError: the supervisor did not come up; it may still do so.
        """
        record, log = self._record(request, run_id), self._log(request, run_id)
        supervise = [sys.executable, "-m", "llm_convert.execution.backends.supervise"]
        arguments = [str(record), str(log), str(self._grace_seconds), "--", *self._command]
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            log.parent.mkdir(parents=True, exist_ok=True)
            output = log.open("ab")
        except OSError as error:
            raise ConfigurationError(
                f"{error.filename} can't be written: {error.strerror}",
                remedy="Set LLM_CONVERT_HOME to a writable folder.",
            ) from None
        with output:
            _run_detached([*supervise, *arguments], self._environment(request, run_id), output.fileno(), log)
        handle = find_handle(record)
        if handle is None:
            raise UnavailableError(f"the supervisor of run {run_id} left no record", remedy=f"Read {log}")
        return handle

    def find(self, request: JobRequest, run_id: str, *, marker: str = "") -> ExecutionHandle | None:  # noqa: ARG002
        """The execution whose supervisor left a record for this run; the record needs no marker."""
        return find_handle(self._record(request, run_id))

    def status(self, handle: ExecutionHandle) -> ExecutionStatus:
        """How it stands: cancelled when a cancel was asked for, ended when nobody was left to keep its exit code.

        Raises:
            UnavailableError: its files can't be read now.
        """
        return Execution.of(handle).status(longest_seconds=self._settings.job_timeout_seconds)

    def cancel(self, handle: ExecutionHandle) -> None:
        """SIGTERM to the job; the supervisor kills its process group after the grace."""
        if not self.status(handle).over:
            Execution.of(handle).ask_to_stop()

    def logs(self, handle: ExecutionHandle) -> str:
        """The last 50 lines of what the job wrote to stdout and stderr."""
        try:
            with Path(handle.facts.get("log", "")).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _LOG_TAIL_BYTES))
                tail = file.read()
        except OSError:
            return ""
        return "\n".join(tail.decode(errors="replace").splitlines()[-LOG_LINES:])

    def _record(self, request: JobRequest, run_id: str) -> Path:
        return self._settings.home.absolute() / "executions" / request.tenant / request.bsda / f"{run_id}.json"

    def _log(self, request: JobRequest, run_id: str) -> Path:
        return self._settings.home.absolute() / "logs" / request.tenant / request.bsda / f"{run_id}.log"

    def _environment(self, request: JobRequest, run_id: str) -> dict[str, str]:
        """The variables of this process without any that would speak of another run, then those of this run."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_OURS) and k not in _OUR_NAMES}
        asked = {"FILE_ID": request.file_id, "PROMPT_ID": request.prompt_id}
        return {
            "PYTHONUNBUFFERED": "1",
            **inherited,
            **self._settings.to_environment(),
            **{name: value for name, value in asked.items() if value},
            "TENANT_CODE": request.tenant,
            "BSDA": request.bsda,
            "LLM_CONVERT_RUN_ID": run_id,
            "LLM_CONVERT_FORCE": str(request.force).lower(),
        }


def _run_detached(command: list[str], environment: dict[str, str], output: int, log: Path) -> None:
    """Run a command that detaches itself and then ends; what it leaves behind survives the end of this process."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            timeout=START_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        found = f"the supervisor could not be started: {type(error).__name__}"
        raise UnavailableError(found, remedy=f"Read {log}") from None
    if done.returncode != 0:
        raise UnavailableError(f"the supervisor ended with exit code {done.returncode}", remedy=f"Read {log}")
