"""The model server by the vendor's own words and client: its rules, its books, its life. Nothing of our provider."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import pytest

from llm_convert.testing.model_server import Dials, Fault, ModelServer, recorded
from llm_convert.testing.model_server.dials import Action
from llm_convert.testing.model_server.protocol import parse_path

TOOL = {"name": "give_rows", "input_schema": {"type": "object"}}
BODY: dict[str, Any] = {
    "anthropic_version": "vertex-2023-10-16",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "합계 1,000"}],
    "tools": [TOOL],
    "tool_choice": {"type": "tool", "name": "give_rows"},
}
ROWS = {"rows": [{"a": {"value": 12, "at": ["S!A1"]}}], "clarify": None}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS) as running:
        yield running


def post(
    server: ModelServer, body: Any, *, model: str = "claude-sonnet-4-6", verb: str = "rawPredict", token: str = "t"
) -> tuple[int, Any]:
    port = int(server.base_url.rpartition(":")[2].partition("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    path = f"/v1/projects/p1/locations/global/publishers/anthropic/models/{model}:{verb}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body), headers)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, json.loads(data) if data.startswith((b"{", b"[")) else data.decode()


def client(server: ModelServer, **settings: Any) -> anthropic.AnthropicVertex:
    return anthropic.AnthropicVertex(
        project_id="p1", region="global", access_token="t", base_url=server.base_url, max_retries=0, **settings
    )


def test_the_vendors_client_is_served(server: ModelServer) -> None:
    arguments: dict[str, Any] = {name: BODY[name] for name in ("max_tokens", "messages", "tools", "tool_choice")}
    with client(server) as vendor:
        whole = vendor.messages.create(model="claude-sonnet-4-6", **arguments)
        with vendor.messages.stream(model="claude-sonnet-4-6", **arguments) as stream:
            streamed = stream.get_final_message()
        counted = vendor.messages.count_tokens(
            model="claude-sonnet-4-6", messages=BODY["messages"], tools=[TOOL], tool_choice=BODY["tool_choice"]
        )
    for message in (whole, streamed):
        assert message.stop_reason == "tool_use"
        assert message.content[0].type == "tool_use"
        assert message.content[0].input == ROWS
    assert whole.usage.input_tokens == streamed.usage.input_tokens == counted.input_tokens
    assert whole.usage.output_tokens == streamed.usage.output_tokens
    assert [(record.method, record.streamed) for record in server.ledger] == [
        ("messages", False),
        ("messages", True),
        ("count_tokens", False),
    ]
    assert {record.model for record in server.ledger} == {"claude-sonnet-4-6"}


def test_the_vendors_client_raises_the_vendors_errors(server: ModelServer) -> None:
    arguments: dict[str, Any] = {name: BODY[name] for name in ("max_tokens", "messages", "tools")}
    faults = {
        anthropic.RateLimitError: Fault.rate_limited("3"),
        anthropic.InternalServerError: Fault(status=500),
        anthropic.BadRequestError: Fault.invalid("no"),
        anthropic.PermissionDeniedError: Fault.google_error(403, "PERMISSION_DENIED", "no"),
        anthropic.APIConnectionError: Fault.of(Action.CUT),
    }
    with client(server) as vendor:
        for expected, fault in faults.items():
            server.dials.fail_next = [fault]
            with pytest.raises(expected):
                vendor.messages.create(model="claude-sonnet-4-6", **arguments)
        server.dials.fail_next = [Fault.overloaded()]
        with pytest.raises(anthropic.APIStatusError) as caught:
            vendor.messages.create(model="claude-sonnet-4-6", **arguments)
        assert (caught.value.status_code, caught.value.type) == (529, "overloaded_error")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"anthropic_version": None}, "anthropic_version: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        (
            {"messages": [{"role": "assistant", "content": "x"}]},
            "messages.0.role: roles must alternate, expected 'user'",
        ),
        ({"messages": [{"role": "user", "content": "x"}] * 2}, "messages.1.role: roles must alternate"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}, "must be non-empty"),
        ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "messages.0.content.0.type"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}}
                        ],
                    }
                ]
            },
            "invalid base64 data",
        ),
        ({"tools": [{"name": "에러", "input_schema": {"type": "object"}}]}, "tools.0.custom.name"),
        ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema.type: Field required"),
        ({"tools": []}, "tool_choice: tools are required"),
        ({"tool_choice": {"type": "tool", "name": "other"}}, "not among the tools"),
        ({"model": "claude-sonnet-4-6"}, "model: Extra inputs are not permitted"),
        ({"thinking": {"type": "adaptive"}}, "Thinking may not be enabled when tool_choice forces tool use"),
    ],
)
def test_broken_rules_are_refused_and_not_billed(server: ModelServer, change: dict[str, Any], said: str) -> None:
    body = {name: value for name, value in {**BODY, **change}.items() if value is not None}
    status, answer = post(server, body)
    assert status == 400
    assert answer["type"] == "error"
    assert answer["error"]["type"] == "invalid_request_error"
    assert said in answer["error"]["message"]
    assert [(record.status, record.input_tokens) for record in server.ledger] == [(400, 0)]


@pytest.mark.parametrize(
    ("model", "change", "status"),
    [
        ("claude-opus-5-5", {}, 400),
        ("claude-opus-5-5", {"tool_choice": {"type": "auto"}}, 200),
        ("claude-opus-5-5", {"tool_choice": {"type": "auto"}, "thinking": {"type": "disabled"}}, 400),
        ("claude-sonnet-5-5", {"tool_choice": {"type": "any"}}, 400),
        ("claude-sonnet-5-5", {"tool_choice": {"type": "auto"}, "thinking": {"type": "between_tools"}}, 200),
        ("claude-haiku-5-5", {}, 400),
        ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}, 200),
        ("claude-sonnet-4-5@20250929", {}, 200),
        ("gemini-2", {}, 404),
    ],
)
def test_models_differ_in_what_they_take(server: ModelServer, model: str, change: dict[str, Any], status: int) -> None:
    assert post(server, {**BODY, **change}, model=model)[0] == status


def test_paths() -> None:
    target = parse_path(
        "/v1/projects/p/locations/eu/publishers/anthropic/models/claude-haiku-4-5%4020251001:rawPredict"
    )
    assert target is not None
    assert (target.model, target.region, target.streams) == ("claude-haiku-4-5@20251001", "eu", False)
    assert parse_path("/projects/p/locations/eu/publishers/anthropic/models/x:rawPredict") is None, "without /v1"
    assert parse_path("/v1/projects/p/locations/eu/publishers/google/models/x:rawPredict") is None


def test_credentials_are_asked_for(server: ModelServer) -> None:
    assert post(server, BODY, token="")[0] == 401
    server.token = "the one"
    assert post(server, BODY)[0] == 401
    assert post(server, BODY, token="the one")[0] == 200


def test_what_is_no_json_is_refused(server: ModelServer) -> None:
    assert post(server, b"\xff{")[0] == 400
    assert post(server, [1])[0] == 400


def test_faults_are_taken_once_and_in_order(server: ModelServer) -> None:
    server.dials.fail_next = [503, Fault.rate_limited(), 500]
    assert [post(server, BODY)[0] for _ in range(4)] == [503, 429, 500, 200]
    assert server.dials.fail_next == []


def test_a_fault_in_the_answering_code_is_told(server: ModelServer) -> None:
    def broken(request: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("sheet")

    server.answer_with = broken
    status, answer = post(server, BODY)
    assert (status, answer["error"]["message"]) == (500, "answer_with raised KeyError: 'sheet'")


@pytest.mark.parametrize("error", [StopIteration("done"), SystemExit(3), RuntimeError("x")])
def test_no_error_of_the_answering_code_stops_the_server(server: ModelServer, error: BaseException) -> None:
    def broken(request: dict[str, Any]) -> dict[str, Any]:
        raise error

    server.answer_with = broken
    status, answer = post(server, BODY)
    assert (status, answer["error"]["message"]) == (500, f"answer_with raised {type(error).__name__}: {error}")
    server.answer_with = lambda request: {"rows": [b"no json"]}
    status, answer = post(server, BODY)
    assert (status, "can't be told" in answer["error"]["message"]) == (500, True)
    server.answer_with = lambda request: ROWS
    assert post(server, BODY)[0] == 200


def test_answers_by_marker(server: ModelServer) -> None:
    server.answer_with = recorded({"합계": ROWS})
    assert post(server, BODY)[1]["content"][0]["input"] == ROWS
    other = post(server, {**BODY, "messages": [{"role": "user", "content": "x"}]})[1]["content"][0]["input"]
    assert other["rows"] == []
    assert other["clarify"]


def test_a_wrong_digit_is_of_the_same_kind(server: ModelServer) -> None:
    for value, changed in [(12, 13), (19, 10), (-7, -8), (0.25, 0.26)]:
        server.answer_with = lambda request, value=value: {"rows": [{"a": {"value": value, "at": ["S!A1"]}}]}
        server.dials = Dials(wrong_digit=True)
        claim = post(server, BODY)[1]["content"][0]["input"]["rows"][0]["a"]
        assert claim == {"value": changed, "at": ["S!A1"]}


def test_tokens_are_the_same_always_and_grow_with_the_text(server: ModelServer) -> None:
    first, second = post(server, BODY)[1]["usage"], post(server, BODY)[1]["usage"]
    assert first == second
    longer = {**BODY, "messages": [{"role": "user", "content": "합계 1,000" + "가" * 400}]}
    assert post(server, longer)[1]["usage"]["input_tokens"] == first["input_tokens"] + 100


def test_the_ledger_counts_many_callers_exactly(server: ModelServer) -> None:
    server.dials = Dials(latency_seconds=0.02, fail_next=[500] * 5)
    bodies = [{**BODY, "metadata": {"user_id": f"item-{number}"}} for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda body: post(server, body)[0], bodies))
    assert statuses.count(500) == 5
    assert sorted(record.work_item or "" for record in server.ledger) == sorted(f"item-{n}" for n in range(60))
    assert server.received == 60
    # A request is counted out after its answer is sent: its caller may already have sent the next one.
    assert 1 < server.peak_in_flight <= 24
    assert len({record.request_id for record in server.ledger}) == 60


def test_stopping_ends_what_hangs() -> None:
    with ModelServer(dials=Dials(fail_next=[Fault.of(Action.HANG)])) as server:
        failed: list[type[BaseException]] = []

        def call() -> None:
            try:
                post(server, BODY)
            except (OSError, http.client.HTTPException) as error:
                failed.append(type(error))

        thread = threading.Thread(target=call)
        thread.start()
        while not server.ledger:
            time.sleep(0.005)
        started = time.monotonic()
    thread.join(timeout=3)
    assert failed
    assert time.monotonic() - started < 2
    assert server.ledger[0].status == 0


def test_it_runs_in_the_foreground() -> None:
    command = [sys.executable, "-m", "llm_convert.testing.model_server", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(5)]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        assert exported["LLM_CONVERT_PROVIDER"] == "vertex"
        port = int(exported["ANTHROPIC_VERTEX_BASE_URL"].rpartition(":")[2].removesuffix("/v1"))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        path = "/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-6:rawPredict"
        connection.request("POST", path, json.dumps(BODY), {"Authorization": "Bearer t"})
        answer = json.loads(connection.getresponse().read())
        assert answer["content"][0]["input"]["rows"] == []
        connection.close()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=5)
    assert process.returncode == 0
    assert said == "1 requests, 1 answered\n"
