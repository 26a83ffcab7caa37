"""What every job backend must do. Subclass it with a ``backend_for`` fixture."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import uuid
from collections.abc import Callable, Sequence

import pytest

from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, ExecutionStatus, JobRequest, run_id_of
from llm_convert.ports import JobBackend

BackendFor = Callable[[Sequence[str]], JobBackend]
LONGEST_SECONDS = 30.0


class JobBackendContract:
    """The promises of ``ports.JobBackend``. Needs ``sh`` where the jobs run."""

    knows_signals = True
    """Whether the platform tells which signal ended a job."""
    cancel_overrules_success = True
    """Whether a cancelled job that all the same exits with 0 counts as cancelled."""

    tells_stopping = True
    """Whether the platform tells of an execution that runs that its cancel was asked for."""

    @pytest.fixture
    def backend_for(self) -> BackendFor:
        """A function that gives a backend whose job is this command. All of a test's share one platform.

        Backends must be picklable: one is handed to a process that is killed.
        """
        raise NotImplementedError("override the fixture 'backend_for'")

    @pytest.fixture
    def request_(self) -> JobRequest:
        """A request of its own for every test."""
        return JobRequest(
            tenant="c8cd3500",
            bsda="20251107140000",
            file_id="WEEKLY_PROFIT_AND_LOSS",
            launch_key=f"contract-{uuid.uuid4().hex[:8]}",
        )

    def test_success_is_told(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """Exit code 0, and the handle names its backend."""
        backend = backend_for(shell("exit 0"))
        handle = backend.start(request_, run_id(request_))
        assert handle.backend == backend.name
        assert handle.name
        assert wait_for_end(backend, handle).state is ExecutionState.SUCCEEDED

    @pytest.mark.parametrize("code", [1, 65, 75, 78])
    def test_exit_codes_are_told(self, backend_for: BackendFor, request_: JobRequest, code: int) -> None:
        """They say whether trying again may help."""
        backend = backend_for(shell(f"exit {code}"))
        status = wait_for_end(backend, backend.start(request_, run_id(request_)))
        assert (status.state, status.exit_code, status.signal) == (ExecutionState.FAILED, code, None)

    def test_signals_are_told(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """A job that the kernel killed did not exit."""
        backend = backend_for(shell("kill -KILL $$"))
        status = wait_for_end(backend, backend.start(request_, run_id(request_)))
        assert status.state is ExecutionState.FAILED
        if self.knows_signals:
            assert (status.exit_code, status.signal) == (None, signal.SIGKILL)

    def test_the_job_is_told_what_to_do(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """By the variables of its boundary; what is not asked for is not set."""
        run = run_id(request_)
        expected = f"c8cd3500 20251107140000 WEEKLY_PROFIT_AND_LOSS unset {run} false"
        told = "$TENANT_CODE $BSDA $FILE_ID ${PROMPT_ID-unset} $LLM_CONVERT_RUN_ID $LLM_CONVERT_FORCE"
        backend = backend_for(shell(f'test "{told}" = "{expected}"'))
        assert wait_for_end(backend, backend.start(request_, run)).state is ExecutionState.SUCCEEDED

    def test_nothing_is_found_that_never_started(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """Neither under another run of the same work."""
        backend = backend_for(shell("exit 0"))
        assert backend.find(request_, run_id(request_)) is None
        backend.start(request_, run_id(request_))
        assert backend.find(request_, run_id(request_, attempt=2)) is None

    def test_another_process_finds_it(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """By the run alone, or by a handle that was stored as JSON; while it runs and after."""
        backend, other = backend_for(shell("sleep 0.5; exit 75")), backend_for(shell("exit 0"))
        handle = backend.start(request_, run_id(request_))
        found = other.find(request_, run_id(request_))
        assert found is not None
        assert found.name == handle.name
        stored = ExecutionHandle.from_json(handle.to_json())
        assert other.status(stored).state is ExecutionState.RUNNING
        assert wait_for_end(other, stored).exit_code == 75
        again = other.find(request_, run_id(request_))
        assert again is not None
        assert other.status(again).exit_code == 75

    def test_it_survives_its_launcher(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """A launcher that is killed right after the start takes nothing along, and its execution is found."""
        backend = backend_for(shell("sleep 0.3; exit 0"))
        launcher = multiprocessing.get_context("spawn").Process(
            target=start_and_die, args=(backend, request_, run_id(request_))
        )
        launcher.start()
        launcher.join(LONGEST_SECONDS)
        assert launcher.exitcode == -signal.SIGKILL
        handle = backend.find(request_, run_id(request_))
        assert handle is not None
        assert wait_for_end(backend, handle).state is ExecutionState.SUCCEEDED

    def test_cancel_stops_it(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """The job gets SIGTERM and may clean up; its end counts as cancelled."""
        code = 0 if self.cancel_overrules_success else 75
        trap = f"trap 'echo stopping; exit {code}' TERM"
        backend = backend_for(shell(f"{trap}; echo ready; while :; do sleep 0.05; done"))
        handle = backend.start(request_, run_id(request_))
        wait_until(lambda: "ready" in (log := backend.logs(handle)) or log == handle.log_url, seconds=2)
        before = time.monotonic()
        backend.cancel(handle)
        assert time.monotonic() - before < 5
        status = backend.status(handle)
        assert status.over or status.stopping or not self.tells_stopping
        assert wait_for_end(backend, handle).state is ExecutionState.CANCELLED

    def test_cancelling_what_is_over_does_nothing(self, backend_for: BackendFor, request_: JobRequest) -> None:
        """A success stays one."""
        backend = backend_for(shell("exit 0"))
        handle = backend.start(request_, run_id(request_))
        wait_for_end(backend, handle)
        backend.cancel(handle)
        assert backend.status(handle).state is ExecutionState.SUCCEEDED


def shell(script: str) -> tuple[str, ...]:
    """A job that is a shell script."""
    return ("sh", "-c", script)


def run_id(request: JobRequest, *, attempt: int = 1) -> str:
    """The run of a request's attempt."""
    return run_id_of(request.launch_key, attempt)


def start_and_die(backend: JobBackend, request: JobRequest, run: str) -> None:
    """Start an execution and be killed before anything else is done."""
    backend.start(request, run)
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_end(backend: JobBackend, handle: ExecutionHandle) -> ExecutionStatus:
    """The status of an execution that is over."""
    wait_until(lambda: backend.status(handle).over, seconds=LONGEST_SECONDS)
    status = backend.status(handle)
    assert status.over, f"it still runs after {LONGEST_SECONDS} s"
    return status


def wait_until(holds: Callable[[], bool], *, seconds: float) -> None:
    """Return as soon as a condition holds, or the time is over."""
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
