"""Replies on file: recorded over the real wire, replayed without it; and nothing takes a recording's place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_world import ANSWER

from llm_convert import wiring
from llm_convert.completion.errors import NotRecordedError
from llm_convert.completion.recordings import request_key
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Cause, Reply
from llm_convert.errors import ConfigurationError
from llm_convert.ports import CompletionRequest, ImageContent, ModelProvider, TextContent, Turn
from llm_convert.settings import Settings
from llm_convert.testing.contracts.model_provider import ModelProviderContract
from llm_convert.testing.model_server import ModelServer

MODEL = "claude-sonnet-4-6"
PRICES = {MODEL: {"usd_input": "3", "usd_output": "15"}}


class Kept:
    """A journal that keeps replies in a list."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []

    async def sending(self, call: SentCall) -> None:
        self.call = call

    async def unanswered(self, call: SentCall, *, may_be_billed: bool) -> None:
        self.doubt = may_be_billed

    async def answered(self, reply: Reply) -> None:
        self.replies.append(reply)


def settings_for(folder: Path, provider: str, **more: Any) -> Settings:
    return Settings.model_validate(
        {"provider": provider, "recordings": folder, "vertex_access_token": "t", "retry_seconds": 0, **more}
    )


def ask(settings: Settings, environ: dict[str, str], request: CompletionRequest) -> tuple[Reply, Kept]:
    async def run() -> tuple[Reply, Kept]:
        engine, journal = wiring.open_engine(settings, environ), Kept()
        try:
            return await engine.ask(request, journal), journal
        finally:
            await engine.close()

    return asyncio.run(run())


def recorded(folder: Path, request: CompletionRequest, service: str = "vertex", provider: str = "vertex") -> Reply:
    """What a provider answers on the wire, put on file; its server is gone afterwards."""
    with ModelServer(answer_with=lambda asked: ANSWER, prices=PRICES) as server:
        settings = settings_for(folder, provider, record=True, anthropic_api_key="k")
        reply, journal = ask(settings, server.environment(service), request)
        assert server.received == 1
    assert journal.replies == [reply]
    return reply


class TestRecordedContract(ModelProviderContract):
    @pytest.fixture
    def provider(self, tmp_path: Path, completion_request: CompletionRequest) -> ModelProvider:
        recorded(tmp_path, completion_request)
        return wiring.open_provider(settings_for(tmp_path, "recorded"), {}, "recorded")

    @pytest.fixture
    def completion_request(self, completion_request: CompletionRequest) -> CompletionRequest:
        return completion_request


@pytest.mark.parametrize(
    ("provider", "service", "environ"),
    [
        ("vertex", "vertex", {}),
        ("anthropic", "anthropic", {}),
        ("internal", "openai", {"INTERNAL_LLM_MODEL": "local-model"}),
        ("ollama", "ollama", {"OLLAMA_MODEL": "qwen3:8b"}),
    ],
)
def test_what_was_answered_on_the_wire_is_answered_without_it(
    tmp_path: Path, completion_request: CompletionRequest, provider: str, service: str, environ: dict[str, str]
) -> None:
    with ModelServer() as server:
        environ = {**server.environment(service), **environ}
    paid = recorded(tmp_path, completion_request, service, provider)
    again = replace(completion_request, work_item="f" * 32, run_id="run-2", call=3)
    replayed, journal = ask(settings_for(tmp_path, f"recorded:{provider}"), environ, again)
    assert (replayed.answer, replayed.text, replayed.stop_reason) == (paid.answer, paid.text, paid.stop_reason)
    assert replayed.answer == ANSWER
    assert (replayed.work_item, replayed.run_id, replayed.call) == ("f" * 32, "run-2", 3)
    assert replayed.usage.tokens == paid.usage.tokens > 0
    assert replayed.usage.cost_microusd == 0, "nothing is paid now"
    assert replayed.original is not None
    assert (replayed.original.provider, replayed.original.model) == (provider, paid.model)
    assert replayed.original.cost_microusd == paid.usage.cost_microusd
    assert journal.call.worst_case_microusd == 0
    assert Reply.from_json(replayed.to_json()) == replayed


def test_a_recording_can_be_read(tmp_path: Path, completion_request: CompletionRequest) -> None:
    reply = recorded(tmp_path, completion_request)
    (path,) = tmp_path.glob("sales_lines/*/*.json")
    text = path.read_text(encoding="utf-8")
    found = json.loads(text)
    assert path.parent.name == MODEL == found["model"]
    assert path.stem == found["key"] == request_key(completion_request, MODEL)
    assert (found["provider"], found["purpose"], found["prompt_id"]) == ("vertex", "rows", "sales_lines")
    assert found["usage"]["cost_microusd"] == reply.usage.cost_microusd > 0
    assert found["recorded_at"].endswith("+00:00")
    assert found["answer"] == ANSWER, "what is null stays null"
    assert "카페라떼" in text and len(text.splitlines()) > 20


def test_recording_again_takes_the_newer_answer(tmp_path: Path, completion_request: CompletionRequest) -> None:
    recorded(tmp_path, completion_request)
    newer = {"rows": [], "clarify": "Which month?"}
    with ModelServer(answer_with=lambda asked: newer) as server:
        ask(settings_for(tmp_path, "vertex", record=True), server.environment(), completion_request)
    reply, _ = ask(settings_for(tmp_path, "recorded"), {}, completion_request)
    assert reply.answer == newer


