"""Executions as real processes, by the vendor's own clients."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path

import pytest
from cloud_run_kit import JOB, LOCATION, Clients, completed, deploy, over, until
from google.api_core import exceptions
from google.cloud import run_v2
from google.longrunning import operations_pb2

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator


def run(clients: Clients, **overrides: object) -> str:
    """Start an execution; its name, known from the operation's metadata before anything waits."""
    operation = clients.jobs.run_job(run_v2.RunJobRequest(name=JOB, overrides=overrides))
    assert isinstance(operation.metadata, run_v2.Execution)
    return str(operation.metadata.name)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_ends_with_its_execution(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "echo hello", task_count=2)
    execution = clients.jobs.run_job(name=JOB).result(timeout=10)
    assert execution.name.startswith(f"{JOB}/executions/convert-")
    assert len(execution.name.rpartition("-")[2]) == 5
    assert (execution.task_count, execution.succeeded_count, execution.running_count) == (2, 2, 0)
    assert completed(execution).state.name == "CONDITION_SUCCEEDED"
    assert completed(execution).message.startswith("Execution completed successfully in ")
    assert execution.create_time <= execution.start_time <= execution.completion_time
    assert execution.log_uri.startswith("https://console.cloud.google.com/logs/viewer?project=demo")
    assert cloud_run.logs(execution.name).count("hello") == 2
    job = clients.jobs.get_job(name=JOB)
    assert job.execution_count == 1
    assert job.latest_created_execution.name == execution.name
    assert job.latest_created_execution.completion_status.name == "EXECUTION_SUCCEEDED"


