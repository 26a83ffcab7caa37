from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest.register_assert_rewrite("llm_convert.testing.contracts.job_backend")

from cloud_run_world import JOB, PLACE, CloudRunWorld, Redeploying  # noqa: E402
from execution_world import request, wait_for  # noqa: E402

from llm_convert.contracts.launch import ExecutionHandle, ExecutionState  # noqa: E402
from llm_convert.errors import ConfigurationError, UnavailableError  # noqa: E402
from llm_convert.execution.backends.cloud_run import CloudRunBackend  # noqa: E402
from llm_convert.execution.errors import StillStartingError  # noqa: E402
from llm_convert.settings import Settings  # noqa: E402
from llm_convert.testing.contracts.job_backend import (  # noqa: E402
    BackendFor,
    JobBackendContract,
    wait_for_end,
)

RUN = "night-1-01"


class TestCloudRunBackend(JobBackendContract):
    cancel_overrules_success = False

    @pytest.fixture
    def backend_for(self, cloud: CloudRunWorld) -> BackendFor:
        cloud.deploy("true")
        return lambda command: Redeploying(cloud.settings, command)


@pytest.fixture(params=["rest", "grpc"])
def either(request: pytest.FixtureRequest, cloud: CloudRunWorld) -> CloudRunBackend:
    """A backend by each of the two wires; its job tells its environment and ends well."""
    cloud.deploy("env")
    endpoint = cloud.emulator.url if request.param == "rest" else f"grpc://{cloud.emulator.grpc_target}"
    return cloud.backend(cloud_run_endpoint=endpoint)


def test_both_wires_do_the_same(either: CloudRunBackend, cloud: CloudRunWorld):
    handle = either.start(request(file_id="WEEKLY_PROFIT_AND_LOSS", tasks=2), RUN)
    assert handle.name.startswith(f"{JOB}/executions/")
    assert handle.log_url.startswith("https://console.cloud.google.com/")
    assert wait_for_end(either, handle).state is ExecutionState.SUCCEEDED
    assert either.find(request(), RUN) == handle
    assert either.logs(handle) == handle.log_url
    (execution,) = cloud.emulator.executions
    assert execution.task_count == 2
    assert execution.template.timeout.total_seconds() == 3600
    told = cloud.emulator.logs(handle.name)
    for line in ("TENANT_CODE=c8cd3500", "FILE_ID=WEEKLY_PROFIT_AND_LOSS", f"LLM_CONVERT_RUN_ID={RUN}"):
        assert line in told.splitlines()
    assert f"LLM_CONVERT_STORE=file://{cloud.home}/store" in told.splitlines()
    assert "PROMPT_ID" not in told
    assert "LLM_CONVERT_PROVIDER" not in told


def test_what_the_settings_say_reaches_the_job(cloud: CloudRunWorld):
    cloud.deploy("env")
    settings = Settings(
        home=cloud.home,
        cloud_run_endpoint=cloud.emulator.url,
        provider="rules",
        warehouse="bigquery://p/d",
        job_tasks=3,
        job_timeout_seconds=90.5,
        vertex_access_token="secret",
    )
    backend = CloudRunBackend(settings, **PLACE)
    handle = backend.start(request(), RUN)
    wait_for_end(backend, handle)
    told = cloud.emulator.logs(handle.name)
    assert "LLM_CONVERT_PROVIDER=rules" in told
    assert "LLM_CONVERT_WAREHOUSE=bigquery://p/d" in told
    assert "secret" not in told
    (execution,) = cloud.emulator.executions
    assert (execution.task_count, execution.template.timeout.total_seconds()) == (3, 91)


def test_a_lost_answer_is_told_as_such_and_asked_for_once(either: CloudRunBackend, cloud: CloudRunWorld):
    cloud.emulator.dials.lose_run_response = True
    with pytest.raises(UnavailableError, match="An execution may have been started"):
        either.start(request(), RUN)
    assert (len(cloud.emulator.executions), cloud.calls("RunJob")) == (1, 1)
    found = either.find(request(), RUN)
    assert found is not None
    assert found.name == cloud.emulator.executions[0].name


