"""Executions of Cloud Run watched to their end: what went wrong is told as such, with the remedy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from cloud_run_world import JOB, CloudRunWorld
from execution_world import request, wait_for

from llm_convert.clock import SystemClock
from llm_convert.contracts.report import Report
from llm_convert.errors import ConfigurationError
from llm_convert.execution import errors
from llm_convert.execution.backends.cloud_run import CloudRunBackend
from llm_convert.execution.diagnosis import Ailment
from llm_convert.execution.launch import Launched, launch_or_attach
from llm_convert.execution.watch import watch

SAMPLE_JOB = Path(__file__).with_name("sample_job.py")


def deploy(cloud: CloudRunWorld, *behaviour: str, **changes: object) -> CloudRunBackend:
    command = [sys.executable, str(SAMPLE_JOB), str(cloud.home / "store"), *behaviour]
    environment = {"PYTHONPATH": os.pathsep.join([str(SAMPLE_JOB.parent), *sys.path])}
    cloud.emulator.deploy(JOB, command=command, env=environment, **{"max_retries": 0, **changes})
    return cloud.backend()


def launch(cloud: CloudRunWorld, backend: CloudRunBackend) -> Launched:
    return launch_or_attach(cloud.store, backend, request(), clock=SystemClock())


def follow(cloud: CloudRunWorld, backend: CloudRunBackend, *, deadline_seconds: float = 60.0) -> Report:
    return watch(
        cloud.store,
        backend,
        launch(cloud, backend),
        request(),
        clock=SystemClock(),
        poll_seconds=0.05,
        deadline_seconds=deadline_seconds,
        on_message=lambda message: None,
    )


def test_a_good_run_ends_with_its_report(cloud: CloudRunWorld):
    backend = deploy(cloud, "open:1", "item", "report:1", "close:0:1")
    assert follow(cloud, backend).run_id == "night-1-01"
    assert launch(cloud, backend).finished is not None
    assert len(cloud.emulator.executions) == 1


def test_a_retried_task_counts_by_its_newest_attempt(cloud: CloudRunWorld):
    script = f"""
    job="{sys.executable} {SAMPLE_JOB} {cloud.home}/store"
    if [ "$CLOUD_RUN_TASK_ATTEMPT" = 0 ]; then exec $job open:1 flush die; fi
    exec $job open:1 item report:1 close:0:1
    """
    environment = {"PYTHONPATH": os.pathsep.join([str(SAMPLE_JOB.parent), *sys.path])}
    cloud.emulator.deploy(JOB, command=["sh", "-c", script], env=environment, max_retries=1)
    assert follow(cloud, cloud.backend()).run_id == "night-1-01"


def test_a_killed_job_tells_signal_stage_document_and_remedy(cloud: CloudRunWorld):
    backend = deploy(cloud, "open:3", "item", "flush", "die")
    with pytest.raises(errors.ExecutionTryAgainError) as caught:
        follow(cloud, backend)
    error = caught.value
    assert (error.signal_number, error.diagnosis.ailment) == (9, Ailment.OUT_OF_MEMORY)
    for words in ("SIGKILL", "주간 보고 1.xlsx", "gcloud run jobs update claude-agent-sdk-batch-job", "--memory"):
        assert words in str(error)
    assert "Log: https://console.cloud.google.com/" in str(error)


def test_an_image_that_is_missing_is_a_configuration_fault(cloud: CloudRunWorld):
    backend = deploy(cloud, "close:0:0")
    cloud.emulator.dials.images = []
    with pytest.raises(errors.ExecutionConfigurationError, match=r"image can't be found.*not found.*--image IMAGE"):
        follow(cloud, backend)


def test_the_platforms_task_timeout_is_told_with_the_variable(cloud: CloudRunWorld):
    deploy(cloud, "open:3", "flush", "sleep:30")
    cloud.emulator.dials.grace_seconds = 0.1
    backend = cloud.backend(job_timeout_seconds=1)
    with pytest.raises(errors.ExecutionFailedError, match="LLM_CONVERT_JOB_TIMEOUT_SECONDS") as caught:
        follow(cloud, backend)
    assert caught.value.diagnosis.ailment is Ailment.TIMED_OUT


def test_past_the_deadline_it_is_cancelled(cloud: CloudRunWorld):
    backend = deploy(cloud, "open:3", "flush", "sleep:30")
    with pytest.raises(errors.ExecutionTimedOutError, match=r"longer than 1 s and was cancelled"):
        follow(cloud, backend, deadline_seconds=1)
    (execution,) = cloud.emulator.executions
    assert execution.cancelled_count == 1


def test_a_cancelled_one_is_no_success(cloud: CloudRunWorld):
    backend = deploy(cloud, "open:3", "flush", "sleep:30")
    backend.cancel(launch(cloud, backend).handle)
    with pytest.raises(errors.ExecutionCancelledError, match="task 0 was last seen"):
        follow_started(cloud, backend)


def follow_started(cloud: CloudRunWorld, backend: CloudRunBackend) -> Report:
    """Watch the execution that is there, whatever became of it."""
    from llm_convert.contracts import keys
    from llm_convert.contracts.launch import Launch
    from llm_convert.objects import read_model

    stored = read_model(cloud.store, keys.launch("c8cd3500", "20251107140000", "night-1-01"), Launch)
    launched = Launched(run_id=stored.run_id, handle=stored.handle, attached=True)
    return watch(
        cloud.store,
        backend,
        launched,
        request(),
        clock=SystemClock(),
        poll_seconds=0.05,
        deadline_seconds=60,
        on_message=lambda message: None,
    )


def test_one_that_was_deleted_is_silent_and_tried_again(cloud: CloudRunWorld):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import run_v2

    backend = deploy(cloud, "open:3", "flush", "sleep:30")
    handle = launch(cloud, backend).handle
    options = {"api_endpoint": cloud.emulator.url}
    client = run_v2.ExecutionsClient(transport="rest", credentials=AnonymousCredentials(), client_options=options)
    client.delete_execution(name=handle.name)
    wait_for(lambda: backend.status(handle).over)
    with pytest.raises(errors.ExecutionSilentError, match="it was deleted"):
        follow_started(cloud, backend)
    cloud.deploy("sleep 30")
    assert launch(cloud, backend).run_id == "night-1-02"


def test_without_credentials_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from cloud_run_world import PLACE

    from llm_convert.settings import Settings

    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    backend = CloudRunBackend(Settings(home=tmp_path, store="gs://b/p"), **PLACE)
    with pytest.raises(ConfigurationError, match="gcloud auth application-default login"):
        backend.start(request(), "night-1-01")


def test_a_package_that_is_missing_names_the_extra(cloud: CloudRunWorld, monkeypatch: pytest.MonkeyPatch):
    backend = cloud.deploy("true")
    monkeypatch.setitem(sys.modules, "google.cloud.run_v2", None)
    with pytest.raises(ConfigurationError, match=r"airflow-provider-llm-convert\[gcp\]"):
        backend.start(request(), "night-1-01")
