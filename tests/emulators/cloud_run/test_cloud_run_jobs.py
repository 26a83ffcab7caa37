"""Jobs by the vendor's own clients, over REST and gRPC."""

from __future__ import annotations

import pytest
from cloud_run_kit import JOB, LOCATION, Clients, deploy
from google.api import launch_stage_pb2
from google.api_core import exceptions
from google.cloud import run_v2
from google.iam.v1 import policy_pb2

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator


def a_job(image: str = "asia-docker.pkg.dev/demo/jobs/convert:1") -> run_v2.Job:
    return run_v2.Job(
        labels={"team": "data"},
        template={"template": {"containers": [{"image": image, "env": [{"name": "한글", "value": "값"}]}]}},
    )


def test_create_returns_an_operation_and_fills_in_the_defaults(clients: Clients) -> None:
    job = clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id="convert").result(timeout=5)
    found = clients.jobs.get_job(name=JOB)
    assert job == found
    task = found.template.template
    assert (found.name, found.template.task_count, task.max_retries, task.timeout.seconds) == (JOB, 1, 3, 600)
    assert task.containers[0].env[0].value == "값"
    assert found.launch_stage == launch_stage_pb2.GA
    assert found.terminal_condition.type_ == "Ready"
    assert found.terminal_condition.state.name == "CONDITION_SUCCEEDED"
    assert found.uid and found.etag and found.create_time


def test_zero_retries_is_not_taken_for_unset(clients: Clients) -> None:
    job = a_job()
    job.template.template.max_retries = 0
    clients.jobs.create_job(parent=LOCATION, job=job, job_id="convert")
    assert clients.jobs.get_job(name=JOB).template.template.max_retries == 0


def test_a_second_create_is_refused(clients: Clients) -> None:
    clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id="convert")
    with pytest.raises(exceptions.Conflict, match="Resource 'convert' already exists"):
        clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id="convert")


def test_validate_only_keeps_nothing(clients: Clients) -> None:
    request = run_v2.CreateJobRequest(parent=LOCATION, job=a_job(), job_id="convert", validate_only=True)
    assert clients.jobs.create_job(request).result(timeout=5).name == JOB
    with pytest.raises(exceptions.NotFound, match="'convert' of kind 'JOB' in region 'asia-northeast1'"):
        clients.jobs.get_job(name=JOB)


@pytest.mark.parametrize(
    ("job_id", "job"),
    [
        ("Convert", a_job()),
        ("-convert", a_job()),
        ("x" * 64, a_job()),
        ("convert", run_v2.Job()),
        ("convert", a_job("")),
    ],
)
def test_what_is_not_valid_is_refused(clients: Clients, job_id: str, job: run_v2.Job) -> None:
    with pytest.raises(exceptions.BadRequest):
        clients.jobs.create_job(parent=LOCATION, job=job, job_id=job_id)


def test_list_pages_and_does_not_cross_locations(clients: Clients) -> None:
    for number in range(5):
        clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id=f"job-{number}")
    clients.jobs.create_job(parent="projects/demo/locations/elsewhere", job=a_job(), job_id="other")
    pager = clients.jobs.list_jobs(run_v2.ListJobsRequest(parent=LOCATION, page_size=2))
    pages = [[job.name.rpartition("/")[2] for job in page.jobs] for page in pager.pages]
    assert pages == [["job-0", "job-1"], ["job-2", "job-3"], ["job-4"]]


def test_a_page_token_of_another_list_is_refused(clients: Clients) -> None:
    for number in range(2):
        clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id=f"job-{number}")
    first = next(iter(clients.jobs.list_jobs(run_v2.ListJobsRequest(parent=LOCATION, page_size=1)).pages))
    for token in (first.next_page_token, "no token"):
        request = run_v2.ListJobsRequest(parent="projects/demo/locations/elsewhere", page_token=token)
        with pytest.raises(exceptions.BadRequest, match="page token"):
            clients.jobs.list_jobs(request)