@pytest.mark.parametrize("status", ["UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
def test_a_start_is_never_retried(either: CloudRunBackend, cloud: CloudRunWorld, status: str):
    cloud.emulator.dials.fail_next["RunJob"] = [status]
    with pytest.raises(UnavailableError):
        either.start(request(), RUN)
    assert (len(cloud.emulator.executions), cloud.calls("RunJob")) == (0, 1)


def test_what_is_refused_names_role_and_resource(either: CloudRunBackend, cloud: CloudRunWorld):
    cloud.emulator.dials.missing_permissions = {"run.jobs.runWithOverrides"}
    with pytest.raises(ConfigurationError, match=r"run\.jobs\.runWithOverrides") as caught:
        either.start(request(), RUN)
    command = "gcloud run jobs add-iam-policy-binding claude-agent-sdk-batch-job --region asia-northeast1"
    assert "roles/run.developer" in caught.value.remedy
    assert command in caught.value.remedy
    assert not cloud.emulator.executions


def test_a_job_that_is_not_there_names_the_command(cloud: CloudRunWorld):
    with pytest.raises(ConfigurationError, match="gcloud run jobs deploy claude-agent-sdk-batch-job"):
        cloud.backend().start(request(), RUN)
    with pytest.raises(ConfigurationError, match="gcloud run jobs describe"):
        cloud.backend().find(request(), RUN)


def test_runs_of_the_same_name_in_two_tenants_are_two(cloud: CloudRunWorld):
    backend = cloud.deploy("true")
    one = backend.start(request(), RUN)
    two = backend.start(request(tenant="other"), RUN)
    assert backend.find(request(), RUN) == one
    assert backend.find(request(tenant="other"), RUN) == two
    assert backend.find(request(bsda="20251108140000"), RUN) is None


def test_among_hundreds_of_executions_it_is_found(cloud: CloudRunWorld):
    backend = cloud.deploy("true")
    first = backend.start(request(), RUN)
    for number in range(120):
        backend.start(request(tenant=f"tenant-{number}"), RUN)
    before = cloud.calls("ListExecutions")
    assert backend.find(request(), RUN) == first
    assert cloud.calls("ListExecutions") == before + 2


def test_where_overrides_are_hidden_the_marker_finds_it(either: CloudRunBackend, cloud: CloudRunWorld):
    handle = either.start(request(), RUN)
    wait_for_end(either, handle)
    cloud.emulator.dials.hide_overrides = True
    marker = handle.name.rpartition("/")[2]
    assert either.find(request(), RUN) is None
    assert either.find(request(), RUN, marker=marker) == handle
    assert either.find(request(), RUN, marker="4711@some-host") is None
    assert either.find(request(), RUN, marker="claude-agent-sdk-batch-job-zzzzz") is None


def test_a_marker_of_another_run_is_not_believed(cloud: CloudRunWorld):
    backend = cloud.deploy("true")
    handle = backend.start(request(), "night-1-07")
    assert backend.find(request(), RUN, marker=handle.name.rpartition("/")[2]) is None


def test_where_overrides_are_hidden_a_start_under_way_is_waited_for(cloud: CloudRunWorld):
    backend = cloud.deploy("sleep 30")
    cloud.emulator.dials.hide_overrides = True
    handle = backend.start(request(), RUN)
    with pytest.raises(StillStartingError, match=handle.name):
        backend.find(request(), "night-1-02")
    backend.cancel(handle)
    wait_for_end(backend, handle)
    assert backend.find(request(), "night-1-02") is None


def test_the_worst_task_is_told(cloud: CloudRunWorld):
    backend = cloud.deploy('test "$CLOUD_RUN_TASK_INDEX" = 1 && exit 78; exit 75')
    status = wait_for_end(backend, backend.start(request(tasks=3), RUN))
    assert (status.state, status.exit_code, status.reason) == (ExecutionState.FAILED, 78, "NON_ZERO_EXIT_CODE")


@pytest.mark.parametrize("form", ["error", "execution"])
def test_how_the_operation_ends_does_not_matter(cloud: CloudRunWorld, form: str):
    cloud.emulator.dials.failed_execution_as = form
    backend = cloud.deploy("kill -KILL $$")
    status = wait_for_end(backend, backend.start(request(), RUN))
    assert (status.state, status.signal) == (ExecutionState.FAILED, signal.SIGKILL)


def test_a_timeout_an_image_and_a_deleted_execution_are_told(cloud: CloudRunWorld):
    cloud.deploy("sleep 30")
    late = cloud.backend(job_timeout_seconds=0.2)
    status = wait_for_end(late, late.start(request(), RUN))
    assert status.state is ExecutionState.FAILED
    assert "timeout" in status.detail
    cloud.emulator.dials.images = ["another"]
    status = wait_for_end(late, late.start(request(), "night-1-02"))
    assert (status.state, status.reason) == (ExecutionState.FAILED, "CONTAINER_MISSING")
    gone = ExecutionHandle(backend="cloud_run", name=f"{JOB}/executions/gone")
    assert (late.status(gone).state, late.status(gone).reason) == (ExecutionState.ENDED, "NOT_FOUND")
    late.cancel(gone)


def test_an_execution_that_is_being_cancelled_is_stopping(cloud: CloudRunWorld):
    cloud.emulator.dials.grace_seconds = 20
    backend = cloud.deploy("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    handle = backend.start(request(), RUN)
    wait_for(lambda: "ready" in cloud.emulator.logs(handle.name))
    backend.cancel(handle)
    backend.cancel(handle)
    status = backend.status(handle)
    assert (status.state, status.stopping) == (ExecutionState.RUNNING, True)


def test_an_outage_says_nothing_about_an_execution(either: CloudRunBackend, cloud: CloudRunWorld):
    handle = either.start(request(), RUN)
    cloud.emulator.dials.fail_next["GetExecution"] = ["UNAVAILABLE"]
    with pytest.raises(UnavailableError):
        either.status(handle)
    cloud.emulator.dials.lose_next["GetExecution"] = 1
    with pytest.raises(UnavailableError):
        either.status(handle)
    assert wait_for_end(either, handle).state is ExecutionState.SUCCEEDED


def test_a_server_that_is_not_there_is_an_outage(tmp_path: Path):
    for endpoint in ("http://127.0.0.1:9", "grpc://127.0.0.1:9"):
        backend = CloudRunBackend(Settings(home=tmp_path, cloud_run_endpoint=endpoint), **PLACE)
        with pytest.raises(UnavailableError):
            backend.status(ExecutionHandle(backend="cloud_run", name=f"{JOB}/executions/x"))


@pytest.mark.parametrize(("part", "key"), [("project", "project_id"), ("region", "llm_job_region"), ("job", "llm_job")])
def test_what_is_not_known_names_the_key(part: str, key: str):
    with pytest.raises(ConfigurationError, match=f"{key}.*cloud_run://PROJECT/REGION/JOB"):
        CloudRunBackend(Settings(), **{**PLACE, part: ""})


def test_a_local_store_is_refused_for_a_job_elsewhere(tmp_path: Path, cloud: CloudRunWorld):
    from llm_convert.execution.backends.job_environment import job_environment

    with pytest.raises(ConfigurationError, match="LLM_CONVERT_STORE=gs://"):
        job_environment(Settings(home=tmp_path), request(), RUN)
    told = job_environment(Settings(home=tmp_path, store="gs://b/p"), request(), RUN)
    assert told["LLM_CONVERT_STORE"] == "gs://b/p"
    assert "LLM_CONVERT_WAREHOUSE" not in told


def test_a_handle_of_another_backend_is_a_configuration_fault(cloud: CloudRunWorld):
    with pytest.raises(ConfigurationError, match="no execution of Cloud Run"):
        cloud.backend().status(ExecutionHandle(backend="subprocess", name="pid-1"))
