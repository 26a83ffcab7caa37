"""Batch predictions of the model server, over Vertex AI's REST."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from model_wire import ASK, HTTP, ROWS

from llm_convert.testing.emulators.gcs import GcsEmulator
from llm_convert.testing.model_server import Dials, Fault, ModelServer, text_of
from llm_convert.testing.model_server.dials import Action

MODEL = "claude-haiku-4-5@20251001"
PRICES: dict[str, dict[str, str]] = {MODEL: {"usd_input": "1", "usd_output": "5"}}
OBJECTS: dict[str, bytes] = {}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    OBJECTS.clear()
    OBJECTS["gs://night/in.jsonl"] = lines(3)
    storage = (OBJECTS.__getitem__, OBJECTS.__setitem__)
    answer = {"answer_with": lambda request: {**ROWS, "clarify": text_of(request)}}
    with ModelServer(storage=storage, prices=PRICES, **answer) as running:
        yield running


def lines(count: int, **more: Any) -> bytes:
    found = []
    for number in range(count):
        request = {"anthropic_version": "vertex-2023-10-16", **ASK, **more}
        request["messages"] = [{"role": "user", "content": f"document {number}"}]
        found.append(json.dumps({"custom_id": f"id-{number}", "request": request}))
    return "\n".join(found).encode()


def asked(name: str = "night", **more: Any) -> dict[str, Any]:
    return {
        "displayName": name,
        "model": f"publishers/anthropic/models/{MODEL}",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://night/in.jsonl"]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://night/out/"}},
        **more,
    }


def send(
    server: ModelServer, method: str, path: str = "", *, region: str = "us-east5", **more: Any
) -> tuple[int, dict[str, Any]]:
    url = f"{server.base_url}/{path or f'projects/p1/locations/{region}/batchPredictionJobs'}"
    answer = HTTP.request(method, url, headers={"Authorization": "Bearer t"}, **more)
    return answer.status_code, answer.json()


def make(server: ModelServer, **more: Any) -> str:
    status, job = send(server, "POST", json=asked(**more))
    assert status == 200, job
    return str(job["name"])


def over(server: ModelServer, name: str) -> dict[str, Any]:
    until = time.monotonic() + 10
    while True:
        _, job = send(server, "GET", name)
        if job["state"] in {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}:
            return job
        assert time.monotonic() < until, job
        time.sleep(0.01)


def told(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    directory = job["outputInfo"]["gcsOutputDirectory"]
    found = [text for uri, text in OBJECTS.items() if uri.startswith(f"{directory}/")]
    return {line["custom_id"]: line for text in found for line in map(json.loads, text.splitlines())}


def test_from_object_to_object(server: ModelServer) -> None:
    server.dials = Dials(batch_seconds=0.1)
    status, job = send(server, "POST", json=asked())
    assert (status, job["state"], job["displayName"]) == (200, "JOB_STATE_PENDING", "night")
    assert job["name"].startswith("projects/p1/locations/us-east5/batchPredictionJobs/")
    time.sleep(0.03)
    assert send(server, "GET", job["name"])[1]["state"] == "JOB_STATE_RUNNING"
    done = over(server, job["name"])
    assert (done["state"], done["completionStats"]) == ("JOB_STATE_SUCCEEDED", {"successfulCount": "3"})
    assert {"createTime", "startTime", "endTime", "updateTime"} <= set(done)
    directory = done["outputInfo"]["gcsOutputDirectory"]
    assert directory.startswith("gs://night/out/prediction-model-")
    rows = told(done)
    for number in range(3):
        row = rows[f"id-{number}"]
        assert row["response"]["content"][0]["input"]["clarify"] == f"document {number}"
        assert (row["status"], row["request"]["max_tokens"]) == ("", 1000)


def test_the_ledger_knows_project_region_and_half_the_price(server: ModelServer) -> None:
    name = make(server)
    over(server, name)
    made, *each = server.ledger
    assert (made.method, made.project, made.charged_microusd) == ("batches", "p1", 0)
    for record in each:
        assert (record.method, record.region, record.model, record.batch) == ("batch", "us-east5", MODEL, name)
        full = record.input_tokens * 1 + record.output_tokens * 5
        assert record.charged_microusd == round(full * 1.1 * 0.5)
    assert server.charged_microusd == sum(record.charged_microusd for record in each)


def test_requests_that_fail_are_lines_without_a_response(server: ModelServer) -> None:
    fates: dict[str, Fault | str] = {"id-0": "expired", "id-1": Fault.overloaded()}
    server.dials = Dials(batch_fate=lambda custom_id, body: fates.get(custom_id))
    OBJECTS["gs://night/in.jsonl"] = lines(3) + b"\n\n" + lines(1, max_tokens=0).replace(b"id-0", b"broken")
    done = over(server, make(server))
    assert done["completionStats"] == {"successfulCount": "1", "failedCount": "3"}
    rows = told(done)
    assert [name for name, row in rows.items() if row["response"] is None] == ["id-0", "id-1", "broken"]
    assert "max_tokens" in rows["broken"]["status"]
    assert "Overloaded" in rows["id-1"]["status"]


def test_several_inputs_and_one_that_is_no_list(server: ModelServer) -> None:
    OBJECTS["gs://night/more.jsonl"] = lines(1).replace(b"id-0", b"more")
    both = {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://night/in.jsonl", "gs://night/more.jsonl"]}}
    assert set(told(over(server, make(server, inputConfig=both)))) == {"id-0", "id-1", "id-2", "more"}
    alone = {"instancesFormat": "jsonl", "gcsSource": {"uris": "gs://night/more.jsonl"}}
    assert set(told(over(server, make(server, inputConfig=alone)))) == {"more"}


@pytest.mark.parametrize("text", [None, b"no json", b'{"request": {}}', b"[]"])
def test_an_input_that_can_not_be_read_fails_the_job(server: ModelServer, text: bytes | None) -> None:
    if text is None:
        del OBJECTS["gs://night/in.jsonl"]
    else:
        OBJECTS["gs://night/in.jsonl"] = text
    done = over(server, make(server))
    assert done["state"] == "JOB_STATE_FAILED"
    assert "the input can't be read" in done["error"]["message"]
    assert server.charged_microusd == 0


def test_cancelled_half_way(server: ModelServer) -> None:
    server.dials = Dials(batch_seconds=1.0)
    OBJECTS["gs://night/in.jsonl"] = lines(40)
    name = make(server)
    time.sleep(0.3)
    assert send(server, "POST", f"{name}:cancel", json={}) == (200, {})
    assert send(server, "GET", name)[1]["state"] in {"JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED"}
    done = over(server, name)
    assert done["state"] == "JOB_STATE_CANCELLED"
    assert 0 < len(told(done)) < 40
    assert int(done["completionStats"]["incompleteCount"]) == 40 - len(told(done))
    status, said = send(server, "POST", f"{name}:cancel", json={})
    assert (status, said["error"]["status"]) == (400, "FAILED_PRECONDITION")


def test_a_lost_making_is_found_by_its_name(server: ModelServer) -> None:
    make(server, name="other")
    server.dials.fail_next = [Fault.of(Action.LOSE)]
    with pytest.raises(httpx2.TransportError):
        send(server, "POST", json=asked("mine"))
    for text in ('display_name="mine"', 'displayName = "mine" AND state != "JOB_STATE_FAILED"'):
        found = send(server, "GET", params={"filter": text})[1]["batchPredictionJobs"]
        assert [job["displayName"] for job in found] == ["mine"]
    assert send(server, "GET", params={"filter": 'display_name="none"'})[1] == {"batchPredictionJobs": []}
    assert send(server, "GET", region="eu")[1] == {"batchPredictionJobs": []}
    status, said = send(server, "GET", params={"filter": "display_name LIKE x"})
    assert (status, said["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_pages(server: ModelServer) -> None:
    server.dials = Dials(batch_jobs=10)
    names = [make(server, name=f"n{number}") for number in range(5)][::-1]
    found, token = [], ""
    while True:
        page = send(server, "GET", params={"pageSize": "2", "pageToken": token or "0"})[1]
        found += [job["name"] for job in page["batchPredictionJobs"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert found == names


def test_only_so_many_run_at_once(server: ModelServer) -> None:
    server.dials = Dials(batch_seconds=0.3)
    names = [make(server) for _ in range(4)]
    status, said = send(server, "POST", json=asked())
    assert (status, said["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    for name in names:
        over(server, name)
    make(server)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"displayName": ""}, 400, "displayName"),
        ({"model": "publishers/google/models/gemini"}, 404, "was not found"),
        ({"inputConfig": {"instancesFormat": "bigquery"}}, 400, "jsonl"),
        ({"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["/tmp/x"]}}}, 400, "gs://"),
        ({"outputConfig": {"predictionsFormat": "jsonl"}}, 400, "gs://"),
    ],
)
def test_jobs_that_are_refused(server: ModelServer, change: dict[str, Any], status: int, said: str) -> None:
    found, error = send(server, "POST", json=asked(**change))
    assert (found, said in error["error"]["message"]) == (status, True)


def test_errors_are_googles(server: ModelServer) -> None:
    server.dials.fail_next = [503, Fault.rate_limited()]
    assert [send(server, "POST", json=asked())[1]["error"]["status"] for _ in range(2)] == [
        "UNAVAILABLE",
        "RESOURCE_EXHAUSTED",
    ]
    server.dials.fail_next_poll = [500]
    assert send(server, "GET")[1]["error"]["status"] == "INTERNAL"
    assert send(server, "GET", "projects/p1/locations/eu/batchPredictionJobs/9")[1]["error"]["status"] == "NOT_FOUND"
    server.token = "other"
    assert send(server, "GET")[0] == 401


def test_without_storage_there_are_no_jobs() -> None:
    with ModelServer() as server:
        status, said = send(server, "POST", json=asked())
    assert (status, said["error"]["status"]) == (400, "FAILED_PRECONDITION")


def test_with_the_storage_of_the_emulator() -> None:
    with GcsEmulator(buckets=["night"]) as gcs:

        def address(uri: str) -> tuple[str, str]:
            bucket, _, name = uri.removeprefix("gs://").partition("/")
            return bucket, name

        def read(uri: str) -> bytes:
            bucket, name = address(uri)
            found = HTTP.get(f"{gcs.url}/storage/v1/b/{bucket}/o/{name}", params={"alt": "media"})
            return found.raise_for_status().content

        def write(uri: str, data: bytes) -> None:
            bucket, name = address(uri)
            url = f"{gcs.url}/upload/storage/v1/b/{bucket}/o"
            HTTP.post(url, params={"uploadType": "media", "name": name}, content=data).raise_for_status()

        write("gs://night/in.jsonl", lines(2))
        with ModelServer(storage=(read, write)) as server:
            done = over(server, make(server))
        assert done["state"] == "JOB_STATE_SUCCEEDED"
        assert len(gcs.objects("night")) == 2
