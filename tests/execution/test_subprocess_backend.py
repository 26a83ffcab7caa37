from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.register_assert_rewrite("llm_convert.testing.contracts.job_backend")

from execution_world import World, request, wait_for  # noqa: E402

from llm_convert.contracts.launch import ExecutionHandle, ExecutionState  # noqa: E402
from llm_convert.errors import ConfigurationError, UnavailableError  # noqa: E402
from llm_convert.execution.backends import processes  # noqa: E402
from llm_convert.execution.backends.records import STALE_SECONDS  # noqa: E402
from llm_convert.execution.backends.subprocess import SubprocessBackend  # noqa: E402
from llm_convert.settings import Settings  # noqa: E402
from llm_convert.testing.contracts.job_backend import (  # noqa: E402
    BackendFor,
    JobBackendContract,
    wait_for_end,
)


class TestSubprocessBackend(JobBackendContract):
    @pytest.fixture
    def backend_for(self, tmp_path: Path) -> BackendFor:
        return lambda command: SubprocessBackend(Settings(home=tmp_path), command=command, grace_seconds=1.0)


def record_of(handle: ExecutionHandle) -> dict:
    return json.loads(Path(handle.facts["record"]).read_text())


def changed(handle: ExecutionHandle, **facts: str) -> ExecutionHandle:
    return handle.model_copy(update={"facts": {**handle.facts, **facts}})


def test_a_run_is_started_once_however_often_it_is_asked_for(world: World):
    backend = world.shell("sleep 20")
    first = backend.start(request(), "night-1-01")
    assert backend.start(request(), "night-1-01") == first
    wait_for(lambda: world.started)
    assert world.started == ["night-1-01"]


def test_runs_of_the_same_name_in_two_tenants_are_two(world: World):
    backend = world.shell("true")
    one = backend.start(request(), "night-1-01")
    two = backend.start(request(tenant="other"), "night-1-01")
    assert one.facts["record"] != two.facts["record"]
    assert wait_for_end(backend, one).state is wait_for_end(backend, two).state is ExecutionState.SUCCEEDED
    assert len(world.started) == 2


def test_a_job_that_ignores_sigterm_is_killed_with_its_children(world: World):
    backend = world.shell(f"trap '' TERM; sleep 60 & echo $! > {world.home}/child; while :; do sleep 0.05; done")
    handle = backend.start(request(), "night-1-01")
    child = world.home / "child"
    wait_for(lambda: child.exists() and child.read_text().strip())
    backend.cancel(handle)
    status = wait_for_end(backend, handle)
    assert (status.state, status.signal) == (ExecutionState.CANCELLED, signal.SIGKILL)
    wait_for(lambda: processes.started_at(int(child.read_text())) is None)


def test_sigterm_of_the_machine_is_passed_on_and_is_no_cancel(world: World):
    backend = world.shell("trap 'exit 75' TERM; echo ready; while :; do sleep 0.05; done")
    handle = backend.start(request(), "night-1-01")
    wait_for(lambda: "ready" in backend.logs(handle))
    os.kill(int(handle.facts["pid"]), signal.SIGTERM)
    status = wait_for_end(backend, handle)
    assert (status.state, status.exit_code) == (ExecutionState.FAILED, 75)


def test_a_job_without_its_supervisor_still_runs_and_then_ended(world: World):
    backend = world.shell("sleep 20")
    handle = backend.start(request(), "night-1-01")
    wait_for(lambda: "job_pid" in record_of(handle))
    os.kill(int(handle.facts["pid"]), signal.SIGKILL)
    wait_for(lambda: processes.started_at(int(handle.facts["pid"])) is None)
    assert backend.status(handle).state is ExecutionState.RUNNING
    os.kill(record_of(handle)["job_pid"], signal.SIGKILL)
    status = wait_for_end(backend, handle)
    assert (status.state, status.exit_code, status.signal) == (ExecutionState.ENDED, None, None)


def test_an_orphaned_job_can_be_cancelled(world: World):
    backend = world.shell("sleep 20")
    handle = backend.start(request(), "night-1-01")
    wait_for(lambda: "job_pid" in record_of(handle))
    os.kill(int(handle.facts["pid"]), signal.SIGKILL)
    wait_for(lambda: processes.started_at(int(handle.facts["pid"])) is None)
    backend.cancel(handle)
    assert wait_for_end(backend, handle).state is ExecutionState.CANCELLED


def test_a_recycled_pid_is_not_taken_for_the_job(world: World):
    """The pid is that of a living process, this one: only its start time tells that it is another."""
    backend = world.shell("true")
    handle = backend.start(request(), "night-1-01")
    wait_for_end(backend, handle)
    Path(handle.facts["record"]).with_suffix(".exit.json").unlink()
    recycled = changed(handle, pid=str(os.getpid()))
    assert processes.started_at(os.getpid()) not in (None, handle.facts["started"])
    assert backend.status(recycled).state is ExecutionState.ENDED
    backend.cancel(recycled)
    same = changed(recycled, started=processes.started_at(os.getpid()))
    assert backend.status(same).state is ExecutionState.RUNNING


def test_after_a_reboot_nothing_of_before_runs(world: World):
    backend = world.shell("sleep 20")
    handle = backend.start(request(), "night-1-01")
    assert backend.status(handle).state is ExecutionState.RUNNING
    assert backend.status(changed(handle, boot="another")).state is ExecutionState.ENDED


