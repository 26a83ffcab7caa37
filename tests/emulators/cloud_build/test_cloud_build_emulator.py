"""Builds by the vendor's own client over REST; steps are real processes."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.devtools import cloudbuild_v1
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator
from llm_convert.testing.emulators.cloud_build.messages import Build
from llm_convert.testing.emulators.cloud_build.substitutions import substitute

Client = cloudbuild_v1.CloudBuildClient
PARENT = "projects/demo/locations/asia-northeast3"


def until(met: Callable[[], Any], *, seconds: float = 8.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def submit(client: Client, **build: Any) -> str:
    """Create a build; its id, known from the operation's metadata before anything waits."""
    operation = client.create_build(project_id="demo", build=cloudbuild_v1.Build(**build))
    assert isinstance(operation.metadata, cloudbuild_v1.BuildOperationMetadata)
    return str(operation.metadata.build.id)


def over(client: Client, build_id: str) -> cloudbuild_v1.Build:
    def look() -> cloudbuild_v1.Build | None:
        build = client.get_build(project_id="demo", id=build_id)
        return build if build.finish_time else None

    return until(look)


def script(text: str, **step: Any) -> dict[str, Any]:
    return {"name": "ubuntu", "script": text, **step}


def test_a_build_ends_with_its_operation(cloud_build: CloudBuildEmulator, client: Client) -> None:
    wanted = cloudbuild_v1.Build(
        steps=[
            script("echo one > file; echo hello"),
            {"name": "ubuntu", "entrypoint": "cat", "args": ["file"], "id": "read"},
        ],
        tags=["nightly"],
        options={"machine_type": "E2_HIGHCPU_8"},
    )
    operation = client.create_build(project_id="demo", build=wanted)
    assert operation.operation.name.startswith("operations/build/demo/")
    build = operation.result(timeout=10)
    assert build.name == f"projects/demo/locations/global/builds/{build.id}"
    assert (build.status.name, build.project_id, list(build.tags)) == ("SUCCESS", "demo", ["nightly"])
    assert [step.status.name for step in build.steps] == ["SUCCESS", "SUCCESS"]
    assert build.options.machine_type.name == "E2_HIGHCPU_8"
    assert build.create_time <= build.start_time <= build.finish_time
    assert build.steps[0].timing.start_time <= build.steps[0].timing.end_time <= build.steps[1].timing.start_time
    assert "BUILD" in build.timing
    assert build.timeout.total_seconds() == 600
    assert build.logs_bucket == "gs://123456789012.cloudbuild-logs.googleusercontent.com"
    assert build.log_url.startswith(f"https://console.cloud.google.com/cloud-build/builds/{build.id}?project=")
    lines = cloud_build.logs(build.id).splitlines()
    assert lines[0] == f'starting build "{build.id}"'
    assert "Step #0: hello" in lines
    assert 'Step #1 - "read": one' in lines
    assert lines[-1] == "DONE"


def test_a_region_has_builds_of_its_own(client: Client) -> None:
    request = cloudbuild_v1.CreateBuildRequest(parent=PARENT, build=cloudbuild_v1.Build(steps=[script("true")]))
    operation = client.create_build(request)
    assert operation.operation.name.startswith(f"{PARENT}/operations/")
    build = operation.result(timeout=10)
    assert build.name == f"{PARENT}/builds/{build.id}"
    assert "builds;region=asia-northeast3/" in build.log_url
    assert client.get_build(cloudbuild_v1.GetBuildRequest(name=build.name)).status.name == "SUCCESS"
    assert [found.id for found in client.list_builds(cloudbuild_v1.ListBuildsRequest(parent=PARENT))] == [build.id]
    assert list(client.list_builds(project_id="demo")) == []
    with pytest.raises(exceptions.NotFound):
        client.get_build(cloudbuild_v1.GetBuildRequest(name=f"projects/other/locations/global/builds/{build.id}"))


def test_a_failed_step_fails_the_build(cloud_build: CloudBuildEmulator, client: Client) -> None:
    wanted = cloudbuild_v1.Build(steps=[script("echo oh; exit 65"), script("echo never")])
    operation = client.create_build(project_id="demo", build=wanted)
    with pytest.raises(exceptions.Unknown, match="Build failed; check build logs for details"):
        operation.result(timeout=10)
    build = client.get_build(project_id="demo", id=operation.metadata.build.id)
    words = 'build step 0 "ubuntu" failed: step exited with non-zero status: 65'
    assert (build.status.name, build.status_detail) == ("FAILURE", words)
    assert (build.failure_info.type_.name, build.failure_info.detail) == (
        "USER_BUILD_STEP",
        f"Build step failure: {words}",
    )
    assert [(step.status.name, step.exit_code) for step in build.steps] == [("FAILURE", 65), ("QUEUED", 0)]
    assert "never" not in cloud_build.logs(build.id)
    assert cloud_build.logs(build.id).endswith(f"ERROR\nERROR: {words}\n")


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ({"allow_failure": True}, "SUCCESS"),
        ({"allow_exit_codes": [3]}, "SUCCESS"),
        ({"allow_exit_codes": [4], "allow_failure": True}, "FAILURE"),
    ],
)
def test_a_failure_may_be_allowed(client: Client, step: dict[str, Any], status: str) -> None:
    build = over(client, submit(client, steps=[script("exit 3", **step), script("true")]))
    assert build.status.name == status
    assert build.steps[0].status.name == "FAILURE"