def test_overrides_replace_arguments_and_merge_variables(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    cloud_run.deploy(
        JOB,
        command=["python", "-c", "import json,os,sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"],
        args=["of the job"],
        env={"KEPT": "1", "CHANGED": "old"},
        max_retries=0,
    )
    env = [{"name": "CHANGED", "value": "new 값; $(touch x)"}, {"name": "ADDED", "value": ""}]
    name = run(clients, container_overrides=[{"args": ["a b", "'c'"], "env": env}], task_count=2, timeout="30s")
    execution = over(clients, name)
    seen = [json.loads(line) for line in cloud_run.logs(name).splitlines() if line.startswith("[")]
    assert [arguments for arguments, _ in seen] == [["a b", "'c'"]] * 2
    environment = seen[1][1]
    assert {key: environment[key] for key in ("KEPT", "CHANGED", "ADDED")} == {
        "KEPT": "1",
        "CHANGED": "new 값; $(touch x)",
        "ADDED": "",
    }
    assert {key: value for key, value in environment.items() if key.startswith("CLOUD_RUN_")} == {
        "CLOUD_RUN_JOB": "convert",
        "CLOUD_RUN_EXECUTION": name.rpartition("/")[2],
        "CLOUD_RUN_TASK_INDEX": "1",
        "CLOUD_RUN_TASK_COUNT": "2",
        "CLOUD_RUN_TASK_ATTEMPT": "0",
    }
    assert "PYTEST_CURRENT_TEST" not in environment
    assert (execution.task_count, execution.template.timeout.seconds) == (2, 30)
    assert clients.jobs.get_job(name=JOB).template.template.timeout.seconds == 600


def test_arguments_can_be_cleared(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    cloud_run.deploy(JOB, command=["echo", "fixed"], args=["given"])
    name = run(rest, container_overrides=[{"clear_args": True}])
    over(rest, name)
    assert cloud_run.logs(name).splitlines()[0] == "fixed"


def test_a_container_that_the_job_does_not_have_is_refused(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    with pytest.raises(exceptions.BadRequest, match="no container 'sidecar'"):
        run(clients, container_overrides=[{"name": "sidecar", "args": ["x"]}])
    assert cloud_run.executions == ()


def test_an_old_etag_starts_nothing(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    etag = clients.jobs.get_job(name=JOB).etag
    deploy(cloud_run, "false")
    with pytest.raises(exceptions.Conflict):
        clients.jobs.run_job(run_v2.RunJobRequest(name=JOB, etag=etag))
    assert cloud_run.executions == ()


def test_validate_only_starts_nothing(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    clients.jobs.run_job(run_v2.RunJobRequest(name=JOB, validate_only=True)).result(timeout=5)
    assert cloud_run.executions == ()


def test_a_job_that_is_not_there(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound, match="of kind 'JOB'"):
        clients.jobs.run_job(name=JOB)
    with pytest.raises(exceptions.NotFound, match="of kind 'EXECUTION'"):
        clients.executions.get_execution(name=f"{JOB}/executions/convert-abcde")


def test_a_failed_run_is_an_error_of_its_operation(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "echo oh; exit 65", max_retries=1)
    operation = clients.jobs.run_job(name=JOB)
    name = operation.metadata.name
    words = (
        f"Task {name.rpartition('/')[2]}-task0 failed with exit code: 65 and message: "
        "The container exited with an error."
    )
    with pytest.raises(exceptions.GoogleAPICallError, match=words) as caught:
        operation.result(timeout=10)
    assert caught.value.grpc_status_code.name == "INTERNAL"
    execution = clients.executions.get_execution(name=name)
    assert (execution.failed_count, execution.succeeded_count, execution.retried_count) == (1, 0, 1)
    condition = completed(execution)
    assert (condition.state.name, condition.message) == ("CONDITION_FAILED", words)
    assert condition.execution_reason.name == "NON_ZERO_EXIT_CODE"
    task = clients.tasks.get_task(name=f"{name}/tasks/{name.rpartition('/')[2]}-task0")
    assert (task.retried, task.last_attempt_result.exit_code, task.last_attempt_result.term_signal) == (1, 65, 0)
    assert task.last_attempt_result.status.message == "The container exited with an error."
    assert cloud_run.logs(name).count("oh\n") == 2


def test_or_it_is_an_execution_with_counts(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    cloud_run.dials.failed_execution_as = "execution"
    deploy(cloud_run, "exit 1", max_retries=0)
    execution = clients.jobs.run_job(name=JOB).result(timeout=10)
    assert (execution.failed_count, completed(execution).state.name) == (1, "CONDITION_FAILED")


def test_a_retry_sees_its_attempt_and_may_succeed(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, 'test "$CLOUD_RUN_TASK_ATTEMPT" = 2', max_retries=3)
    execution = rest.jobs.run_job(name=JOB).result(timeout=10)
    assert (execution.succeeded_count, execution.failed_count, execution.retried_count) == (1, 0, 1)
    (task,) = rest.tasks.list_tasks(parent=execution.name)
    assert (task.retried, task.last_attempt_result.exit_code) == (2, 0)


def test_one_failed_task_lets_the_others_finish(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, 'test "$CLOUD_RUN_TASK_INDEX" != 0', task_count=3, parallelism=1, max_retries=0)
    execution = over(clients, run(clients))
    assert (execution.parallelism, execution.succeeded_count, execution.failed_count) == (1, 2, 1)
    request = run_v2.ListTasksRequest(parent=execution.name, page_size=2)
    assert [task.index for task in clients.tasks.list_tasks(request)] == [0, 1, 2]


def test_no_more_tasks_at_once_than_the_parallelism(cloud_run: CloudRunEmulator, rest: Clients, tmp_path: Path) -> None:
    mine = f"{tmp_path}/$CLOUD_RUN_TASK_INDEX"
    script = f"mkdir {mine}; ls {tmp_path} | wc -l; sleep 0.1; rmdir {mine}"
    deploy(cloud_run, script, task_count=6, parallelism=2)
    execution = over(rest, run(rest))
    counts = {int(line) for line in cloud_run.logs(execution.name).split() if line.isdigit()}
    assert execution.succeeded_count == 6
    assert max(counts) == 2


def test_a_signal_is_told(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "kill -9 $$", max_retries=0)
    execution = over(clients, run(clients))
    (task,) = clients.tasks.list_tasks(parent=execution.name)
    assert (task.last_attempt_result.term_signal, task.last_attempt_result.exit_code) == (9, 0)
    assert "Container terminated on signal 9." in cloud_run.logs(execution.name)


def test_the_timeout_is_of_each_attempt_and_term_comes_before_kill(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, "trap 'echo stopping; exit 75' TERM; sleep 30 & wait", timeout_seconds=0.3, max_retries=1)
    execution = over(rest, run(rest))
    (task,) = rest.tasks.list_tasks(parent=execution.name)
    assert completed(execution).message.endswith("and message: The configured timeout was reached.")
    assert (task.retried, task.last_attempt_result.exit_code) == (1, 75)
    assert cloud_run.logs(execution.name).count("stopping") == 2
    assert "maximum timeout of 0.3 seconds" in cloud_run.logs(execution.name)


def test_a_clean_exit_after_the_timeout_is_still_a_failure(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, "trap 'exit 0' TERM; sleep 30 & wait", timeout_seconds=0.2, max_retries=0)
    execution = over(rest, run(rest))
    assert execution.failed_count == 1
    assert "failed with exit code: 0 and message: The configured timeout was reached." in completed(execution).message


def test_who_ignores_term_is_killed_with_all_its_children(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, "trap '' TERM; sleep 30 & echo child $!; wait; sleep 30", timeout_seconds=0.2, max_retries=0)
    execution = over(rest, run(rest))
    (task,) = rest.tasks.list_tasks(parent=execution.name)
    assert task.last_attempt_result.term_signal == 9
    child = int(cloud_run.logs(execution.name).split()[1])
    until(lambda: not is_alive(child))


def test_cancel(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "echo up; trap 'echo term; exit 75' TERM; sleep 30 & wait", task_count=3, parallelism=2)
    name = run(clients)
    until(lambda: cloud_run.logs(name).count("up") == 2)
    assert clients.executions.get_execution(name=name).running_count == 2
    execution = clients.executions.cancel_execution(name=name).result(timeout=10)
    assert (execution.cancelled_count, execution.failed_count, execution.running_count) == (3, 0, 0)
    condition = completed(execution)
    assert (condition.state.name, condition.execution_reason.name) == ("CONDITION_FAILED", "CANCELLED")
    assert condition.message == "Cancelled by user."
    assert cloud_run.logs(name).count("term") == 2
    status = clients.jobs.get_job(name=JOB).latest_created_execution.completion_status
    assert status.name == "EXECUTION_CANCELLED"
    again = clients.executions.cancel_execution(name=name).result(timeout=10)
    assert again.completion_time == execution.completion_time


def test_a_cancelled_run_is_an_error_of_its_operation(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "sleep 30")
    operation = clients.jobs.run_job(name=JOB)
    clients.executions.cancel_execution(name=operation.metadata.name)
    with pytest.raises(exceptions.Cancelled, match="Cancelled by user"):
        operation.result(timeout=10)


def test_an_image_that_is_not_there(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    cloud_run.dials.images = {"there:1": ["echo", "from the image"]}
    cloud_run.deploy(JOB, image="there:1", args=["and its arguments"])
    name = run(clients)
    assert over(clients, name).succeeded_count == 1
    assert cloud_run.logs(name).startswith("from the image and its arguments\n")
    cloud_run.deploy(JOB, image="gone:1")
    execution = over(clients, run(clients))
    assert completed(execution).message == "Image 'gone:1' not found."
    assert completed(execution).reason.name == "CONTAINER_MISSING"
    assert not execution.start_time
    assert list(clients.tasks.list_tasks(parent=execution.name)) == []


def test_a_command_that_is_not_there(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    cloud_run.deploy(JOB, command=["no-such-program"], max_retries=0)
    execution = over(rest, run(rest))
    (task,) = rest.tasks.list_tasks(parent=execution.name)
    assert task.last_attempt_result.exit_code == 127
    assert "executable file not found in $PATH" in cloud_run.logs(execution.name)


def test_what_cannot_start_fails_and_does_not_hang(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    cloud_run.deploy(JOB, command=["true"], args=["a\0b"], max_retries=0)
    assert over(rest, run(rest)).failed_count == 1
    job = rest.jobs.get_job(name=JOB)
    job.template.template.containers[0].resources.limits["memory"] = "much"
    with pytest.raises(exceptions.BadRequest, match="no quantity"):
        rest.jobs.update_job(job=job)


def test_memory_is_a_limit_when_it_is_enforced(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    cloud_run.dials.enforce_memory_limit = True
    hog = "import time; x = bytearray(60_000_000); x[::4096] = b'1' * len(x[::4096]); time.sleep(20)"
    cloud_run.deploy(JOB, command=["python", "-c", hog], max_retries=0)
    job = rest.jobs.get_job(name=JOB)
    job.template.template.containers[0].resources.limits["memory"] = "32Mi"
    rest.jobs.update_job(job=job)
    execution = over(rest, run(rest))
    (task,) = rest.tasks.list_tasks(parent=execution.name)
    assert task.last_attempt_result.term_signal == 9
    assert completed(execution).message.endswith("The configured memory limit was reached.")
    assert "Memory limit of 32Mi exceeded" in cloud_run.logs(execution.name)


def test_secrets(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, "echo $TOKEN | wc -c")
    job = rest.jobs.get_job(name=JOB)
    source = {"secret_key_ref": {"secret": "projects/demo/secrets/token", "version": "latest"}}
    job.template.template.containers[0].env = [{"name": "TOKEN", "value_source": source}]
    rest.jobs.update_job(job=job)
    assert completed(over(rest, run(rest))).reason.name == "SECRETS_ACCESS_CHECK_FAILED"
    cloud_run.dials.secrets = {"token": "1234"}
    name = run(rest)
    assert over(rest, name).succeeded_count == 1
    assert cloud_run.logs(name).startswith("5\n")


def test_list_is_newest_first_and_pages(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "true")
    names = [run(clients) for _ in range(5)]
    pager = clients.executions.list_executions(run_v2.ListExecutionsRequest(parent=JOB, page_size=2))
    pages = [[execution.name for execution in page.executions] for page in pager.pages]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(itertools.chain(*pages)) == names[::-1]
    anywhere = clients.executions.list_executions(parent=f"{LOCATION}/jobs/-")
    assert [execution.name for execution in anywhere] == names[::-1]


def test_pages_stay_whole_while_executions_come(cloud_run: CloudRunEmulator, rest: Clients) -> None:
    deploy(cloud_run, "true")
    names = [run(rest) for _ in range(4)]
    pages = iter(rest.executions.list_executions(run_v2.ListExecutionsRequest(parent=JOB, page_size=2)).pages)
    seen = [execution.name for execution in next(pages).executions]
    run(rest)
    seen += [execution.name for page in pages for execution in page.executions]
    assert seen == names[::-1]


def test_delete_stops_what_runs(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "echo $$; sleep 30")
    name = run(clients)
    pid = int(until(lambda: cloud_run.logs(name)))
    assert clients.executions.delete_execution(name=name).result(timeout=5).delete_time
    with pytest.raises(exceptions.NotFound):
        clients.executions.get_execution(name=name)
    until(lambda: not is_alive(pid))


def test_operations_can_be_listed_waited_for_and_forgotten(cloud_run: CloudRunEmulator, clients: Clients) -> None:
    deploy(cloud_run, "sleep 0.4")
    operation = clients.jobs.run_job(name=JOB).operation
    assert not operation.done
    got = clients.jobs.get_operation(request={"name": operation.name})
    assert (got.name, got.done) == (operation.name, False)
    began = time.monotonic()
    waited = clients.jobs.wait_operation(request={"name": operation.name, "timeout": {"seconds": 8}})
    if isinstance(waited, bytes):  # The vendor's gRPC transport leaves this one answer unparsed.
        waited = operations_pb2.Operation.FromString(waited)
    assert waited.done
    assert time.monotonic() - began < 5
    listed = clients.jobs.list_operations(request={"name": LOCATION}).operations
    assert operation.name in [found.name for found in listed]
    clients.jobs.delete_operation(request={"name": operation.name})
    with pytest.raises(exceptions.NotFound):
        clients.jobs.get_operation(request={"name": operation.name})


def test_stop_leaves_no_process(rest: Clients, cloud_run: CloudRunEmulator) -> None:
    deploy(cloud_run, "trap '' TERM; echo $$; sleep 60; sleep 60")
    name = run(rest)
    pid = int(until(lambda: cloud_run.logs(name)))
    assert is_alive(pid)
    cloud_run.stop()
    assert not is_alive(pid)
    assert cloud_run.executions[0].cancelled_count == 1
