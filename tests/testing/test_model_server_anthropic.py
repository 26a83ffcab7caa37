"""The model server as Anthropic's own API, by Anthropic's client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from model_wire import ASK, HTTP, MODEL, ROWS, own_api

from llm_convert.testing.model_server import Fault, ModelServer
from llm_convert.testing.model_server.dials import Action


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS) as running:
        yield running


def test_whole_streamed_and_counted(server: ModelServer) -> None:
    with own_api(server) as vendor:
        whole = vendor.messages.create(model=MODEL, **ASK)
        with vendor.messages.stream(model=MODEL, **ASK) as stream:
            streamed = stream.get_final_message()
        counting = {name: ASK[name] for name in ("messages", "tools", "tool_choice")}
        counted = vendor.messages.count_tokens(model=MODEL, **counting)
    for message in (whole, streamed):
        assert message.content[0].type == "tool_use"
        assert message.content[0].input == ROWS
        assert message.id.startswith("msg_0")
    assert whole.usage.input_tokens == streamed.usage.input_tokens == counted.input_tokens
    assert [(record.service, record.method, record.model) for record in server.ledger] == [
        ("anthropic", "messages", MODEL),
        ("anthropic", "messages", MODEL),
        ("anthropic", "count_tokens", MODEL),
    ]


def test_the_environment_is_enough_for_the_client(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.token = "the one"
    for name, value in server.environment("anthropic").items():
        monkeypatch.setenv(name, value)
    with anthropic.Anthropic(max_retries=0) as vendor:
        assert vendor.messages.create(model=MODEL, **ASK).stop_reason == "tool_use"


def test_an_unknown_service_has_no_environment(server: ModelServer) -> None:
    with pytest.raises(ValueError, match="service must be one of vertex, anthropic"):
        server.environment("bedrock")


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"x-api-key": "wrong", "anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"x-api-key": "no", "authorization": "Bearer k", "anthropic-version": "x"}, 401, "authentication_error"),
        ({"authorization": "Bearer k", "anthropic-version": "2026-10-21"}, 200, None),
        ({"x-api-key": "k"}, 400, "invalid_request_error"),
        ({"x-api-key": "k", "anthropic-version": "2023-06-01"}, 200, None),
    ],
)
def test_key_and_version_are_asked_for(
    server: ModelServer, headers: dict[str, str], status: int, kind: str | None
) -> None:
    server.token = "k"
    answer = HTTP.post(f"{server.url}/v1/messages", headers=headers, json={"model": MODEL, **ASK})
    assert answer.status_code == status
    if kind:
        assert (answer.json()["type"], answer.json()["error"]["type"]) == ("error", kind)
        assert answer.json()["request_id"] == answer.headers["request-id"] == "req_000001"
    assert [record.status for record in server.ledger] == [status]


@pytest.mark.parametrize(
    ("fault", "error", "kind"),
    [
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (Fault.rate_limited(), anthropic.RateLimitError, "rate_limit_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
        (Fault.overloaded(), anthropic.InternalServerError, "overloaded_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
    ],
)
def test_errors_have_anthropics_form(
    server: ModelServer, fault: Fault | int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    server.dials.fail_next = [fault]
    with own_api(server) as vendor, pytest.raises(error) as caught:
        vendor.messages.create(model=MODEL, **ASK)
    assert caught.value.type == kind


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"model": None}, 400, "model: Field required"),
        ({"anthropic_version": "vertex-2023-10-16"}, 400, "anthropic_version: Extra inputs"),
        ({"model": "gpt-x"}, 404, "model: gpt-x"),
        ({"service_tier": "auto"}, 200, None),
    ],
)
def test_the_rules_are_its_own(server: ModelServer, change: dict[str, Any], status: int, said: str | None) -> None:
    body = {name: value for name, value in {"model": MODEL, **ASK, **change}.items() if value is not None}
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    answer = HTTP.post(f"{server.url}/v1/messages", headers=headers, json=body)
    assert answer.status_code == status
    assert said is None or said in answer.json()["error"]["message"]


@pytest.mark.parametrize(("version", "status"), [("2023-06-01", 200), ("2026-10-21", 400)])
def test_sampling_is_no_parameter_of_the_newer_version(server: ModelServer, version: str, status: int) -> None:
    headers = {"x-api-key": "k", "anthropic-version": version}
    answer = HTTP.post(f"{server.url}/v1/messages", headers=headers, json={"model": MODEL, **ASK, "temperature": 1.0})
    assert answer.status_code == status
    assert status == 200 or answer.json()["error"]["message"] == "temperature: Extra inputs are not permitted"


def test_a_lost_answer_is_paid_for(server: ModelServer) -> None:
    server.dials.fail_next = [Fault.of(Action.LOSE)]
    with own_api(server) as vendor, pytest.raises(anthropic.APIConnectionError):
        vendor.messages.create(model=MODEL, **ASK)
    assert server.ledger[0].status == 200
    assert server.ledger[0].output_tokens > 0


def test_a_stream_takes_its_time_and_can_break(server: ModelServer) -> None:
    server.dials.stream_seconds = 0.1
    with own_api(server) as vendor:
        with vendor.messages.stream(model=MODEL, **ASK) as stream:
            assert stream.get_final_message().content[0].input == ROWS  # type: ignore[union-attr]
        server.dials.fail_next = [Fault.of(Action.FAIL_STREAM)]
        with pytest.raises(anthropic.APIStatusError), vendor.messages.stream(model=MODEL, **ASK) as stream:
            stream.get_final_message()