def test_results_come_back(cloud_build: CloudBuildEmulator, client: Client) -> None:
    cloud_build.dials.output_limit_bytes = 10
    steps = [script("printf '값' > $BUILDER_OUTPUT/output"), script("true"), script("seq 99 > $BUILDER_OUTPUT/output")]
    build_id = submit(client, steps=steps)
    build = over(client, build_id)
    assert list(build.results.build_step_outputs) == ["값".encode(), b"", b"1\n2\n3\n4\n5\n"]
    with urllib.request.urlopen(f"{cloud_build.url}/v1/projects/demo/builds/{build_id}") as answer:
        found = json.load(answer)
    assert base64.b64decode(found["results"]["buildStepOutputs"][0]).decode() == "값"
    assert (found["status"], found["timeout"], found["projectId"]) == ("SUCCESS", "600s", "demo")


def test_substitutions_and_variables(cloud_build: CloudBuildEmulator, client: Client) -> None:
    program = "import os,sys; print(sys.argv[1:], os.environ['A'], os.environ['B'], os.environ['TOKEN'])"
    cloud_build.dials.secrets = {"projects/demo/secrets/token/versions/latest": "t-1"}
    build_id = submit(
        client,
        steps=[
            {
                "name": "python:${_TAG}",
                "entrypoint": "python",
                "args": ["-c", program, "$_NAME; rm -rf x", "$PROJECT_ID/$BUILD_ID", "$$HOME"],
                "env": ["A=${_NAME}"],
                "secret_env": ["TOKEN"],
            }
        ],
        options={"env": ["A=of the build", "B=$LOCATION"]},
        substitutions={"_NAME": "a 'b' 값", "_TAG": "3.12"},
        available_secrets={
            "secret_manager": [{"version_name": "projects/$PROJECT_ID/secrets/token/versions/latest", "env": "TOKEN"}]
        },
    )
    build = over(client, build_id)
    assert (build.status.name, build.steps[0].name) == ("SUCCESS", "python:3.12")
    arguments = ["a 'b' 값; rm -rf x", f"demo/{build_id}", "$HOME"]
    assert f"{arguments} a 'b' 값 global t-1" in cloud_build.logs(build_id).splitlines()


def test_a_secret_that_is_not_there(client: Client) -> None:
    secrets = {"secret_manager": [{"version_name": "projects/demo/secrets/token/versions/1", "env": "TOKEN"}]}
    build = over(client, submit(client, steps=[script("true", secret_env=["TOKEN"])], available_secrets=secrets))
    assert build.status.name == "FAILURE"
    assert "projects/demo/secrets/token/versions/1" in build.status_detail


@pytest.mark.parametrize("step", [{"env": ["A\0=1"]}, {"dir_": "x/\0"}, {"entrypoint": "no-such-program"}])
def test_what_cannot_start_fails_and_does_not_hang(client: Client, step: dict[str, Any]) -> None:
    build = over(client, submit(client, steps=[{"name": "ubuntu", "args": ["true"], **step}]))
    assert (build.status.name, build.steps[0].exit_code) == ("FAILURE", 127)
    assert "starting step container failed" in build.status_detail