def test_a_replay_and_the_rules_are_not_recorded(tmp_path: Path, completion_request: CompletionRequest) -> None:
    recorded(tmp_path, completion_request)
    (path,) = tmp_path.glob("*/*/*.json")
    before = path.read_bytes()
    ask(settings_for(tmp_path, "recorded", record=True), {}, completion_request)
    assert path.read_bytes() == before
    ask(settings_for(tmp_path / "rules", "rules", record=True), {}, completion_request)
    assert not list((tmp_path / "rules").glob("**/*.json"))


def test_no_recording_is_an_error_and_asks_nobody_else(tmp_path: Path, completion_request: CompletionRequest) -> None:
    recorded(tmp_path, completion_request)
    other = replace(completion_request, content=(TextContent(text="녹차 500"),))
    with ModelServer(answer_with=lambda asked: ANSWER) as server:
        with pytest.raises(NotRecordedError) as caught:
            ask(settings_for(tmp_path, "recorded,vertex,rules"), server.environment(), other)
        assert server.received == 0
    said = str(caught.value)
    assert caught.value.cause is Cause.NOT_RECORDED
    assert request_key(other, MODEL) in said and str(tmp_path) in said
    assert "sales_lines (rows, call 1)" in said and f"has recordings by {MODEL}" in said
    assert "LLM_CONVERT_RECORD=true" in said
    assert "녹차" not in said


def test_another_model_s_answer_is_no_substitute(tmp_path: Path, completion_request: CompletionRequest) -> None:
    recorded(tmp_path, completion_request)
    with pytest.raises(NotRecordedError, match="claude-opus-5-5"):
        ask(settings_for(tmp_path, "recorded", model_main="claude-opus-5-5"), {}, completion_request)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:40], "is no recording"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "is no recording"),
        (lambda text: text.replace('"key": "', '"key": "0'), "holds the recording 0"),
    ],
)
def test_a_file_that_is_not_this_recording_is_refused(
    tmp_path: Path, completion_request: CompletionRequest, spoil: Callable[[str], str], said: str
) -> None:
    recorded(tmp_path, completion_request)
    (path,) = tmp_path.glob("*/*/*.json")
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(NotRecordedError, match=said):
        ask(settings_for(tmp_path, "recorded,rules"), {}, completion_request)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"provider": "recorded"}, "LLM_CONVERT_RECORDINGS is not set"),
        ({"provider": "rules", "record": True}, "LLM_CONVERT_RECORDINGS is not set"),
        ({"provider": "recorded:openai", "recordings": "x"}, "unknown provider 'openai'"),
        ({"provider": "recorded:ollama", "recordings": "x"}, "OLLAMA_MODEL is not set"),
    ],
)
def test_what_is_not_set_is_told_before_any_call(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        wiring.open_engine(Settings.model_validate(settings), {})


def test_a_model_is_known_by_its_alias_too(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "recorded", model_fast="claude-haiku-4-5")
    provider = wiring.open_provider(settings, {}, "recorded")
    assert provider.model(ModelTier.FAST) == "claude-haiku-4-5@20251001"


texts = st.text(max_size=20)
answers = st.none() | st.dictionaries(texts, st.none() | texts | st.integers(), max_size=3)
turns = st.builds(lambda answer, text, fault: Turn(answer=answer, text=text, fault=fault), answers, texts, texts)
parts = st.builds(lambda text: TextContent(text=text), texts) | st.builds(
    lambda kind, data: ImageContent(media_type=kind, data=data), texts, st.binary(max_size=8)
)
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "system": texts,
    "content": st.lists(parts, max_size=3).map(tuple),
    "tool_name": texts,
    "tool_schema": st.dictionaries(texts, texts, max_size=3),
    "turns": st.lists(turns, max_size=2).map(tuple),
    "max_output_tokens": st.integers(min_value=1, max_value=9),
}
UNSEEN: dict[str, st.SearchStrategy[Any]] = {
    "work_item": texts,
    "run_id": texts,
    "call": st.integers(min_value=1, max_value=9),
    "listen": st.just(lambda: print),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_key_changes_with_anything_that_a_model_sees(completion_request: CompletionRequest, name: str) -> None:
    @given(CHANGES[name], CHANGES[name])
    def holds(one: Any, other: Any) -> None:
        keys = [request_key(replace(completion_request, **{name: value}), MODEL) for value in (one, other)]
        assert (keys[0] == keys[1]) == (_shown(one) == _shown(other))

    holds()


def _shown(value: Any) -> str:
    """What a model sees of it, in its order: the classes' own representation hides texts."""
    whole = [type(one).__name__ + repr(asdict(one)) for one in value] if isinstance(value, tuple) else value
    return repr(whole)


@pytest.mark.parametrize("name", UNSEEN)
def test_a_key_is_the_same_whatever_run_asks(completion_request: CompletionRequest, name: str) -> None:
    @given(UNSEEN[name])
    def holds(value: Any) -> None:
        changed = replace(completion_request, **{name: value})
        assert request_key(changed, MODEL) == request_key(completion_request, MODEL)

    holds()


def test_a_key_is_of_one_picture(completion_request: CompletionRequest) -> None:
    pictures = [ImageContent(media_type="image/png", data=data) for data in (b"one", b"two", b"one")]
    keys = [request_key(replace(completion_request, content=(picture,)), MODEL) for picture in pictures]
    assert keys[0] == keys[2] != keys[1]


def test_a_key_is_of_one_model(completion_request: CompletionRequest) -> None:
    assert request_key(completion_request, MODEL) != request_key(completion_request, "claude-opus-5-5")
