"""Launchers that die at any step on Cloud Run, with lost answers, hidden overrides and late lists: one execution.

The platform is the emulator on the real wire, its executions are real processes, and all that it ever started is
counted.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass

import pytest
from cloud_run_world import MARKED, CloudRunWorld
from execution_world import BSDA, TENANT, LaterClock, item, manifest, request

from llm_convert.clock import SystemClock
from llm_convert.contracts import keys
from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, JobRequest, Launch
from llm_convert.contracts.manifest import Manifest
from llm_convert.errors import UnavailableError
from llm_convert.execution import launch as launching
from llm_convert.execution.backends.cloud_run import CloudRunBackend
from llm_convert.execution.launch import Launched, Unsettled, launch_or_attach, try_launch
from llm_convert.execution.tasks import documents_for_a_model, tasks_for
from llm_convert.objects import read_model
from llm_convert.ports import JobBackend, ObjectStore
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.clock import FakeClock

LATER = launching.INTENT_GRACE_SECONDS + 1
DEATHS = ("never", "before the intent", "after the intent", "after the start", "after the handle")
LATE_SECONDS = 0.4


class Killed(BaseException):
    """The launcher's process is gone."""


@dataclass
class DyingStore:
    """A real store whose launcher dies at its intent or its handle."""

    inner: LocalObjectStore
    death: str

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def create(self, key: str, data: bytes) -> str:
        if self.death == "before the intent":
            raise Killed
        version = self.inner.create(key, data)
        if self.death == "after the intent":
            raise Killed
        return version

    def replace(self, key: str, data: bytes, *, if_version: str) -> str:
        version = self.inner.replace(key, data, if_version=if_version)
        if self.death == "after the handle":
            raise Killed
        return version


class DyingBackend(CloudRunBackend):
    death = "never"

    def start(self, request: JobRequest, run_id: str) -> ExecutionHandle:
        try:
            return super().start(request, run_id)
        finally:
            if self.death == "after the start":
                raise Killed


def first_launcher(cloud: CloudRunWorld, death: str) -> None:
    backend = cloud.backend()
    backend.__class__, backend.death = DyingBackend, death
    store: ObjectStore = DyingStore(inner=cloud.store, death=death)
    try:
        launch_or_attach(store, backend, request(), clock=SystemClock())
    except Killed:
        return


def settle(store: ObjectStore, backend: JobBackend, *, seconds: float) -> Launched | Unsettled:
    """What a next launcher finds within a short time; an outage makes it look again."""
    until = time.monotonic() + seconds
    while True:
        found = try_launch(store, backend, request(), now=SystemClock().now())
        if isinstance(found, Launched) or time.monotonic() > until:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("death", "lost", "hidden", "late"), list(itertools.product(DEATHS, [False, True], [False, True], [False, True]))
)
def test_one_execution_whatever_happens(cloud: CloudRunWorld, death: str, lost: bool, hidden: bool, late: bool):
    cloud.deploy(f"{MARKED} sleep 30")
    dials = cloud.emulator.dials
    dials.lose_run_response, dials.hide_overrides = lost, hidden
    dials.delay_start_seconds = LATE_SECONDS if late else 0.0
    dials.grace_seconds = 0.0
    first_launcher(cloud, death)
    # Whatever comes later must not be lost again, or the test would only show that a lost answer is an error.
    dials.lose_run_response = False
    started = death not in {"before the intent", "after the intent"}
    assert len(cloud.emulator.executions) == started
    seconds = 10 if started or death == "before the intent" else 0.2
    found = settle(cloud.store, cloud.backend(), seconds=seconds)
    if isinstance(found, Unsettled):
        assert death == "after the intent"
        found = launch_or_attach(cloud.store, cloud.backend(), request(), clock=LaterClock(LATER))
    assert [execution.name for execution in cloud.emulator.executions] == [found.handle.name]
    assert cloud.calls("RunJob") == 1
    again = launch_or_attach(cloud.store, cloud.backend(), request(), clock=LaterClock(LATER))
    assert again.attached
    assert again.handle.name == found.handle.name
    assert len(cloud.emulator.executions) == 1


def test_a_container_that_starts_after_the_grace_is_waited_for(cloud: CloudRunWorld):
    backend = cloud.deploy(f"{MARKED} sleep 30")
    cloud.emulator.dials.hide_overrides = True
    cloud.emulator.dials.pending_seconds = 0.8
    first_launcher(cloud, "after the start")
    found = launch_or_attach(cloud.store, backend, request(), clock=LaterClock(LATER))
    assert found.attached
    assert [execution.name for execution in cloud.emulator.executions] == [found.handle.name]


def test_a_late_list_alone_is_enough_to_find_it(cloud: CloudRunWorld):
    backend = cloud.deploy("sleep 30")
    cloud.emulator.dials.delay_start_seconds = LATE_SECONDS
    first_launcher(cloud, "after the start")
    assert isinstance(try_launch(cloud.store, backend, request(), now=SystemClock().now()), Unsettled)
    found = settle(cloud.store, backend, seconds=10)
    assert [execution.name for execution in cloud.emulator.executions] == [found.handle.name]


