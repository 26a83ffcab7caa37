"""Launchers that die, or hear an error, at any of their steps: there is never more than one execution.

The store is real. The backend is a platform in memory with dials, since dying has to be possible between any two steps,
a thousand times in a few seconds; ``test_launch_once`` does the same with real processes at the main points.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from execution_world import request
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, ExecutionStatus, JobRequest
from llm_convert.errors import StoreError, UnavailableError
from llm_convert.execution.launch import launch_or_attach
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.clock import FakeClock


class Killed(BaseException):
    """The launcher's process is gone."""


class Fate:
    """Counts the steps of one launcher, and ends it before or after one of them."""

    def __init__(self, step: int | None, how: str) -> None:
        self.left, self.how = step, how

    def meets(self, moment: str) -> bool:
        if self.left is None or not self.how.endswith(moment):
            return False
        self.left -= 1
        return self.left < 0

    def run(self, action, error: type[Exception]):
        if self.meets("before"):
            self._end(error)
        result = action()
        if self.meets("after"):
            self._end(error)
        return result

    def _end(self, error: type[Exception]) -> None:
        self.left = None
        raise Killed if self.how.startswith("killed") else error("it does not answer")


class FatefulStore(LocalObjectStore):
    fate = Fate(None, "")

    def create(self, key, data):
        return self.fate.run(lambda: LocalObjectStore.create(self, key, data), StoreError)

    def replace(self, key, data, *, if_version):
        return self.fate.run(lambda: LocalObjectStore.replace(self, key, data, if_version=if_version), StoreError)

    def read(self, key):
        return self.fate.run(lambda: LocalObjectStore.read(self, key), StoreError)

    def list(self, prefix):
        return self.fate.run(lambda: iter([*LocalObjectStore.list(self, prefix)]), StoreError)


class Platform:
    name = "in-memory"
    max_tasks = job_tasks = 1

    def __init__(self) -> None:
        self.fate = Fate(None, "")
        self.states: dict[str, ExecutionState] = {}
        self.starts: list[str] = []

    def start(self, request: JobRequest, run_id: str) -> ExecutionHandle:
        def effect() -> ExecutionHandle:
            self.starts.append(run_id)
            self.states[run_id] = ExecutionState.RUNNING
            return ExecutionHandle(backend=self.name, name=run_id)

        return self.fate.run(effect, UnavailableError)

    def find(self, request: JobRequest, run_id: str, *, marker: str = "") -> ExecutionHandle | None:
        known = ExecutionHandle(backend=self.name, name=run_id) if run_id in self.states else None
        return self.fate.run(lambda: known, UnavailableError)

    def status(self, handle: ExecutionHandle) -> ExecutionStatus:
        return self.fate.run(lambda: ExecutionStatus(state=self.states[handle.name]), UnavailableError)

    def cancel(self, handle: ExecutionHandle) -> None:
        self.states[handle.name] = ExecutionState.CANCELLED

    def logs(self, handle: ExecutionHandle) -> str:
        return ""

    @property
    def running(self) -> list[str]:
        return [run_id for run_id, state in self.states.items() if state is ExecutionState.RUNNING]


FATES = st.tuples(
    st.none() | st.integers(0, 8),
    st.sampled_from(["killed before", "killed after", "error before", "error after"]),
)


@settings(max_examples=40, deadline=None)
@given(fates=st.lists(FATES, max_size=4), job_dies=st.booleans())
def test_no_matter_where_launchers_end_one_execution_runs(fates, job_dies):
    with tempfile.TemporaryDirectory() as folder:
        store, platform, clock = FatefulStore(Path(folder)), Platform(), FakeClock()
        for step, how in fates:
            store.fate = platform.fate = Fate(step, how)
            with contextlib.suppress(Killed, UnavailableError):
                launch_or_attach(store, platform, request(), clock=clock)
            assert len(platform.running) <= 1
        store.fate = platform.fate = Fate(None, "")
        if job_dies:
            for run_id in platform.running:
                platform.states[run_id] = ExecutionState.FAILED
        found = launch_or_attach(store, platform, request(), clock=clock)
        assert platform.running == [found.run_id]
        assert len(platform.starts) == len(set(platform.starts)), "a run was started twice"
        assert launch_or_attach(store, platform, request(), clock=clock).attached
