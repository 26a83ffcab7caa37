"""An internal service with OpenAI's chat completions, and Ollama: small servers that keep what they were sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_world import ANSWER

from llm_convert.completion.errors import (
    ConnectionLostError,
    DailyLimitError,
    OverloadedError,
    RateLimitedError,
    ServerFaultError,
)
from llm_convert.completion.loose_json import loose_object
from llm_convert.completion.providers.internal import InternalProvider
from llm_convert.completion.providers.ollama import OllamaProvider
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Cause, Reply, WorkItemError
from llm_convert.errors import ConfigurationError, DataError
from llm_convert.ports import CompletionRequest, ImageContent, Turn
from llm_convert.settings import Settings
from llm_convert.testing.contracts.model_provider import ModelProviderContract

KEY = "sk-internal-secret"


class Service:
    """Answers from a list, one an exchange; the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.seen.append((self.path, dict(self.headers), body))
                status, answer = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
                data = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("x-request-id", "req-1")
                if status == 429:
                    self.send_header("Retry-After", "7")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.close()


def completion(answer: Any = ANSWER, *, finish: str = "tool_calls") -> tuple[int, dict[str, Any]]:
    call = {"type": "function", "function": {"name": "give_rows", "arguments": json.dumps(answer, ensure_ascii=False)}}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 40}}
    return 200, {"id": "c-1", "choices": [{"message": {"tool_calls": [call]}, "finish_reason": finish}], "usage": usage}


def in_words(text: str) -> tuple[int, dict[str, Any]]:
    return 200, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {}}


def refused(status: int, message: str = "no", code: str = "x") -> tuple[int, dict[str, Any]]:
    return status, {"error": {"message": message, "code": code}}


def chat(text: str, *, done: str = "stop") -> tuple[int, dict[str, Any]]:
    return 200, {"message": {"content": text}, "done_reason": done, "prompt_eval_count": 50, "eval_count": 9}


def internal(service: Service, **environ: str) -> InternalProvider:
    return InternalProvider(
        Settings(call_timeout_seconds=5),
        {
            "INTERNAL_LLM_BASE_URL": f"{service.url}/v1",
            "INTERNAL_LLM_API_KEY": KEY,
            "INTERNAL_LLM_MODEL": "house-large",
            "INTERNAL_LLM_TICKET": "T-77",
            "USER_ID": "kim",
            "USER_TYPE": "service",
            **environ,
        },
    )


def ollama(service: Service) -> OllamaProvider:
    return OllamaProvider(
        Settings(call_timeout_seconds=5), {"OLLAMA_BASE_URL": service.url, "OLLAMA_MODEL": "qwen3:8b"}
    )


def ask(provider: InternalProvider | OllamaProvider, request: CompletionRequest) -> Reply:
    async def once() -> Reply:
        try:
            return await provider.complete(request)
        finally:
            await provider.close()

    return asyncio.run(once())


class TestInternalContract(ModelProviderContract):
    @pytest.fixture
    def provider(self, service: Service) -> InternalProvider:
        service.answers = [completion()]
        return internal(service)

    @pytest.fixture
    def completion_request(self, completion_request: CompletionRequest) -> CompletionRequest:
        return completion_request


class TestOllamaContract(ModelProviderContract):
    @pytest.fixture
    def provider(self, service: Service) -> OllamaProvider:
        service.answers = [chat(json.dumps(ANSWER))]
        return ollama(service)

    @pytest.fixture
    def completion_request(self, completion_request: CompletionRequest) -> CompletionRequest:
        return completion_request


