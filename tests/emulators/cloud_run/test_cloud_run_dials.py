"""Late, lost and failing calls; and the wire itself, without a client in between."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
import urllib.request

import grpc
import pytest
import requests
from cloud_run_kit import JOB, Clients, completed, deploy, over, until
from google.api_core import exceptions
from google.cloud import run_v2
from google.cloud.run_v2.services.executions.transports import ExecutionsGrpcAsyncIOTransport
from google.cloud.run_v2.services.jobs.transports import JobsGrpcAsyncIOTransport

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator, Dials
from llm_convert.testing.emulators.cloud_run.quantities import parse_quantity


def names(clients: Clients) -> list[str]:
    return [execution.name for execution in clients.executions.list_executions(parent=JOB)]


def test_a_lost_answer_still_starts_one_execution(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    cloud_run.dials.lose_run_response = True
    with pytest.raises((requests.ConnectionError, exceptions.ServiceUnavailable)):
        clients.jobs.run_job(name=JOB)
    (execution,) = cloud_run.executions
    assert names(clients) == [execution.name]
    assert over(clients, execution.name).succeeded_count == 1
    assert (cloud_run.calls[0].method, cloud_run.calls[0].outcome) == ("RunJob", "LOST")


def test_a_fault_before_the_effect_starts_none(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    cloud_run.dials.fail_next = {"RunJob": ["UNAVAILABLE", 429]}
    with pytest.raises(exceptions.ServiceUnavailable):
        clients.jobs.run_job(name=JOB)
    with pytest.raises(exceptions.TooManyRequests):
        clients.jobs.run_job(name=JOB)
    assert cloud_run.executions == ()
    clients.jobs.run_job(name=JOB).result(timeout=5)


def test_every_third_answer_is_lost(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, "true")
    cloud_run.dials.lose_every = 3
    outcomes = []
    for _ in range(6):
        try:
            rest.jobs.get_job(name=JOB)
            outcomes.append("ok")
        except requests.ConnectionError:
            outcomes.append("lost")
    assert outcomes == ["ok", "ok", "lost", "ok", "ok", "lost"]


def test_a_late_listing(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    cloud_run.dials.delay_start_seconds = 0.4
    name = clients.jobs.run_job(name=JOB).metadata.name
    assert names(clients) == []
    assert clients.executions.get_execution(name=name).name == name
    until(lambda: names(clients) == [name])


def test_a_pending_execution_has_no_start_and_can_be_cancelled(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "echo never")
    cloud_run.dials.pending_seconds = 30
    name = clients.jobs.run_job(name=JOB).metadata.name
    pending = clients.executions.get_execution(name=name)
    assert (bool(pending.start_time), completed(pending).state.name) == (False, "CONDITION_RECONCILING")
    clients.executions.cancel_execution(name=name).result(timeout=5)
    assert cloud_run.logs(name) == ""


@pytest.mark.parametrize("hidden", [False, True])
def test_overrides_may_be_hidden(cloud_run: CloudRunEmulator, clients: Clients, hidden: bool) -> None:
    cloud_run.deploy(JOB, command=["sh", "-c", "echo $RUN_KEY"], env={"OWN": "1"})
    cloud_run.dials.hide_overrides = hidden
    env = [{"name": "RUN_KEY", "value": "r-1"}]
    overrides = {"container_overrides": [{"env": env}]}
    operation = clients.jobs.run_job(run_v2.RunJobRequest(name=JOB, overrides=overrides))
    execution = over(clients, operation.metadata.name)
    (listed,) = clients.executions.list_executions(parent=JOB)
    for shown in (operation.metadata, execution, listed):
        variables = {variable.name: variable.value for variable in shown.template.containers[0].env}
        assert variables == ({"OWN": "1"} if hidden else {"OWN": "1", "RUN_KEY": "r-1"})
    assert cloud_run.logs(execution.name).startswith("r-1\n")


def test_latency(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, "true")
    cloud_run.dials.latency_seconds = 0.2
    began = time.monotonic()
    rest.jobs.get_job(name=JOB)
    assert time.monotonic() - began >= 0.2


async def _run_async(target: str, count: int) -> list[run_v2.Execution]:
    async with grpc.aio.insecure_channel(target) as channel:
        jobs = run_v2.JobsAsyncClient(transport=JobsGrpcAsyncIOTransport(channel=channel))
        executions = run_v2.ExecutionsAsyncClient(transport=ExecutionsGrpcAsyncIOTransport(channel=channel))
        operations = await asyncio.gather(*(jobs.run_job(name=JOB) for _ in range(count)))
        ended = await asyncio.gather(*(operation.result(timeout=10) for operation in operations))
        pager = await executions.list_executions(run_v2.ListExecutionsRequest(parent=JOB, page_size=3))
        listed = [execution.name async for execution in pager]
        assert sorted(listed) == sorted(execution.name for execution in ended)
        with pytest.raises(exceptions.NotFound):
            await executions.get_execution(name=f"{JOB}/executions/none")
        return list(ended)


def test_the_asynchronous_clients(cloud_run: CloudRunEmulator) -> None:
    deploy(cloud_run, "true")
    ended = asyncio.run(_run_async(cloud_run.grpc_target, 8))
    assert [execution.succeeded_count for execution in ended] == [1] * 8
    assert {call.wire for call in cloud_run.calls} == {"grpc"}


def test_one_state_behind_both_wires(cloud_run: CloudRunEmulator, rest: Clients, over_grpc: Clients) -> None:
    deploy(cloud_run, "exit 1", max_retries=0)
    name = rest.jobs.run_job(name=JOB).metadata.name
    assert over(over_grpc, name) == rest.executions.get_execution(name=name)
    assert list(rest.tasks.list_tasks(parent=name)) == list(over_grpc.tasks.list_tasks(parent=name))


def test_the_json_of_an_execution(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    """As documented: lowerCamelCase, enums by name unless numbers are asked for, what is empty left out."""
    deploy(cloud_run, "exit 3", max_retries=0)
    name = rest.jobs.run_job(name=JOB).metadata.name
    over(rest, name)
    with urllib.request.urlopen(f"{cloud_run.url}/v2/{name}") as answer:
        assert answer.headers["Content-Type"].startswith("application/json")
        found = json.load(answer)
    assert found["conditions"][0] | {"lastTransitionTime": "", "message": ""} == {
        "type": "Completed",
        "state": "CONDITION_FAILED",
        "executionReason": "NON_ZERO_EXIT_CODE",
        "lastTransitionTime": "",
        "message": "",
    }
    assert (found["failedCount"], found["template"]["timeout"], found["generation"]) == (1, "600s", "1")
    assert found["template"]["containers"][0]["resources"]["limits"] == {"cpu": "1000m", "memory": "512Mi"}
    assert "succeededCount" not in found and "runningCount" not in found


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "name"),
    [
        ("GET", f"/v2/{JOB}", "", 404, "NOT_FOUND"),
        ("POST", f"/v2/{JOB}:run", "{", 400, "INVALID_ARGUMENT"),
        ("POST", f"/v2/{JOB}:run", '{"overide": {}}', 400, "INVALID_ARGUMENT"),
        ("GET", f"/v2/{JOB}/executions?pageSize=x", "", 400, "INVALID_ARGUMENT"),
        ("GET", f"/v2/{JOB}/executions?page=1", "", 400, "INVALID_ARGUMENT"),
        ("GET", "/v1/nothing", "", 404, "NOT_FOUND"),
    ],
)
def test_errors_have_googles_form(
    cloud_run: CloudRunEmulator, verb: str, path: str, body: str, status: int, name: str
) -> None:
    connection = http.client.HTTPConnection(cloud_run.url.removeprefix("http://"))
    connection.request(verb, path, body)
    answer = connection.getresponse()
    error = json.load(answer)["error"]
    connection.close()
    assert (answer.status, error["code"], error["status"]) == (status, status, name)
    assert error["message"]


def test_two_emulators_do_not_meet() -> None:
    with CloudRunEmulator(dials=Dials(images=())) as one, CloudRunEmulator() as other:
        assert (one.url, one.grpc_target) != (other.url, other.grpc_target)
        assert one.environment() == {"LLM_CONVERT_CLOUD_RUN_ENDPOINT": one.url}
        with pytest.raises(OSError, match="in use"):
            CloudRunEmulator(port=int(one.url.rpartition(":")[2]))
        with pytest.raises(OSError, match="in use"):
            CloudRunEmulator(grpc_port=int(one.grpc_target.rpartition(":")[2]))


def test_an_emulator_that_never_started_can_be_stopped() -> None:
    CloudRunEmulator().stop()


def test_hundreds_run_at_once(cloud_run: CloudRunEmulator, over_grpc: Clients) -> None:
    deploy(cloud_run, "sleep 0.3")
    operations = [over_grpc.jobs.run_job(name=JOB) for _ in range(100)]
    ended = {operation.result(timeout=15).name for operation in operations}
    assert len(ended) == 100


@pytest.mark.parametrize(
    ("text", "size"), [("512Mi", 2**29), ("1Gi", 2**30), ("2G", 2 * 10**9), ("1.5k", 1500), ("7", 7)]
)
def test_quantities(text: str, size: int) -> None:
    assert parse_quantity(text) == size


@pytest.mark.parametrize("text", ["", "Mi", "1 Gi", "1GB", "-1"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(text)
