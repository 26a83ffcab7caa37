"""Corners of the surface that Google's clients and curl reach."""

from __future__ import annotations

import time

import pytest
import requests
from cloud_run_kit import JOB, LOCATION, deploy
from google.api_core import exceptions
from google.cloud import run_v2
from google.protobuf import duration_pb2

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator

REFUSED = (exceptions.BadRequest,)


@pytest.mark.parametrize(("pending_seconds", "task_count"), [(30.0, 1), (30.0, 5), (0.0, 40)])
def test_stop_does_not_wait_for_what_never_began(pending_seconds, task_count):
    cloud_run = CloudRunEmulator().start()
    cloud_run.dials.pending_seconds = pending_seconds
    deploy(cloud_run, "sleep 30", task_count=task_count, parallelism=1)
    for _ in range(5):
        cloud_run.run(JOB)
    began = time.monotonic()
    cloud_run.stop()
    assert time.monotonic() - began < 2
    assert all(execution.completion_time for execution in cloud_run.executions)
    assert all(execution.cancelled_count == task_count for execution in cloud_run.executions)


def test_every_task_has_a_uid(cloud_run, clients):
    deploy(cloud_run, "exit 0", task_count=3)
    execution = clients.jobs.run_job(name=JOB).result()
    assert len({task.uid for task in clients.tasks.list_tasks(parent=execution.name)}) == 3


def test_operations_are_filtered_by_done(cloud_run, clients):
    deploy(cloud_run, "sleep 5")
    name = clients.jobs.run_job(name=JOB).operation.name

    def listed(text: str) -> set[str]:
        found = clients.jobs.list_operations({"name": LOCATION, "filter": text}).operations
        return {operation.name for operation in found}

    assert name in listed("done=false") & listed("")
    assert name not in listed("done=true")
    with pytest.raises(REFUSED, match="filter"):
        listed("colour=blue")


def test_a_policy_is_replaced_by_who_read_it(cloud_run, clients):
    deploy(cloud_run, "exit 0")
    policy = clients.jobs.get_iam_policy(request={"resource": JOB})
    policy.bindings.add(role="roles/run.invoker", members=["user:a@example.com"])
    kept = clients.jobs.set_iam_policy(request={"resource": JOB, "policy": policy})
    assert kept.etag != policy.etag
    with pytest.raises(exceptions.Conflict, match="concurrent"):
        clients.jobs.set_iam_policy(request={"resource": JOB, "policy": policy})
    clients.jobs.delete_job(name=JOB).result()
    deploy(cloud_run, "exit 0")
    assert not clients.jobs.get_iam_policy(request={"resource": JOB}).bindings


@pytest.mark.parametrize(
    ("task", "variables"),
    [
        ({"max_retries": 11}, []),
        ({"max_retries": -1}, []),
        ({"timeout": duration_pb2.Duration(seconds=0)}, []),
        ({"timeout": duration_pb2.Duration(seconds=-5)}, []),
        ({"timeout": duration_pb2.Duration(seconds=8 * 24 * 3600)}, []),
        ({}, [run_v2.EnvVar(name="", value="x")]),
        ({}, [run_v2.EnvVar(name="A=B", value="x")]),
    ],
)
def test_values_out_of_their_limits(clients, task, variables):
    container = run_v2.Container(image="i", command=["true"], env=variables)
    template = run_v2.TaskTemplate(containers=[container], **task)
    job = run_v2.Job(template=run_v2.ExecutionTemplate(template=template))
    with pytest.raises(REFUSED, match="Violation"):
        clients.jobs.create_job(parent=LOCATION, job=job, job_id="refused")


def test_limits_hold_for_overrides(cloud_run, clients):
    deploy(cloud_run, "exit 0")
    kinds = run_v2.RunJobRequest.Overrides
    for overrides in (
        kinds(timeout=duration_pb2.Duration(seconds=8 * 24 * 3600)),
        kinds(container_overrides=[kinds.ContainerOverride(env=[run_v2.EnvVar(name="", value="x")])]),
    ):
        with pytest.raises(REFUSED):
            clients.jobs.run_job(run_v2.RunJobRequest(name=JOB, overrides=overrides))
    assert not cloud_run.executions


def test_bodies_in_chunks_and_verbs_of_nobody(cloud_run):
    deploy(cloud_run, "exit 0")
    url = f"{cloud_run.url}/v2/{JOB}"
    assert (
        requests.post(f"{url}:run", data=iter([b'{"over', b'rides": {"taskCount": 2}}'])).json()["metadata"][
            "taskCount"
        ]
        == 2
    )
    assert requests.put(url).json()["error"]["status"] == "NOT_FOUND"
    assert requests.head(url).status_code == 404
    assert requests.post(f"{url}:run", headers={"Content-Length": "many"}).status_code == 400