def test_another_machine_sees_the_heartbeat_and_can_cancel_by_the_mark(world: World):
    backend = world.shell("sleep 20")
    handle = backend.start(request(), "night-1-01")
    far = changed(handle, host="another")
    assert backend.status(far).state is ExecutionState.RUNNING
    backend.cancel(far)
    assert backend.status(handle).stopping
    os.kill(int(handle.facts["pid"]), signal.SIGCHLD)  # wakes it before its next heartbeat
    wait_for(lambda: backend.status(far).over)
    assert backend.status(far).state is ExecutionState.CANCELLED


def test_another_machine_whose_heart_stopped_is_over(world: World):
    backend = world.shell("sleep 20")
    handle = backend.start(request(), "night-1-01")
    wait_for(lambda: "job_pid" in record_of(handle))
    for pid in (int(handle.facts["pid"]), record_of(handle)["job_pid"]):
        os.kill(pid, signal.SIGKILL)
    stale = time.time() - STALE_SECONDS - 1
    os.utime(handle.facts["record"], (stale, stale))
    assert backend.status(changed(handle, host="another")).state is ExecutionState.ENDED


def test_another_machine_without_a_shared_disk_can_not_be_told_of(world: World):
    backend = world.shell("true")
    handle = changed(backend.start(request(), "night-1-01"), host="another", record=str(world.home / "gone.json"))
    with pytest.raises(UnavailableError, match="LLM_CONVERT_HOME"):
        backend.status(handle)
    long_ago = str(time.time() - Settings().job_timeout_seconds - 1)
    assert backend.status(changed(handle, since=long_ago)).state is ExecutionState.ENDED


def test_a_command_that_does_not_exist_is_a_configuration_fault(world: World):
    backend = world.backend(["no-such-command-here"])
    status = wait_for_end(backend, backend.start(request(), "night-1-01"))
    assert (status.state, status.exit_code) == (ExecutionState.FAILED, 78)
    assert "no-such-command-here" in status.detail


def test_the_job_inherits_nothing_of_another_run(world: World, monkeypatch: pytest.MonkeyPatch):
    for name in ("LLM_CONVERT_FORCE", "LLM_CONVERT_STORE", "FILE_ID", "PROMPT_ID", "CLOUD_RUN_TASK_INDEX"):
        monkeypatch.setenv(name, "of-another-run")
    monkeypatch.setenv("MY_OWN", "kept")
    settings = Settings(home=world.home, concurrency=3, vertex_access_token="secret")
    backend = SubprocessBackend(settings, command=[sys.executable, "-c", "import os; print(dict(os.environ))"])
    handle = backend.start(request(prompt_id="weekly_summary", force=True), "night-1-01")
    assert wait_for_end(backend, handle).exit_code == 0
    told = backend.logs(handle)
    assert "of-another-run" not in told
    for expected in (
        "'MY_OWN': 'kept'",
        "'LLM_CONVERT_CONCURRENCY': '3'",
        "'PROMPT_ID': 'weekly_summary'",
        "'LLM_CONVERT_FORCE': 'true'",
    ):
        assert expected in told
    assert "'LLM_CONVERT_VERTEX_ACCESS_TOKEN': 'secret'" in told
    assert "secret" not in handle.to_json().decode() + Path(handle.facts["record"]).read_text()


def test_logs_are_the_last_lines_of_both_streams(world: World):
    backend = world.shell("for i in $(seq 80); do echo line $i; done; printf 'caf\\351 last' >&2")
    handle = backend.start(request(), "night-1-01")
    wait_for_end(backend, handle)
    lines = backend.logs(handle).splitlines()
    assert len(lines) == 50
    assert lines[0] == "line 32"
    assert lines[-1] == "caf\ufffd last"
    assert backend.logs(changed(handle, log=str(world.home / "gone"))) == ""


def test_a_home_that_can_not_be_written_is_a_configuration_fault(tmp_path: Path):
    (tmp_path / "home").write_text("a file")
    backend = SubprocessBackend(Settings(home=tmp_path / "home"), command=["true"])
    with pytest.raises(ConfigurationError, match="LLM_CONVERT_HOME"):
        backend.start(request(), "night-1-01")


def test_another_backends_handle_is_refused(world: World):
    with pytest.raises(ConfigurationError, match="LLM_CONVERT_BACKEND=cloud_run"):
        world.shell("true").status(ExecutionHandle(backend="cloud_run", name="x"))


def test_a_zombie_is_gone():
    child = subprocess.Popen(["true"])
    wait_for(lambda: processes.started_at(child.pid) is None)
    child.wait()
    assert processes.started_at(os.getpid()) is not None


def test_the_supervisor_starts_with_the_standard_library_alone():
    code = (
        "import sys; before = set(sys.modules)\n"
        "import llm_convert.execution.backends.supervise\n"
        "new = {name.partition('.')[0] for name in sys.modules.keys() - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "['llm_convert']"


def test_supervisor_and_job_belong_to_no_group_of_the_launcher(world: World):
    """A platform that kills a worker kills its process group: neither may be in it, nor the job with its supervisor."""
    backend = world.shell("sleep 20")
    handle = backend.start(request(), "night-1-01")
    wait_for(lambda: "job_pid" in record_of(handle))
    supervisor, job = int(handle.facts["pid"]), record_of(handle)["job_pid"]
    assert os.getsid(supervisor) == os.getpgid(supervisor) == supervisor
    assert os.getpgid(job) == job