def test_a_start_that_was_not_answered_is_found_by_its_own_launcher(cloud: CloudRunWorld):
    backend = cloud.deploy("exit 75")
    cloud.emulator.dials.lose_run_response = True
    found = launch_or_attach(cloud.store, backend, request(), clock=LaterClock(0.001))
    assert (found.attached, found.run_id) == (False, "night-1-01")
    assert [execution.name for execution in cloud.emulator.executions] == [found.handle.name]
    stored = read_model(cloud.store, keys.launch(TENANT, BSDA, "night-1-01"), Launch)
    assert stored.handle == found.handle


def test_a_start_that_failed_is_not_repeated_by_its_launcher(cloud: CloudRunWorld):
    backend = cloud.deploy("true")
    cloud.emulator.dials.fail_next["RunJob"] = ["UNAVAILABLE"]
    clock = FakeClock()
    with pytest.raises(UnavailableError, match="did not go through"):
        launch_or_attach(cloud.store, backend, request(), clock=clock)
    assert launching.LOST_ANSWER_SECONDS <= sum(clock.slept) < launching.INTENT_GRACE_SECONDS
    assert (cloud.calls("RunJob"), len(cloud.emulator.executions)) == (1, 0)


def test_launchers_that_race_start_one(cloud: CloudRunWorld):
    cloud.deploy(f"{MARKED} sleep 30")
    found: list[Launched] = []

    def launch() -> None:
        found.append(launch_or_attach(cloud.store, cloud.backend(), request(), clock=LaterClock(0.001)))

    threads = [threading.Thread(target=launch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({launched.handle.name for launched in found}) == 1
    assert [launched.attached for launched in found].count(False) == 1
    assert len(cloud.emulator.executions) == 1


def test_a_failed_execution_is_started_anew_and_a_running_one_is_not(cloud: CloudRunWorld):
    backend = cloud.deploy("exit 75")
    first = launch_or_attach(cloud.store, backend, request(), clock=SystemClock())
    while not backend.status(first.handle).over:
        time.sleep(0.02)
    cloud.deploy("sleep 30")
    second = launch_or_attach(cloud.store, backend, request(), clock=SystemClock())
    assert (second.run_id, second.attached) == ("night-1-02", False)
    assert launch_or_attach(cloud.store, backend, request(), clock=SystemClock()).handle == second.handle
    assert backend.status(second.handle).state is ExecutionState.RUNNING


def crawl(store: ObjectStore, documents: int, *, tidy: int = 0, unmapped: int = 0) -> None:
    lines = list(manifest(*range(documents + tidy + unmapped)).entries)
    entries = [entry.model_copy(update={"file_id": "WEEKLY"}) for entry in lines[:documents]]
    entries += [entry.model_copy(update={"file_id": "PRICES", "table": "prices"}) for entry in lines[documents:][:tidy]]
    entries += lines[documents + tidy :]
    whole = Manifest(tenant=TENANT, bsda=BSDA, source="sbb4e91e", entries=tuple(entries))
    store.create(keys.documents(TENANT, BSDA, "sbb4e91e"), whole.to_json())


@pytest.mark.parametrize(
    ("documents", "changes", "settings", "tasks"),
    [
        (0, {}, {}, 1),
        (40, {}, {}, 1),
        (41, {}, {}, 2),
        (1000, {}, {}, 10),
        (1000, {"file_id": "OTHER"}, {}, 1),
        (41, {}, {"job_tasks": 7}, 7),
        (41, {"tasks": 3}, {"job_tasks": 7}, 3),
    ],
)
def test_tasks_are_chosen_from_the_work(cloud: CloudRunWorld, documents, changes, settings, tasks):
    crawl(cloud.store, documents, tidy=50, unmapped=50)
    assert tasks_for(cloud.store, cloud.backend(**settings), request(**changes)) == tasks


def test_the_chosen_number_is_run_and_kept(cloud: CloudRunWorld):
    crawl(cloud.store, 81)
    assert documents_for_a_model(cloud.store, request()) == 81
    backend = cloud.deploy("true")
    launched = launch_or_attach(cloud.store, backend, request(), clock=SystemClock())
    launch = read_model(cloud.store, keys.launch(TENANT, BSDA, launched.run_id), Launch)
    assert launch.request.tasks == cloud.emulator.executions[0].task_count == 3


def test_a_finished_run_is_not_started_again(cloud: CloudRunWorld):
    from execution_world import report

    backend = cloud.deploy("true")
    first = launch_or_attach(cloud.store, backend, request(), clock=SystemClock())
    cloud.store.create(keys.report(TENANT, BSDA, first.run_id), report(first.run_id, item(1)).to_json())
    while not backend.status(first.handle).over:
        time.sleep(0.02)
    assert launch_or_attach(cloud.store, backend, request(), clock=SystemClock()).finished is not None
    assert len(cloud.emulator.executions) == 1
