from __future__ import annotations

import asyncio
import time

import pytest
from cloud_run_world import JOB, CloudRunWorld
from execution_world import request

from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, ExecutionStatus
from llm_convert.errors import ConfigurationError, UnavailableError
from llm_convert.execution.backends.cloud_run import CloudRunBackend
from llm_convert.execution.backends.cloud_run_watch import CloudRunWatch
from llm_convert.execution.threaded_watch import ThreadedWatch


@pytest.fixture(params=["rest", "grpc"])
def endpoint(request: pytest.FixtureRequest, cloud: CloudRunWorld) -> str:
    return cloud.emulator.url if request.param == "rest" else f"grpc://{cloud.emulator.grpc_target}"


def start(backend: CloudRunBackend, number: int, **changes: object) -> ExecutionHandle:
    return backend.start(request(tenant=f"tenant-{number}", **changes), "night-1-01")


def look(cloud: CloudRunWorld, endpoint: str, *handles: ExecutionHandle) -> dict[str, ExecutionStatus]:
    async def ask() -> dict[str, ExecutionStatus]:
        watch = CloudRunWatch(cloud.settings.model_copy(update={"cloud_run_endpoint": endpoint}))
        try:
            return await watch.statuses(handles)
        finally:
            await watch.close()

    return asyncio.run(ask())


def test_each_state_is_told(cloud: CloudRunWorld, endpoint: str):
    cloud.deploy("exit 0")
    handles = {"good": start(cloud.backend(), 0)}
    backend = cloud.deploy("exit 65")
    handles["bad"] = start(backend, 1)
    cloud.deploy("sleep 30")
    handles["runs"], handles["cancelled"] = start(backend, 2), start(backend, 3)
    backend.cancel(handles["cancelled"])
    while not all(backend.status(handles[name]).over for name in ("good", "bad", "cancelled")):
        time.sleep(0.02)
    told = look(cloud, endpoint, *handles.values())
    by_name = {name: told[handle.name] for name, handle in handles.items()}
    assert {name: status.state.value for name, status in by_name.items()} == {
        "good": "succeeded",
        "bad": "failed",
        "runs": "running",
        "cancelled": "cancelled",
    }
    assert by_name["bad"].exit_code == 65
    assert by_name == {name: backend.status(handle) for name, handle in handles.items()}


def test_a_hundred_that_wait_cost_one_call(cloud: CloudRunWorld, endpoint: str):
    backend = cloud.deploy("true")
    handles = [start(backend, number) for number in range(90)]
    before = len(cloud.emulator.calls)
    told = look(cloud, endpoint, *handles)
    assert told.keys() == {handle.name for handle in handles}
    assert [call.method for call in cloud.emulator.calls[before:]] == ["ListExecutions"]


def test_two_jobs_cost_two_calls_and_what_is_gone_is_left_out(cloud: CloudRunWorld, endpoint: str):
    backend = cloud.deploy("true")
    other = f"{JOB}-2"
    cloud.emulator.deploy(other, command=["true"])
    here = start(backend, 1)
    gone = ExecutionHandle(backend="cloud_run", name=f"{other}/executions/gone")
    before = cloud.calls("ListExecutions")
    assert look(cloud, endpoint, here, gone).keys() == {here.name}
    assert cloud.calls("ListExecutions") == before + 2


def test_an_outage_says_nothing(cloud: CloudRunWorld, endpoint: str):
    handle = start(cloud.deploy("true"), 1)
    cloud.emulator.dials.fail_next["ListExecutions"] = ["UNAVAILABLE"]
    with pytest.raises(UnavailableError):
        look(cloud, endpoint, handle)
    assert handle.name in look(cloud, endpoint, handle)


def test_a_refusal_names_the_role(cloud: CloudRunWorld, endpoint: str):
    handle = start(cloud.deploy("true"), 1)
    cloud.emulator.dials.missing_permissions = {"run.executions.list"}
    with pytest.raises(ConfigurationError, match=r"roles/run\.developer"):
        look(cloud, endpoint, handle)


def test_a_failure_stays_one_where_its_tasks_may_not_be_seen(cloud: CloudRunWorld, endpoint: str):
    backend = cloud.deploy("exit 65")
    handle = start(backend, 1)
    while not backend.status(handle).over:
        time.sleep(0.02)
    cloud.emulator.dials.missing_permissions = {"run.tasks.list"}
    for status in (backend.status(handle), look(cloud, endpoint, handle)[handle.name]):
        assert (status.state, status.exit_code) == (ExecutionState.FAILED, None)
        assert "exit code: 65" in status.detail


def test_a_watch_can_be_used_again_after_it_was_closed(cloud: CloudRunWorld, endpoint: str):
    handle = start(cloud.deploy("true"), 1)

    async def twice() -> None:
        watch = CloudRunWatch(cloud.settings.model_copy(update={"cloud_run_endpoint": endpoint}))
        for _ in range(2):
            assert handle.name in await watch.statuses([handle])
            await watch.close()
        assert await watch.statuses([]) == {}
        await watch.close()

    asyncio.run(twice())


class Slow:
    """A platform in memory whose answers take a while: it counts how many ask at once."""

    def __init__(self, *, down: frozenset[str] = frozenset()) -> None:
        self.at_once = self.most = 0
        self.down = down

    def status(self, handle: ExecutionHandle) -> ExecutionStatus:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        time.sleep(0.02)
        self.at_once -= 1
        if handle.name in self.down:
            raise UnavailableError("it does not answer")
        return ExecutionStatus(state=ExecutionState.RUNNING, detail=handle.name)


HANDLES = [ExecutionHandle(backend="x", name=f"e{number}") for number in range(12)]


def test_a_threaded_watch_asks_a_few_at_once():
    slow = Slow()
    told = asyncio.run(ThreadedWatch(slow, at_once=3).statuses([*HANDLES, HANDLES[0]]))
    assert {name: status.detail for name, status in told.items()} == {handle.name: handle.name for handle in HANDLES}
    assert 1 < slow.most <= 3


def test_a_threaded_watch_leaves_out_whom_it_could_not_ask():
    told = asyncio.run(ThreadedWatch(Slow(down=frozenset({"e3"}))).statuses(HANDLES))
    assert told.keys() == {handle.name for handle in HANDLES} - {"e3"}
    with pytest.raises(UnavailableError):
        asyncio.run(ThreadedWatch(Slow(down=frozenset({"e3"}))).statuses(HANDLES[3:4]))


def test_a_threaded_watch_does_not_hide_a_defect():
    class Broken(Slow):
        def status(self, handle: ExecutionHandle) -> ExecutionStatus:
            raise ConfigurationError("refused")

    with pytest.raises(ConfigurationError):
        asyncio.run(ThreadedWatch(Broken()).statuses(HANDLES))
