"""The model server as OpenAI's chat completions and as Ollama, over plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from model_wire import HTTP, ROWS

from llm_convert.testing.model_server import Dials, Fault, Malformed, ModelServer, text_of
from llm_convert.testing.model_server.dials import Action

SCHEMA = {"type": "object"}
MESSAGES = [{"role": "system", "content": "Give rows."}, {"role": "user", "content": "합계 1,000"}]
FUNCTION = {"type": "function", "function": {"name": "give_rows", "parameters": SCHEMA}}
FORCED = {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "give_rows"}}}
JSON = {"response_format": {"type": "json_schema", "json_schema": {"name": "rows", "schema": SCHEMA}}}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS) as running:
        yield running


def complete(server: ModelServer, key: str = "k", **more: Any) -> httpx2.Response:
    body = {"model": "house", "messages": MESSAGES, "max_tokens": 500, **more}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return HTTP.post(f"{server.url}/openai/v1/chat/completions", headers=headers, json=body)


def chat(server: ModelServer, **more: Any) -> httpx2.Response:
    body = {"model": "qwen3:8b", "messages": MESSAGES, "stream": False, **more}
    return HTTP.post(f"{server.url}/api/chat", json={name: body[name] for name in body if body[name] is not None})


class TestChatCompletions:
    def test_a_forced_function_is_called(self, server: ModelServer) -> None:
        answer = complete(server, **FORCED, user="item-1")
        choice, usage = answer.json()["choices"][0], answer.json()["usage"]
        call = choice["message"]["tool_calls"][0]["function"]
        assert (call["name"], json.loads(call["arguments"])) == ("give_rows", ROWS)
        assert choice["message"]["content"] is None
        assert choice["finish_reason"] == "stop", "as the real service has it where one function is named"
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
        record = server.ledger[0]
        assert (record.service, record.model, record.work_item) == ("openai", "house", "item-1")
        assert (record.input_tokens, record.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
        assert answer.headers["x-request-id"] == record.request_id

    @pytest.mark.parametrize("choice", [None, "auto", "required"])
    def test_a_tool_of_its_own_choice(self, server: ModelServer, choice: str | None) -> None:
        more = {"tool_choice": choice} if choice else {}
        assert complete(server, tools=[FUNCTION], **more).json()["choices"][0]["finish_reason"] == "tool_calls"

    @pytest.mark.parametrize("more", [JSON, {"response_format": {"type": "json_object"}}, {}, {"tool_choice": "none"}])
    def test_json_in_the_text(self, server: ModelServer, more: dict[str, Any]) -> None:
        choice = complete(server, **more).json()["choices"][0]
        assert (json.loads(choice["message"]["content"]), choice["finish_reason"]) == (ROWS, "stop")

    @pytest.mark.parametrize(
        ("dials", "finish"),
        [
            (Dials(stop_reason="max_tokens"), "length"),
            (Dials(stop_reason="refusal"), "content_filter"),
            (Dials(stop_reason="end_turn"), "stop"),
            (Dials(malformed=Malformed.NO_CALL), "stop"),
        ],
    )
    def test_other_ends(self, server: ModelServer, dials: Dials, finish: str) -> None:
        server.dials = dials
        choice = complete(server, **FORCED).json()["choices"][0]
        assert choice["finish_reason"] == finish
        if finish == "length":
            with pytest.raises(ValueError, match="column"):
                json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])
        else:
            assert "tool_calls" not in choice["message"]

    def test_what_does_not_fit_is_cut_off(self, server: ModelServer) -> None:
        server.answer_with = lambda request: {"rows": ["x" * 1000]}
        answer = complete(server, **JSON, max_tokens=20).json()
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 20

    def test_streamed(self, server: ModelServer) -> None:
        answer = complete(server, **FORCED, stream=True, stream_options={"include_usage": True})
        lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
        assert lines.pop() == "[DONE]"
        chunks = [json.loads(line) for line in lines]
        assert chunks.pop()["usage"]["prompt_tokens"] > 0
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
        pieces = [delta["tool_calls"][0]["function"]["arguments"] for delta in deltas if "tool_calls" in delta]
        assert json.loads("".join(pieces)) == ROWS
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        text = complete(server, stream=True).text
        parts = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line.startswith("data: {")]
        assert json.loads("".join(part["choices"][0]["delta"].get("content") or "" for part in parts)) == ROWS

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"messages": []}, "at least one message"),
            ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
            ({"messages": [{"role": "user"}]}, "messages[0].content"),
            ({"anthropic_version": "x"}, "Unrecognized request argument supplied: anthropic_version"),
            ({"tool_choice": "required"}, "only allowed when 'tools'"),
            ({**FORCED, "tool_choice": {"type": "function", "function": {"name": "x"}}}, "not among the tools"),
            ({**FORCED, "tool_choice": "any"}, "tool_choice"),
            ({"tools": [{"name": "x"}]}, "tools[0].function.name"),
            ({"response_format": {"type": "yaml"}}, "response_format.type"),
            ({"response_format": {"type": "json_schema"}}, "json_schema.name"),
            ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "json_schema.schema"),
            ({"model": ""}, "model parameter"),
        ],
    )
    def test_broken_rules(self, server: ModelServer, more: dict[str, Any], said: str) -> None:
        answer = complete(server, **more)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert said in answer.json()["error"]["message"]
        assert server.ledger[0].input_tokens == 0

    def test_a_service_may_know_less(self, server: ModelServer) -> None:
        server.dials = Dials(unsupported=frozenset({"tools", "response_format"}))
        for more, said in [(FORCED, "tools is not supported"), (JSON, "response_format is not supported")]:
            answer = complete(server, **more)
            assert (answer.status_code, said in answer.json()["error"]["message"]) == (400, True)
        assert complete(server).status_code == 200

    def test_errors_have_openais_form(self, server: ModelServer) -> None:
        server.token = "k"
        assert complete(server, key="").status_code == 401
        answer = complete(server, key="other")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        fault = Fault(status=429, type="insufficient_quota", code="insufficient_quota", message="x", retry_after="7")
        server.dials.fail_next = [Fault.rate_limited(), fault, 500]
        found = [complete(server) for _ in range(3)]
        errors = [(answer.json()["error"]["type"], answer.json()["error"]["code"]) for answer in found]
        assert errors == [
            ("requests", "rate_limit_exceeded"),
            ("insufficient_quota", "insufficient_quota"),
            ("server_error", None),
        ]
        assert found[1].headers["retry-after"] == "7"

    def test_quota_and_context(self, server: ModelServer) -> None:
        server.dials = Dials(tokens_per_minute=1)
        answer = complete(server)
        assert (answer.status_code, answer.json()["error"]["type"]) == (429, "tokens")
        server.dials = Dials(requests_per_second=0.5)
        assert complete(server).status_code == 200
        answer = complete(server)
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert answer.headers["retry-after"] == "2"
        server.dials = Dials(context_tokens=1)
        assert "maximum context length is 1 tokens" in complete(server).json()["error"]["message"]

    def test_pictures_and_cached_tokens(self, server: ModelServer) -> None:
        server.dials = Dials(cache_read_tokens=7)
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
        content = [{"type": "text", "text": "합계"}, picture]
        usage = complete(server, messages=[{"role": "user", "content": content}]).json()["usage"]
        assert usage["prompt_tokens"] > 1000
        assert usage["prompt_tokens_details"]["cached_tokens"] == 7

    def test_the_answering_code_sees_the_document_only(self, server: ModelServer) -> None:
        server.answer_with = lambda request: {"rows": [], "clarify": text_of(request)}
        assert json.loads(complete(server).json()["choices"][0]["message"]["content"])["clarify"] == "합계 1,000"


class TestOllama:
    def test_whole(self, server: ModelServer) -> None:
        answer = chat(server, format=SCHEMA).json()
        assert json.loads(answer["message"]["content"]) == ROWS
        assert (answer["done"], answer["done_reason"]) == (True, "stop")
        record = server.ledger[0]
        assert (answer["prompt_eval_count"], answer["eval_count"]) == (record.input_tokens, record.output_tokens)
        assert record.service == "ollama"

    @pytest.mark.parametrize("stream", [True, None])
    def test_streamed_unless_said_otherwise(self, server: ModelServer, stream: bool | None) -> None:
        answer = chat(server, stream=stream)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert json.loads("".join(line["message"]["content"] for line in lines)) == ROWS
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
        assert lines[-1]["eval_count"] > 0
        assert answer.headers["content-type"] == "application/x-ndjson"

    def test_a_long_prompt_is_cut_off_without_a_word(self, server: ModelServer) -> None:
        long = [{"role": "user", "content": "x" * 40_000}]
        assert chat(server, messages=long, options={"num_ctx": 512}).json()["prompt_eval_count"] == 512
        assert chat(server, messages=long).json()["prompt_eval_count"] == 4096
        assert chat(server, messages=long, options={"num_ctx": 32768}).json()["prompt_eval_count"] == 10_000

    def test_a_long_answer_is_cut_off(self, server: ModelServer) -> None:
        server.answer_with = lambda request: {"rows": ["x" * 1000]}
        answer = chat(server, options={"num_predict": 10}).json()
        assert (answer["done_reason"], answer["eval_count"]) == ("length", 10)
        assert chat(server, options={"num_predict": -1}).json()["done_reason"] == "stop"

    @pytest.mark.parametrize(
        ("more", "status", "said"),
        [
            ({"model": "other"}, 404, "model 'other' not found"),
            ({"model": None}, 400, "model is required"),
            ({"format": "yaml"}, 400, "invalid format"),
            ({"messages": []}, 400, "at least one message"),
        ],
    )
    def test_errors_are_words(self, server: ModelServer, more: dict[str, Any], status: int, said: str) -> None:
        answer = chat(server, **more)
        assert answer.status_code == status
        assert said in answer.json()["error"]

    def test_its_models(self) -> None:
        with ModelServer(ollama_models=["llama3:latest", "qwen3:8b"]) as server:
            tags = HTTP.get(f"{server.url}/api/tags").json()["models"]
            assert [model["name"] for model in tags] == ["llama3:latest", "qwen3:8b"]
            assert chat(server, model="llama3").status_code == 200
            server.dials = Dials(requests_per_second=1)
            assert [chat(server, model="llama3").status_code for _ in range(2)] == [200, 429]

    def test_a_stream_that_breaks(self, server: ModelServer) -> None:
        server.dials.fail_next = [Fault.of(Action.FAIL_STREAM), Fault.of(Action.END_STREAM)]
        lines = chat(server, stream=True).text.splitlines()
        assert json.loads(lines[-1]) == {"error": "Overloaded"}
        assert json.loads(chat(server, stream=True).text.splitlines()[-1])["done"] is False
