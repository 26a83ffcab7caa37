from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.register_assert_rewrite("llm_convert.testing.contracts.job_backend")

from cloud_run_world import JOB  # noqa: E402
from execution_world import LaterClock, request, wait_for  # noqa: E402

from llm_convert.clock import SystemClock  # noqa: E402
from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, ExecutionStatus  # noqa: E402
from llm_convert.errors import ConfigurationError, UnavailableError  # noqa: E402
from llm_convert.execution import errors  # noqa: E402
from llm_convert.execution.backends.cloud_build import CloudBuildBackend, tag_of  # noqa: E402
from llm_convert.execution.backends.cloud_build_names import BuildOptions  # noqa: E402
from llm_convert.execution.diagnosis import Ailment, diagnose  # noqa: E402
from llm_convert.execution.launch import INTENT_GRACE_SECONDS, launch_or_attach  # noqa: E402
from llm_convert.execution.verdict import verdict  # noqa: E402
from llm_convert.execution.watch import watch  # noqa: E402
from llm_convert.settings import Settings  # noqa: E402
from llm_convert.stores.local import LocalObjectStore  # noqa: E402
from llm_convert.testing.contracts.job_backend import (  # noqa: E402
    BackendFor,
    JobBackendContract,
    wait_for_end,
)
from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator  # noqa: E402
from llm_convert.testing.emulators.cloud_run import CloudRunEmulator  # noqa: E402

RUN = "night-1-01"
SAMPLE_JOB = Path(__file__).with_name("sample_job.py")


@dataclass
class BuildWorld:
    emulator: CloudBuildEmulator
    home: Path

    def backend(self, *command: str, options: dict[str, str] | None = None, **changes: object) -> CloudBuildBackend:
        settings = Settings(home=self.home, cloud_build_endpoint=self.emulator.url).model_copy(update=changes)
        place = {"project": "hyperlounge-dev", "region": "asia-northeast3"}
        return CloudBuildBackend(settings, **place, options=options or {"image": "job"}, command=command or ("true",))


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[BuildWorld]:
    environment = {"PYTHONPATH": os.pathsep.join([str(SAMPLE_JOB.parent), *sys.path])}
    with CloudBuildEmulator(base_env=environment) as emulator:
        emulator.dials.grace_seconds = 0.5
        yield BuildWorld(emulator=emulator, home=tmp_path)


class TestCloudBuildBackend(JobBackendContract):
    tells_stopping = False

    @pytest.fixture
    def backend_for(self, builds: BuildWorld) -> BackendFor:
        return lambda command: builds.backend(*command)


def test_a_build_is_one_step_without_a_shell(builds: BuildWorld):
    options = {"image": "asia/p/r/job:1", "machine": "e2-highcpu-8", "service_account": "job@p.iam"}
    backend = builds.backend(options=options, job_timeout_seconds=90.5)
    odd = "가격 'x' $(rm -rf /) `id` $HOME ${_A} $$ \\ \" ;"
    handle = backend.start(request(prompt_id=odd), RUN)
    assert wait_for_end(backend, handle).state is ExecutionState.SUCCEEDED
    (build,) = builds.emulator.builds
    (step,) = build.steps
    assert (step.name, step.entrypoint, list(step.args), step.script) == ("asia/p/r/job:1", "true", [], "")
    assert f"PROMPT_ID={odd}" in step.env
    assert build.timeout.total_seconds() == 91
    assert build.options.machine_type.name == "E2_HIGHCPU_8"
    assert build.service_account == "projects/hyperlounge-dev/serviceAccounts/job@p.iam"
    assert handle.name == f"projects/hyperlounge-dev/locations/asia-northeast3/builds/{build.id}"
    assert handle.log_url.startswith("http")
    assert backend.logs(handle) == handle.log_url


def test_the_environment_arrives_as_it_was_meant(builds: BuildWorld):
    odd = "가격 'x' $(rm -rf /) `id` $HOME ${_A} $$ \\ \" ;"
    backend = builds.backend(sys.executable, "-c", "import os; print(ascii(os.environ['PROMPT_ID']))")
    handle = backend.start(request(prompt_id=odd), RUN)
    wait_for_end(backend, handle)
    assert ascii(odd) in builds.emulator.logs(handle.name.rpartition("/")[2])


def test_by_default_it_is_the_job(builds: BuildWorld):
    from llm_convert.execution.backends.cloud_build import COMMAND

    assert COMMAND == ("python", "-m", "llm_convert.job")


def test_the_image_may_be_that_of_a_cloud_run_job(builds: BuildWorld):
    with CloudRunEmulator() as cloud_run:
        cloud_run.deploy(JOB, image="asia/p/r/job:7")
        backend = builds.backend(
            options={"job": "asia-northeast1/claude-agent-sdk-batch-job"}, cloud_run_endpoint=cloud_run.url
        )
        backend.start(request(), RUN)
    assert builds.emulator.builds[0].steps[0].name == "asia/p/r/job:7"


