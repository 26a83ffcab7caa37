"""Real launchers, killed for real. Every process that a backend starts leaves a mark, and the marks are counted."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from execution_world import BSDA, TENANT, World, item, manifest, request, wait_for

from llm_convert.clock import SystemClock
from llm_convert.contracts import keys
from llm_convert.contracts.launch import Launch
from llm_convert.contracts.work import Cause
from llm_convert.errors import ConfigurationError
from llm_convert.execution import launch as launching
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.execution.errors import LaunchUnsettledError, OtherBackendError
from llm_convert.execution.launch import Launched, Unsettled, launch_or_attach, try_launch
from llm_convert.objects import read_model
from llm_convert.settings import Settings
from llm_convert.testing.clock import FakeClock

LONGER_THAN_THE_GRACE = launching.INTENT_GRACE_SECONDS + 1
DYING_LAUNCHER = """
import os, signal, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from execution_world import World, request
from llm_convert.clock import SystemClock
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.execution.launch import launch_or_attach
from llm_convert.settings import Settings
from llm_convert.stores.local import LocalObjectStore

home, when, script = Path(sys.argv[2]), sys.argv[3], sys.argv[4]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Dying(SubprocessBackend):
    def start(self, request, run_id):
        if when == "before start":
            die()
        if when == "within start":
            subprocess.run = lambda *args, timeout, check, **kw: (subprocess.Popen(*args, **kw), die())
        handle = super().start(request, run_id)
        if when == "after start":
            die()
        return handle