def test_update_replaces_the_spec_and_keeps_the_identity(clients: Clients) -> None:
    created = clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id="convert").result(timeout=5)
    wanted = a_job("other:2")
    wanted.name, wanted.labels = JOB, {}
    updated = clients.jobs.update_job(job=wanted).result(timeout=5)
    assert updated.template.template.containers[0].image == "other:2"
    assert (updated.uid, updated.generation, dict(updated.labels)) == (created.uid, 2, {})
    assert updated.etag != created.etag


def test_update_with_an_old_etag_is_refused(clients: Clients) -> None:
    created = clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id="convert").result(timeout=5)
    clients.jobs.update_job(job=created)
    with pytest.raises(exceptions.Conflict, match="Conflict for resource"):
        clients.jobs.update_job(job=created)


def test_update_may_create(clients: Clients) -> None:
    wanted = a_job()
    wanted.name = JOB
    with pytest.raises(exceptions.NotFound):
        clients.jobs.update_job(job=wanted)
    clients.jobs.update_job(run_v2.UpdateJobRequest(job=wanted, allow_missing=True)).result(timeout=5)
    assert clients.jobs.get_job(name=JOB).generation == 1


def test_delete(clients: Clients) -> None:
    clients.jobs.create_job(parent=LOCATION, job=a_job(), job_id="convert")
    assert clients.jobs.delete_job(name=JOB).result(timeout=5).delete_time
    with pytest.raises(exceptions.NotFound):
        clients.jobs.delete_job(name=JOB)


def test_permissions_are_told_and_missing_ones_refused(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    cloud_run.dials.missing_permissions = {"run.jobs.run"}
    asked = ["run.jobs.run", "run.jobs.get"]
    answer = clients.jobs.test_iam_permissions(request={"resource": JOB, "permissions": asked})
    assert list(answer.permissions) == ["run.jobs.get"]
    with pytest.raises(exceptions.Forbidden, match=r"Permission 'run\.jobs\.run' denied on resource '") as caught:
        clients.jobs.run_job(name=JOB)
    assert caught.value.reason == "IAM_PERMISSION_DENIED"
    assert caught.value.metadata["permission"] == "run.jobs.run"
    assert cloud_run.executions == ()


def test_overrides_need_a_permission_of_their_own(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    cloud_run.dials.missing_permissions = {"run.jobs.runWithOverrides"}
    clients.jobs.run_job(name=JOB).result(timeout=5)
    with pytest.raises(exceptions.Forbidden, match="runWithOverrides"):
        clients.jobs.run_job(run_v2.RunJobRequest(name=JOB, overrides={"task_count": 2}))


def test_nobody_has_permissions_on_a_job_that_is_not_there(clients: Clients) -> None:
    answer = clients.jobs.test_iam_permissions(request={"resource": JOB, "permissions": ["run.jobs.get"]})
    assert list(answer.permissions) == []


def test_policies_are_kept(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    policy = policy_pb2.Policy(bindings=[policy_pb2.Binding(role="roles/run.invoker", members=["user:a@example.com"])])
    clients.jobs.set_iam_policy(request={"resource": JOB, "policy": policy})
    assert clients.jobs.get_iam_policy(request={"resource": JOB}).bindings[0].role == "roles/run.invoker"


@pytest.mark.parametrize("job", [run_v2.Job(start_execution_token="x"), run_v2.Job(template={"task_count": 1})])
def test_what_is_not_implemented_is_said_and_not_ignored(clients: Clients, job: run_v2.Job) -> None:
    containers = [{"image": "a"}] if job.start_execution_token else [{"image": "a"}, {"image": "b"}]
    job.template.template = {"containers": containers}
    with pytest.raises(exceptions.MethodNotImplemented):
        clients.jobs.create_job(parent=LOCATION, job=job, job_id="convert")