def test_a_script_is_not_substituted_and_may_map_them(cloud_build: CloudBuildEmulator, client: Client) -> None:
    text = '#!/bin/bash\necho "[$_NAME] [$PROJECT_ID]"'
    build_id = submit(
        client,
        steps=[script(text), script(text, automap_substitutions=True)],
        substitutions={"_NAME": "x"},
        options={"env": ["OTHER=$_NAME"]},
    )
    over(client, build_id)
    lines = cloud_build.logs(build_id).splitlines()
    assert "Step #0: [] []" in lines
    assert "Step #1: [x] [demo]" in lines


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ({}, "no build steps"),
        ({"steps": [{"args": ["x"]}]}, "must specify a name"),
        ({"steps": [script("true", args=["x"])]}, "script cannot be used with args"),
        ({"steps": [{"name": "a", "args": ["x" * 10_001]}]}, "arg is too long"),
        ({"steps": [{"name": "a", "args": ["$_GONE"]}]}, 'key in the template "_GONE" is not matched'),
        ({"steps": [{"name": "a", "args": ["$HOME"]}]}, '"HOME" is not a valid built-in substitution'),
        ({"steps": [script("true")], "substitutions": {"_A": "1"}}, 'key "_A" in the substitution data is not matched'),
        ({"steps": [script("true")], "substitutions": {"a": "1"}}, "does not match format"),
        ({"steps": [script("true", wait_for=["later"])]}, "no earlier step"),
        ({"steps": [script("true", id="a"), script("true", id="a")]}, "not unique"),
        ({"steps": [script("true", secret_env=["A"])]}, "not defined in availableSecrets"),
        ({"steps": [script("true")], "service_account": "projects/demo/serviceAccounts/a@b"}, "CLOUD_LOGGING_ONLY"),
        ({"steps": [script("true")], "tags": ["a b"]}, r"build\.tags"),
    ],
)
def test_what_is_not_valid_is_refused(
    cloud_build: CloudBuildEmulator, client: Client, build: dict[str, Any], words: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=words):
        client.create_build(project_id="demo", build=cloudbuild_v1.Build(**build))
    assert cloud_build.builds == ()


def test_the_builds_timeout(cloud_build: CloudBuildEmulator, client: Client) -> None:
    steps = [script("trap 'echo term; exit 75' TERM; sleep 30 & wait"), script("echo never")]
    wanted = cloudbuild_v1.Build(steps=steps, timeout="0.3s")
    operation = client.create_build(project_id="demo", build=wanted)
    with pytest.raises(exceptions.DeadlineExceeded, match="Build timed out"):
        operation.result(timeout=10)
    build = client.get_build(project_id="demo", id=operation.metadata.build.id)
    assert (build.status.name, build.steps[0].status.name) == ("TIMEOUT", "TIMEOUT")
    assert "Step #0: term" in cloud_build.logs(build.id)
    assert "never" not in cloud_build.logs(build.id)


def test_a_steps_timeout(client: Client) -> None:
    build = over(client, submit(client, steps=[script("sleep 30", timeout="0.2s")]))
    assert (build.status.name, build.steps[0].status.name) == ("TIMEOUT", "TIMEOUT")


def test_cancel(cloud_build: CloudBuildEmulator, client: Client) -> None:
    steps = [script("echo $$ > $HOME/pid; cp $HOME/pid $BUILDER_OUTPUT/output; trap '' TERM; sleep 30; sleep 30")]
    operation = client.create_build(project_id="demo", build=cloudbuild_v1.Build(steps=steps))
    build_id = operation.metadata.build.id
    until(lambda: client.get_build(project_id="demo", id=build_id).steps[0].status.name == "WORKING")
    time.sleep(0.1)
    assert client.cancel_build(project_id="demo", id=build_id).id == build_id
    with pytest.raises(exceptions.Cancelled, match="Build cancelled"):
        operation.result(timeout=10)
    build = client.get_build(project_id="demo", id=build_id)
    assert (build.status.name, build.steps[0].status.name) == ("CANCELLED", "CANCELLED")
    with pytest.raises(ProcessLookupError):
        os.kill(int(build.results.build_step_outputs[0]), 0)
    with pytest.raises(exceptions.BadRequest, match="it is CANCELLED"):
        client.cancel_build(project_id="demo", id=build_id)


def test_cancel_by_the_operation_and_while_queued(cloud_build: CloudBuildEmulator, client: Client) -> None:
    cloud_build.dials.queued_seconds = 30
    operation = client.create_build(project_id="demo", build=cloudbuild_v1.Build(steps=[script("echo never")]))
    assert operation.metadata.build.status.name == "QUEUED"
    assert operation.cancel()
    build = over(client, operation.metadata.build.id)
    assert build.status.name == "CANCELLED"
    assert "never" not in cloud_build.logs(build.id)


def test_an_image_that_is_not_there(cloud_build: CloudBuildEmulator, client: Client) -> None:
    cloud_build.dials.images = {"there": ["echo", "from the image"]}
    build_id = submit(client, steps=[{"name": "there", "args": ["and args"]}, {"name": "gone", "args": ["x"]}])
    build = over(client, build_id)
    assert "Step #0: from the image and args" in cloud_build.logs(build_id)
    assert build.status.name == "FAILURE"
    assert 'error pulling build step 1 "gone"' in build.failure_info.detail