store = LocalObjectStore(home / "store")
backend = Dying(Settings(home=home), command=("sh", "-c", script), grace_seconds=0.3)
launch_or_attach(store, backend, request(), clock=SystemClock())
die()
"""


def launch_and_die(world: World, when: str, script: str) -> None:
    marked = f'touch "{world.marks}/$LLM_CONVERT_RUN_ID.$$"; {script}'
    arguments = [str(Path(__file__).parent), str(world.home), when, marked]
    ended = subprocess.run([sys.executable, "-c", DYING_LAUNCHER, *arguments], check=False)
    assert ended.returncode == -signal.SIGKILL


def stored(world: World, run_id: str) -> Launch:
    return read_model(world.store, keys.launch(TENANT, BSDA, run_id), Launch)


def intend(world: World, run_id: str, **changes: object) -> Launch:
    """An intent as a launcher leaves it that was killed right after."""
    launch = Launch(
        request=request(), run_id=run_id, backend="subprocess", intended_at=SystemClock().now().isoformat()
    ).model_copy(update=changes)
    world.store.create(keys.launch(TENANT, BSDA, run_id), launch.to_json())
    return launch


def test_the_first_launch_starts_and_the_second_attaches(world: World):
    backend = world.shell("sleep 20")
    first = world.launch(backend)
    assert (first.run_id, first.attached, first.finished) == ("night-1-01", False, None)
    second = world.launch(backend)
    assert (second.run_id, second.attached, second.handle) == ("night-1-01", True, first.handle)
    assert stored(world, "night-1-01").handle == first.handle
    wait_for(lambda: world.started)
    assert world.started == ["night-1-01"]


@pytest.mark.parametrize("when", ["within start", "after start", "after the handle"])
def test_a_launcher_killed_once_it_began_to_start_leaves_one_process(world: World, when: str):
    launch_and_die(world, when, "sleep 20")
    assert (stored(world, "night-1-01").handle is not None) == (when == "after the handle")
    found = world.launch(world.shell("sleep 20"))
    assert (found.run_id, found.attached) == ("night-1-01", True)
    assert stored(world, "night-1-01").handle == found.handle
    wait_for(lambda: world.started)
    assert world.started == ["night-1-01"]


def test_a_launcher_killed_before_its_start_is_waited_for_and_then_replaced(world: World):
    launch_and_die(world, "before start", "sleep 20")
    backend = world.shell("sleep 20")
    young = try_launch(world.store, backend, request(), now=SystemClock().now())
    assert isinstance(young, Unsettled)
    assert "can't be found" in young.reason
    found = world.launch(backend, later=LONGER_THAN_THE_GRACE)
    assert (found.run_id, found.attached) == ("night-1-02", False)
    abandoned = stored(world, "night-1-01")
    assert (abandoned.handle, abandoned.abandoned_at is not None) == (None, True)
    wait_for(lambda: world.started)
    assert world.started == ["night-1-02"]


def test_of_many_launchers_at_once_one_starts(world: World):
    backend, found = world.shell("sleep 20"), []
    ready = threading.Barrier(6)

    def run() -> None:
        ready.wait()
        found.append(world.launch(backend))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {launched.run_id for launched in found} == {"night-1-01"}
    assert sum(not launched.attached for launched in found) == 1
    wait_for(lambda: world.started)
    assert world.started == ["night-1-01"]


def test_a_launcher_that_stood_still_cancels_what_it_started(world: World):
    """It wakes up after its intent was abandoned: it must not leave a second execution behind."""

    class Slow(SubprocessBackend):
        def start(self, request, run_id):
            if run_id == "night-1-01":
                other = world.launch(world.shell("sleep 20"), later=LONGER_THAN_THE_GRACE)
                assert other.run_id == "night-1-02"
            return super().start(request, run_id)

    found = world.launch(world.backend(("sh", "-c", "sleep 20"), kind=Slow))
    assert (found.run_id, found.attached) == ("night-1-02", True)
    backend = world.shell("true")
    late = backend.find(request(), "night-1-01")
    assert late is not None
    wait_for(lambda: backend.status(late).over)
    assert not backend.status(found.handle).over


def test_an_execution_that_is_being_cancelled_is_not_attached_to(world: World):
    backend = world.shell(
        "trap '' TERM; touch ready; while :; do sleep 0.05; done".replace("ready", f"{world.home}/ready")
    )
    first = world.launch(backend)
    wait_for((world.home / "ready").exists)
    backend.cancel(first.handle)
    dying = try_launch(world.store, backend, request(), now=SystemClock().now())
    assert isinstance(dying, Unsettled)
    assert "cancelled" in dying.reason
    after = world.launch(backend)
    assert (after.run_id, after.attached) == ("night-1-02", False)


def test_an_execution_that_ended_without_a_report_is_followed_by_a_new_attempt(world: World):
    backend = world.shell("exit 1")
    first = world.launch(backend)
    wait_for(lambda: backend.status(first.handle).over)
    assert world.launch(backend).run_id == "night-1-02"


def ended_run(world: World, *items, **changes) -> SubprocessBackend:
    backend = world.shell("true")
    launched = world.launch(backend)
    world.commit(launched.run_id, *items, **changes)
    wait_for(lambda: backend.status(launched.handle).over)
    return backend


def crawl(world: World, *numbers: int) -> None:
    world.store.create(keys.documents(TENANT, BSDA, f"source-{min(numbers)}"), manifest(*numbers).to_json())


def test_a_finished_run_is_found_done(world: World):
    crawl(world, 1, 2)
    backend = ended_run(world, item(1), item(2, work=False), item(3))
    found = world.launch(backend)
    assert (found.run_id, found.attached) == ("night-1-01", True)
    assert found.finished is not None
    assert len(found.finished.items) == 3
    assert world.started == ["night-1-01"]


def test_a_finished_run_is_found_even_if_its_handle_was_lost(world: World):
    intend(world, "night-1-01")
    world.commit("night-1-01")
    found = world.launch(world.shell("true"))
    assert found.finished is not None
    assert found.handle.name == ""
    assert world.started == []


@pytest.mark.parametrize("cause", [Cause.UNAVAILABLE, Cause.INTERRUPTED, Cause.CLAIMED_ELSEWHERE, Cause.DEFECT])
def test_what_may_go_away_by_itself_is_tried_again(world: World, cause: Cause):
    backend = ended_run(world, item(1, cause=cause))
    assert world.launch(backend).run_id == "night-1-02"


def test_what_lies_in_the_document_is_not_tried_again(world: World):
    backend = ended_run(world, item(1, cause=Cause.UNREADABLE))
    assert world.launch(backend).finished is not None


def test_a_document_that_came_since_makes_a_new_run(world: World):
    crawl(world, 1, 2)
    backend = ended_run(world, item(1), item(2))
    assert world.launch(backend).finished is not None
    crawl(world, 3)
    assert world.launch(backend).run_id == "night-1-02"


@pytest.mark.parametrize("changes", [{"force": True}, {"file_id": "OTHER"}, {"prompt_id": "other"}])
def test_a_request_that_asks_for_more_makes_a_new_run(world: World, changes):
    backend = ended_run(world, item(1))
    assert world.launch(backend, **changes).run_id == "night-1-02"


def test_a_forced_launch_that_was_committed_is_done(world: World):
    backend = ended_run(world, item(1))
    forced = world.launch(backend, force=True)
    assert forced.run_id == "night-1-02"
    world.commit(forced.run_id, item(1))
    wait_for(lambda: backend.status(forced.handle).over)
    assert world.launch(backend, force=True).finished is not None


def test_another_key_that_begins_the_same_is_another_piece_of_work(world: World):
    backend = world.shell("sleep 20")
    world.launch(backend, launch_key="night-1-01")
    world.launch(backend, launch_key="night-1-extra")
    assert world.launch(backend).attached is False


def test_more_than_99_attempts_are_counted(world: World):
    for attempt in (9, 10, 99, 100):
        intend(world, f"night-1-{attempt:02d}", abandoned_at=SystemClock().now().isoformat())
    assert world.launch(world.shell("true")).run_id == "night-1-101"


def test_a_refused_start_does_not_make_the_next_one_wait(world: World, tmp_path_factory):
    file = tmp_path_factory.mktemp("x") / "file"
    file.write_text("no folder")
    refusing = SubprocessBackend(Settings(home=file), command=["true"])
    with pytest.raises(ConfigurationError, match="LLM_CONVERT_HOME"):
        launch_or_attach(world.store, refusing, request(), clock=SystemClock())
    now = try_launch(world.store, world.shell("true"), request(), now=SystemClock().now())
    assert isinstance(now, Launched)
    assert now.run_id == "night-1-02"


def test_an_unfinished_launch_of_another_backend_is_left_alone(world: World):
    intend(world, "night-1-01", backend="cloud_run")
    with pytest.raises(OtherBackendError, match="LLM_CONVERT_BACKEND=cloud_run"):
        world.launch(world.shell("true"))
    world.commit("night-1-01")
    assert world.launch(world.shell("true")).finished is not None


def test_waiting_for_another_launcher_is_bounded(world: World):
    """An intent from a clock that runs far ahead never grows old."""
    clock = FakeClock()
    ahead = FakeClock(start=clock.now())
    ahead.advance(3600)
    intend(world, "night-1-01", intended_at=ahead.now().isoformat())
    with pytest.raises(LaunchUnsettledError, match="Nothing was started"):
        launch_or_attach(world.store, world.shell("true"), request(), clock=clock)
    assert sum(clock.slept) <= launching.SETTLE_SECONDS + launching.LOOK_AGAIN_SECONDS
    assert world.started == []