def test_a_lost_build_is_found_by_its_tag(builds: BuildWorld):
    backend = builds.backend("sleep", "30")
    builds.emulator.dials.lose_next["CreateBuild"] = 1
    with pytest.raises(UnavailableError, match="A build may have been created"):
        backend.start(request(), RUN)
    found = backend.find(request(), RUN)
    assert found is not None
    assert found.name.endswith(builds.emulator.builds[0].id)
    assert backend.find(request(tenant="other"), RUN) is None


@pytest.mark.parametrize("lost", [False, True])
def test_one_build_for_one_piece_of_work(builds: BuildWorld, lost: bool):
    backend, store = builds.backend("sleep", "30"), LocalObjectStore(builds.home / "store")
    builds.emulator.dials.lose_next["CreateBuild"] = int(lost)
    launched = launch_or_attach(store, backend, request(), clock=LaterClock(0.001))
    again = launch_or_attach(store, backend, request(), clock=LaterClock(INTENT_GRACE_SECONDS + 1))
    assert again.attached
    assert again.handle == launched.handle
    (build,) = builds.emulator.builds
    assert tag_of(request(), launched.run_id) in build.tags


def test_a_start_is_never_retried(builds: BuildWorld):
    builds.emulator.dials.fail_next["CreateBuild"] = ["UNAVAILABLE", "UNAVAILABLE"]
    with pytest.raises(UnavailableError):
        builds.backend().start(request(), RUN)
    assert [call.method for call in builds.emulator.calls] == ["CreateBuild"]


def test_a_refusal_names_role_and_project(builds: BuildWorld):
    builds.emulator.dials.missing_permissions = {"cloudbuild.builds.create"}
    with pytest.raises(ConfigurationError, match=r"hyperlounge-dev .*roles/cloudbuild\.builds\.editor"):
        builds.backend().start(request(), RUN)


@pytest.mark.parametrize(
    ("command", "dials", "changes", "ailment"),
    [
        (("sleep", "30"), {}, {"job_timeout_seconds": 0.2}, Ailment.TIMED_OUT),
        (("true",), {"images": ["another"]}, {}, Ailment.IMAGE_MISSING),
        (("no-such-program",), {}, {}, Ailment.NOT_STARTED),
        (("sh", "-c", "kill -KILL $$"), {}, {}, Ailment.OUT_OF_MEMORY),
    ],
)
def test_endings_are_diagnosed(builds: BuildWorld, command, dials, changes, ailment):
    for name, value in dials.items():
        setattr(builds.emulator.dials, name, value)
    backend = builds.backend(*command, **changes)
    handle = backend.start(request(), RUN)
    status = wait_for_end(backend, handle)
    assert status.state is ExecutionState.FAILED
    found = diagnose(status, execution=handle.name)
    assert found is not None, status
    assert found.ailment is ailment
    if ailment is Ailment.OUT_OF_MEMORY:
        assert (status.signal, status.exit_code) == (signal.SIGKILL, None)


def test_results_are_read_from_the_store(builds: BuildWorld):
    store = LocalObjectStore(builds.home / "store")
    behaviour = ("open:1", "item", "report:1", "close:0:1")
    backend = builds.backend(sys.executable, str(SAMPLE_JOB), str(builds.home / "store"), *behaviour)
    launched = launch_or_attach(store, backend, request(), clock=SystemClock())
    report = watch(
        store,
        backend,
        launched,
        request(),
        clock=SystemClock(),
        poll_seconds=0.05,
        deadline_seconds=30,
        on_message=lambda message: None,
    )
    assert report.run_id == RUN


def test_what_is_gone_has_ended_and_outages_say_nothing(builds: BuildWorld):
    backend = builds.backend("sleep", "30")
    handle = backend.start(request(), RUN)
    builds.emulator.dials.fail_next["GetBuild"] = ["UNAVAILABLE"]
    with pytest.raises(UnavailableError):
        backend.status(handle)
    assert backend.status(handle) == ExecutionStatus(state=ExecutionState.RUNNING)
    gone = ExecutionHandle(backend="cloud_build", name=handle.name[:-1] + "z")
    assert backend.status(gone).reason == "NOT_FOUND"
    with pytest.raises(ConfigurationError, match="no build of Cloud Build"):
        backend.status(ExecutionHandle(backend="cloud_run", name=f"{JOB}/executions/x"))
    backend.cancel(handle)
    wait_for(lambda: backend.status(handle).over)
    with pytest.raises(errors.ExecutionCancelledError):
        verdict(backend.status(handle), {}, None).result()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, r"cloud_build://PROJECT/REGION\?image=IMAGE"),
        ({"image": "i", "machin": "x"}, "'machine'"),
        ({"image": "i", "machine": "e2-highcpu-9"}, "E2_HIGHCPU_8"),
    ],
)
def test_options_are_checked(options: dict[str, str], words: str):
    with pytest.raises(ConfigurationError, match=words):
        BuildOptions.of(options)


@pytest.mark.parametrize(("part", "key"), [("project", "project_id"), ("region", "llm_job_region")])
def test_what_is_not_known_names_the_key(part: str, key: str):
    place = {"project": "p", "region": "r", part: ""}
    with pytest.raises(ConfigurationError, match=key):
        CloudBuildBackend(Settings(), **place, options={"image": "i"})
