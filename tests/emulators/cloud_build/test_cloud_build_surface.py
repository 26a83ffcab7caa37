"""Corners of the surface that Google's client reaches: order of steps, paths, filters, gRPC, logs by default."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.devtools import cloudbuild_v1
from google.cloud.devtools.cloudbuild_v1.services.cloud_build.transports import (
    CloudBuildGrpcAsyncIOTransport,
    CloudBuildGrpcTransport,
)
from google.protobuf import duration_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator
from llm_convert.testing.emulators.cloud_build.filters import build_filter
from llm_convert.testing.emulators.cloud_build.places import placed
from llm_convert.testing.emulators.cloud_build.schedule import needs, run_in_order
from llm_convert.testing.emulators.gcs import GcsEmulator
from llm_convert.testing.emulators.google_api import ApiError

Status = cloudbuild_v1.Build.Status


def step(script: str, **more: Any) -> dict[str, Any]:
    return {"name": "ubuntu", "script": script, **more}


def built(client: cloudbuild_v1.CloudBuildClient, *steps: Any, **more: Any) -> cloudbuild_v1.Build:
    return client.create_build(project_id="demo", build=cloudbuild_v1.Build(steps=steps, **more)).result(timeout=20)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[cloudbuild_v1.CloudBuildClient, storage.Client]]:
    with GcsEmulator() as gcs, CloudBuildEmulator(storage_url=gcs.url) as cloud_build:
        for name, value in gcs.environment().items():
            monkeypatch.setenv(name, value)
        options = {"api_endpoint": cloud_build.url}
        credentials = AnonymousCredentials()
        client = cloudbuild_v1.CloudBuildClient(transport="rest", credentials=credentials, client_options=options)
        yield client, storage.Client()


def test_steps_run_at_once_when_they_wait_for_nothing(client):
    meet = "touch $ME; for n in $(seq 200); do test -e $OTHER && exit 0; sleep 0.05; done; exit 1"
    both = {"a": "b", "b": "a"}
    steps = [step(meet, id=me, wait_for=["-"], env=[f"ME={me}", f"OTHER={both[me]}"]) for me in both]
    build = built(client, *steps, step("test -e a -a -e b", wait_for=["a", "b"]))
    assert build.steps[2].timing.start_time >= max(build.steps[position].timing.end_time for position in (0, 1))


def test_a_failure_ends_what_runs_beside_it(client):
    steps = [step("sleep 30", id="long"), step("exit 3", wait_for=["-"]), step("true")]
    operation = client.create_build(project_id="demo", build=cloudbuild_v1.Build(steps=steps))
    with pytest.raises(exceptions.GoogleAPICallError):
        operation.result(timeout=15)
    build = client.get_build(project_id="demo", id=operation.metadata.build.id)
    assert build.status == Status.FAILURE
    assert [s.status for s in build.steps] == [Status.CANCELLED, Status.FAILURE, Status.QUEUED]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_step_runs_before_those_it_waits_for(data):
    steps = [
        cloudbuild_v1.BuildStep(
            id=str(position),
            wait_for=data.draw(st.just(["-"]) | st.lists(st.sampled_from([str(p) for p in range(position)] or ["-"]))),
        )
        for position in range(data.draw(st.integers(1, 6)))
    ]
    ended: list[int] = []
    wanted = needs(steps)

    def run(position: int) -> bool:
        assert wanted[position] <= set(ended)
        ended.append(position)
        return True

    run_in_order(steps, run, lambda: None)
    assert sorted(ended) == list(range(len(steps)))


def test_the_workspace_and_volumes_by_their_paths(client, cloud_build):
    volume = {"name": "shared", "path": "/var/cache of mine"}
    build = built(
        client,
        step("echo 한글 > '/var/cache of mine/f'; echo 1 > /workspace/g", volumes=[volume]),
        {"name": "ubuntu", "args": ["cat", "/var/cache of mine/f", "/workspace/g"], "volumes": [volume]},
    )
    assert "한글" in cloud_build.logs(build.id)
    assert not Path("/var/cache of mine").exists()


@given(st.sampled_from(["/my/workspace", "/workspace-2", "x/workspace", "/workspaces", "workspace"]))
def test_other_paths_stay(text):
    assert placed(text, {"/workspace": Path("/elsewhere")}) == text


@pytest.mark.parametrize(
    "build",
    [
        {"steps": [step("x", volumes=[{"name": "v", "path": "/v"}])]},
        {"steps": [step("x", volumes=[{"name": "v", "path": "/workspace"}])] * 2},
        {"steps": [step("x", volumes=[{"name": "v", "path": "v"}])] * 2},
        {"steps": [step("x", dir_="../..")]},
        {"steps": [step("x", timeout=duration_pb2.Duration(seconds=-1))]},
        {"steps": [step("x")], "timeout": duration_pb2.Duration(seconds=-1)},
    ],
)
def test_what_no_build_may_say(client, build):
    with pytest.raises(exceptions.BadRequest, match="invalid build"):
        client.create_build(project_id="demo", build=cloudbuild_v1.Build(**build))


def test_values_that_use_values(client, cloud_build):
    dynamic = {"dynamic_substitutions": True}
    substitutions = {"_A": "a", "_B": "${_A}-b-$PROJECT_ID"}
    echo = {"name": "ubuntu", "args": ["echo", "$_B"]}
    assert "a-b-demo" in cloud_build.logs(built(client, echo, substitutions=substitutions, options=dynamic).id)
    with pytest.raises(exceptions.BadRequest, match="circle"):
        built(client, echo, substitutions={"_B": "$_C", "_C": "$_B"}, options=dynamic)
    with pytest.raises(exceptions.MethodNotImplemented, match="expansions"):
        built(client, {"name": "ubuntu", "args": ["echo", "${_A:1:2}"]}, substitutions={"_A": "a"}, options=dynamic)


def test_what_is_not_done_is_said(client):
    build = built(client, step("true"), images=["gcr.io/demo/i"])
    assert "images" in build.warnings[0].text
    assert not built(client, step("true")).warnings


@pytest.mark.parametrize(
    ("text", "meets"),
    [
        ('status="SUCCESS"', True),
        ('status != "SUCCESS"', False),
        ('status="FAILURE" OR tags="night"', True),
        ('status="SUCCESS" AND NOT tags="night"', False),
        ('-tags="day"', True),
        ('create_time>"2020-01-01T00:00:00Z" AND finish_time<"2999-01-01T00:00:00+09:00"', True),
        ('create_time<"2020-01-01"', False),
    ],
)
def test_filters(client, text, meets):
    build = built(client, step("true"), tags=["night"])
    request = cloudbuild_v1.ListBuildsRequest(project_id="demo", filter=text)
    assert [found.id for found in client.list_builds(request)] == ([build.id] if meets else [])


@given(st.text(max_size=40) | st.from_regex(r"[a-z_]{1,11}(=|<|>=)\"?[^\"]{0,8}\"?( AND | OR )?", fullmatch=True))
def test_a_filter_is_understood_or_refused(text):
    message = cloudbuild_v1.Build.pb(cloudbuild_v1.Build(id="a", status=3))
    try:
        assert build_filter(text)(message) in {True, False}
    except ApiError as error:
        refused = error.status
    else:
        refused = "INVALID_ARGUMENT"
    assert refused == "INVALID_ARGUMENT"


def test_logs_go_to_the_projects_own_bucket(stored):
    client, store = stored
    for _ in range(2):
        build = built(client, step("echo hello"))
        assert not build.warnings
        log = store.bucket(build.logs_bucket.removeprefix("gs://")).blob(f"log-{build.id}.txt")
        assert "hello" in log.download_as_text()


def test_the_source_is_resolved_to_its_generation(stored):
    client, store = stored
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("한글.txt")
        entry.size = 2
        archive.addfile(entry, BytesIO(b"ok"))
    blob = store.create_bucket("sources").blob("s.tgz")
    blob.upload_from_string(packed.getvalue())
    source = {"storage_source": {"bucket": "sources", "object_": "s.tgz"}}
    build = built(client, {"name": "ubuntu", "args": ["cat", "한글.txt"]}, source=source)
    assert build.source_provenance.resolved_storage_source.generation == blob.generation


def test_the_same_builds_over_grpc(client, cloud_build):
    with grpc.insecure_channel(cloud_build.grpc_target) as channel:
        other = cloudbuild_v1.CloudBuildClient(transport=CloudBuildGrpcTransport(channel=channel))
        build = built(other, step("true"))
        assert client.get_build(project_id="demo", id=build.id).status == Status.SUCCESS
        with pytest.raises(exceptions.NotFound):
            other.get_build(project_id="demo", id="nobody")
        with pytest.raises(exceptions.InvalidArgument):
            other.create_build(project_id="demo", build=cloudbuild_v1.Build())


async def _asynchronously(target: str) -> Any:
    async with grpc.aio.insecure_channel(target) as channel:
        client = cloudbuild_v1.CloudBuildAsyncClient(transport=CloudBuildGrpcAsyncIOTransport(channel=channel))
        operation = await client.create_build(project_id="demo", build=cloudbuild_v1.Build(steps=[step("true")]))
        return await operation.result()


def test_the_asynchronous_client(cloud_build):
    import asyncio

    assert asyncio.run(_asynchronously(cloud_build.grpc_target)).status == Status.SUCCESS
