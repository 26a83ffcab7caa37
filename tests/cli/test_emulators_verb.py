"""``llm-convert emulators`` as people start it: a process, its lines to export, Google's own clients, an end."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

COMMAND = [sys.executable, "-m", "llm_convert.cli.main", "emulators"]
PORTS = ("gcs", "bigquery", "cloud-run", "cloud-run-grpc", "cloud-build", "cloud-build-grpc", "model")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return found


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The running verb and what it says to export."""
    started = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(60, started.kill)
    try:
        assert started.stdout is not None
        exported: dict[str, str] = {}
        # A verb that prints nothing, or does not flush it, is ended instead of waited for without end.
        watchdog.start()
        while True:
            line = started.stdout.readline()
            assert line, started.communicate()[1]
            if line.startswith("# Serving"):
                break
            if line.startswith("#"):
                assert line.rstrip().endswith(f"grpc://{exported['CLOUD_RUN_EMULATOR_GRPC_HOST']}")
                continue
            word, assignment = shlex.split(line)
            assert word == "export"
            name, _, value = assignment.partition("=")
            exported[name] = value
        watchdog.cancel()
        yield started, exported
    finally:
        watchdog.cancel()
        if started.poll() is None:
            started.kill()
        started.communicate()


@pytest.fixture(scope="module")
def exported() -> Iterator[dict[str, str]]:
    with serving("--project", "p1") as (_, found):
        yield found


def test_it_prints_what_every_client_needs(exported: dict[str, str]) -> None:
    assert {
        "STORAGE_EMULATOR_HOST",
        "BIGQUERY_EMULATOR_HOST",
        "LLM_CONVERT_CLOUD_RUN_ENDPOINT",
        "LLM_CONVERT_CLOUD_BUILD_ENDPOINT",
        "ANTHROPIC_VERTEX_BASE_URL",
        "ANTHROPIC_VERTEX_PROJECT_ID",
        "CLOUD_ML_REGION",
        "CLOUD_RUN_EMULATOR_GRPC_HOST",
        "GOOGLE_CLOUD_PROJECT",
    } <= set(exported)
    assert exported["GOOGLE_CLOUD_PROJECT"] == exported["ANTHROPIC_VERTEX_PROJECT_ID"] == "p1"
    for name, value in exported.items():
        if "HOST" in name or "URL" in name or "ENDPOINT" in name:
            assert re.search(r"127\.0\.0\.1:\d+", value), (name, value)


def test_googles_storage_and_bigquery_clients_are_served(
    exported: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery, storage

    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    store = storage.Client()
    assert store.project == "p1"
    bucket = store.create_bucket("bucket-1")
    bucket.blob("가/a.csv").upload_from_string("x,y\n1,2\n3,4\n")
    assert [blob.name for blob in store.list_blobs("bucket-1")] == ["가/a.csv"]
    warehouse = bigquery.Client(project="p1", credentials=AnonymousCredentials())
    warehouse.create_dataset("d1")
    schema = [bigquery.SchemaField("x", "INTEGER"), bigquery.SchemaField("y", "INTEGER")]
    load = bigquery.LoadJobConfig(source_format="CSV", skip_leading_rows=1, schema=schema)
    warehouse.load_table_from_uri("gs://bucket-1/가/a.csv", "p1.d1.t1", job_config=load).result()
    rows = warehouse.query("SELECT SUM(y) AS total FROM `p1.d1.t1`").result()
    assert [row.total for row in rows] == [6]
    store.close()
    warehouse.close()


def test_a_job_that_cloud_run_starts_finds_the_other_services(exported: dict[str, str]) -> None:
    import grpc
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import run_v2
    from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport

    code = "import os; assert os.environ['STORAGE_EMULATOR_HOST'] == " + repr(exported["STORAGE_EMULATOR_HOST"])
    container = run_v2.Container(image="i", command=[sys.executable], args=["-c", code])
    template = run_v2.ExecutionTemplate(template=run_v2.TaskTemplate(containers=[container], max_retries=0))
    parent = "projects/p1/locations/asia-northeast1"
    rest = run_v2.JobsClient(
        transport="rest",
        client_options={"api_endpoint": exported["LLM_CONVERT_CLOUD_RUN_ENDPOINT"]},
        credentials=AnonymousCredentials(),
    )
    rest.create_job(parent=parent, job_id="j1", job=run_v2.Job(template=template)).result(timeout=30)
    channel = grpc.insecure_channel(exported["CLOUD_RUN_EMULATOR_GRPC_HOST"])
    over_grpc = run_v2.JobsClient(transport=JobsGrpcTransport(channel=channel))
    execution = over_grpc.run_job(name=f"{parent}/jobs/j1").result(timeout=30)
    assert execution.succeeded_count == 1
    channel.close()


def test_each_port_can_be_chosen_and_is_free_again_after_the_end() -> None:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    arguments = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    with serving(*arguments) as (started, exported):
        assert exported["STORAGE_EMULATOR_HOST"] == f"http://127.0.0.1:{ports['gcs']}"
        assert str(ports["bigquery"]) in exported["BIGQUERY_EMULATOR_HOST"]
        assert str(ports["cloud-run"]) in exported["LLM_CONVERT_CLOUD_RUN_ENDPOINT"]
        assert exported["CLOUD_RUN_EMULATOR_GRPC_HOST"].endswith(f":{ports['cloud-run-grpc']}")
        assert str(ports["cloud-build"]) in exported["LLM_CONVERT_CLOUD_BUILD_ENDPOINT"]
        assert str(ports["model"]) in exported["ANTHROPIC_VERTEX_BASE_URL"]
        for port in ports.values():
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        started.send_signal(signal.SIGTERM)
        assert started.wait(20) == 0
        assert started.stderr is not None
        assert "the emulators have stopped" in started.stderr.read()
    for port in ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)


def test_ctrl_c_ends_it_cleanly() -> None:
    with serving() as (started, _):
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 0


@pytest.mark.parametrize("name", ["gcs", "cloud-run-grpc", "model"])
def test_a_taken_port_is_told_with_its_option(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*COMMAND, f"--{name}-port", str(port)], capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 78, ended.stderr
    assert f"--{name}-port {port}" in ended.stderr
    assert "Give another port, or 0 for any free one." in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_what_is_no_port_is_refused(port: str) -> None:
    ended = subprocess.run(
        [*COMMAND, "--gcs-port", port], capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert ended.returncode == 2
    assert "--gcs-port" in ended.stderr