def test_list_filters_and_pages(client: Client) -> None:
    good = [submit(client, steps=[script("true")], tags=["a", f"n-{n}"]) for n in range(3)]
    bad = submit(client, steps=[script("false")], tags=["a"])
    for build_id in (*good, bad):
        over(client, build_id)

    def ids(text: str, size: int = 0) -> list[str]:
        request = cloudbuild_v1.ListBuildsRequest(project_id="demo", filter=text, page_size=size)
        return [build.id for build in client.list_builds(request)]

    assert ids("", 2) == [bad, *good[::-1]]
    assert ids('status="SUCCESS"') == good[::-1]
    assert ids('tags="a" AND status=FAILURE') == [bad]
    assert ids("tags=n-1") == [good[1]]
    with pytest.raises(exceptions.BadRequest, match="Invalid list filter"):
        ids("whatever")


def test_retry_makes_a_new_build(client: Client) -> None:
    first = over(client, submit(client, steps=[script("false")]))
    again = client.retry_build(project_id="demo", id=first.id)
    assert again.metadata.build.id != first.id
    assert over(client, again.metadata.build.id).status.name == "FAILURE"


def test_permissions_faults_and_lost_answers(cloud_build: CloudBuildEmulator, client: Client) -> None:
    build = cloudbuild_v1.Build(steps=[script("true")])
    cloud_build.dials.missing_permissions = {"cloudbuild.builds.create"}
    with pytest.raises(exceptions.Forbidden, match=r"builds\.create"):
        client.create_build(project_id="demo", build=build)
    cloud_build.dials.missing_permissions = set()
    cloud_build.dials.fail_next = {"CreateBuild": [503]}
    with pytest.raises(exceptions.ServiceUnavailable):
        client.create_build(project_id="demo", build=build)
    assert cloud_build.builds == ()
    cloud_build.dials.lose_next = {"CreateBuild": 1}
    with pytest.raises(requests.ConnectionError):
        client.create_build(project_id="demo", build=build)
    (started,) = cloud_build.builds
    assert over(client, started.id).status.name == "SUCCESS"
    assert [call.outcome for call in cloud_build.calls[:3]] == ["PERMISSION_DENIED", "UNAVAILABLE", "LOST"]


def test_a_build_that_is_not_there(client: Client) -> None:
    with pytest.raises(exceptions.NotFound):
        client.get_build(project_id="demo", id="none")
    with pytest.raises(exceptions.NotFound):
        client.cancel_build(project_id="demo", id="none")


@pytest.fixture
def storage() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Just enough of Cloud Storage: media downloads and uploads."""
    objects: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = objects.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.end_headers()
            self.wfile.write(data or b"")

        def do_POST(self) -> None:
            objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", objects
    server.shutdown()
    thread.join()
    server.server_close()


def test_source_and_log_in_a_bucket(storage: tuple[str, dict[str, bytes]]) -> None:
    url, objects = storage
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("sub/prompt.txt")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    objects["/storage/v1/b/src/o/a%2Fsource.tgz?alt=media"] = packed.getvalue()
    with CloudBuildEmulator(storage_url=url) as emulator:
        client = Client(
            transport="rest", credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.url}
        )
        source = {"storage_source": {"bucket": "src", "object_": "a/source.tgz"}}
        cat = script("cat prompt.txt", dir_="sub")
        build = over(client, submit(client, steps=[cat], source=source, logs_bucket="gs://logs/builds"))
        assert build.status.name == "SUCCESS"
        (uploaded,) = [data for path, data in objects.items() if path.startswith("/upload/")]
        assert f"/upload/storage/v1/b/logs/o?uploadType=media&name=builds%2Flog-{build.id}.txt" in objects
        assert uploaded.decode() == emulator.logs(build.id)
        assert "hello" in uploaded.decode()
        source["storage_source"]["object_"] = "gone"
        lost = over(client, submit(client, steps=[cat], source=source, options={"logging": "NONE"}))
        assert lost.failure_info.type_.name == "FETCH_SOURCE_FAILED"
        assert sum(path.startswith("/upload/") for path in objects) == 1


def test_stop_leaves_no_process(cloud_build: CloudBuildEmulator, client: Client) -> None:
    build_id = submit(client, steps=[script("trap '' TERM; sleep 60; sleep 60")])
    until(lambda: client.get_build(project_id="demo", id=build_id).steps[0].status.name == "WORKING")
    began = time.monotonic()
    cloud_build.stop()
    assert time.monotonic() - began < 5
    assert cloud_build.builds[0].status.name == "CANCELLED"


@given(text=st.text(alphabet="$_{}AB x", max_size=12), value=st.text(max_size=5))
def test_substitution_never_reads_what_it_put_in(text: str, value: str) -> None:
    """A value with dollar signs stays as it is, and text without them too."""
    build = Build(project_id="p", id="b", substitutions={"_V": value})
    build.options.substitution_option = 1
    build.steps.add(name="n", args=[text.replace("$", ""), "<${_V}>"])
    substitute(build, location="global", project_number=1)
    assert list(build.steps[0].args) == [text.replace("$", ""), f"<{value}>"]