class TestInternal:
    def test_key_ticket_and_user_go_in_headers(self, service: Service, completion_request: CompletionRequest) -> None:
        service.answers = [completion()]
        reply = ask(internal(service), completion_request)
        path, headers, body = service.seen[0]
        assert path == "/v1/chat/completions"
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert (headers["X-LLM-Ticket"], headers["X-User-Id"], headers["X-User-Type"]) == ("T-77", "kim", "service")
        assert body["tool_choice"]["function"]["name"] == "give_rows"
        assert body["messages"][0]["role"] == "system"
        assert (reply.answer, reply.stop_reason, reply.request_id) == (ANSWER, "tool_use", "req-1")
        assert (reply.usage.input_tokens, reply.usage.cache_read_tokens, reply.usage.output_tokens) == (60, 40, 20)
        assert reply.usage.cost_microusd == 0

    def test_a_service_without_tools_is_asked_in_its_own_way_from_then_on(
        self, service: Service, completion_request: CompletionRequest
    ) -> None:
        service.answers = [
            refused(400, "tools are not supported"),
            refused(422, "unknown field response_format"),
            in_words("Here it is:\n```json\n" + json.dumps(ANSWER) + "\n```"),
        ]
        provider = internal(service)
        assert ask(provider, completion_request).answer == ANSWER
        assert ask(provider, completion_request).answer == ANSWER
        assert ["tools" in body for _, _, body in service.seen] == [True, False, False, False]
        assert ["response_format" in body for _, _, body in service.seen] == [False, True, False, False]

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (refused(429), RateLimitedError),
            (refused(429, "limit of requests per day reached"), DailyLimitError),
            (refused(503), OverloadedError),
            (refused(500), ServerFaultError),
            (refused(401), ConfigurationError),
            (refused(404), ConfigurationError),
            (refused(400, "odd"), DataError),
            ((200, b"<html>sign in</html>"), ServerFaultError),
        ],
    )
    def test_what_goes_wrong_has_its_name(
        self, service: Service, completion_request: CompletionRequest, answer: tuple[int, Any], error: type[Exception]
    ) -> None:
        service.answers = [answer]
        with pytest.raises(error) as caught:
            ask(internal(service), completion_request)
        assert KEY not in str(caught.value)
        if error is RateLimitedError:
            assert caught.value.retry_after_seconds == 7  # type: ignore[attr-defined]

    def test_a_document_that_is_too_long_is_its_own(
        self, service: Service, completion_request: CompletionRequest
    ) -> None:
        service.answers = [refused(400, "This model's maximum context length is 8192 tokens")]
        with pytest.raises(WorkItemError) as caught:
            ask(internal(service), completion_request)
        assert caught.value.cause is Cause.TOO_LARGE

    def test_nobody_there_is_an_outage(self, completion_request: CompletionRequest) -> None:
        gone = Service()
        gone.close()
        with pytest.raises(ConnectionLostError) as caught:
            ask(internal(gone), completion_request)
        assert not caught.value.may_be_billed

    def test_a_repair_tells_only_what_was_wrong(self, service: Service, completion_request: CompletionRequest) -> None:
        import dataclasses

        service.answers = [completion()]
        turn = Turn(answer={"rows": []}, text="", fault="row 1: amount is not what stands at A1")
        ask(internal(service), dataclasses.replace(completion_request, turns=(turn,)))
        roles = [message["role"] for message in service.seen[0][2]["messages"]]
        assert roles == ["system", "user", "assistant", "user"]
        assert service.seen[0][2]["messages"][-1]["content"] == turn.fault

    def test_pictures_go_along(self, service: Service, completion_request: CompletionRequest) -> None:
        import dataclasses

        service.answers = [completion()]
        picture = ImageContent(media_type="image/png", data=b"\x89PNG")
        ask(internal(service), dataclasses.replace(completion_request, content=(*completion_request.content, picture)))
        content = service.seen[0][2]["messages"][1]["content"]
        assert content[-1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="

    def test_what_is_missing_is_named(self) -> None:
        with pytest.raises(ConfigurationError, match="INTERNAL_LLM_MODEL is not set"):
            InternalProvider(Settings(), {"INTERNAL_LLM_BASE_URL": "http://x"})


class TestOllama:
    def test_the_form_is_held_by_the_schema(self, service: Service, completion_request: CompletionRequest) -> None:
        service.answers = [chat(json.dumps(ANSWER))]
        reply = ask(ollama(service), completion_request)
        path, _, body = service.seen[0]
        assert (path, body["stream"], body["format"]) == ("/api/chat", False, completion_request.tool_schema)
        assert body["options"]["num_ctx"] >= 4096
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (50, 9)

    def test_a_model_that_was_not_pulled_says_how(
        self, service: Service, completion_request: CompletionRequest
    ) -> None:
        service.answers = [(404, {"error": "model 'qwen3:8b' not found"})]
        with pytest.raises(ConfigurationError, match="ollama pull qwen3:8b"):
            ask(ollama(service), completion_request)

    def test_a_cut_off_answer_is_no_answer(self, service: Service, completion_request: CompletionRequest) -> None:
        service.answers = [chat('{"rows": [{"item"', done="length")]
        reply = ask(ollama(service), completion_request)
        assert (reply.stop_reason, reply.answer) == ("max_tokens", None)
        assert ollama(service).worst_case_microusd(completion_request) == 0
        assert ollama(service).capacity(ModelTier.MAIN).endswith("/qwen3:8b")


@given(
    value=st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())),
    before=st.text(alphabet="abc \n가"),
    after=st.text(alphabet="abc \n가"),
)
def test_an_object_between_words_is_found_as_it_stands(value: dict[str, Any], before: str, after: str) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert loose_object(f"{before}{text}{after}") == value
    assert loose_object(f"```json\n{text}\n```") == value


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    found = loose_object(text)
    assert found is None or isinstance(found, dict)


def test_a_comma_too_many_is_no_obstacle_and_a_missing_end_is() -> None:
    assert loose_object('{"rows": [1, 2,],}') == {"rows": [1, 2]}
    assert loose_object('{"rows": [1, 2') is None
