"""The vendor's own client against the model server over the wire: what comes back, and what it cost."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from dataclasses import replace
from datetime import date

import pytest
from model_world import ANSWER, ProviderFor, ask, outcomes

from llm_convert.completion.providers.vertex import VertexProvider
from llm_convert.completion.tools import NOT_AN_OBJECT, answer_of
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Cause, Reply, WorkItemError
from llm_convert.errors import ConfigurationError
from llm_convert.ports import CompletionRequest, ImageContent, TextContent
from llm_convert.testing.contracts.model_provider import ModelProviderContract
from llm_convert.testing.model_server import Fault, Malformed, ModelServer

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
)
MODELS = [
    "claude-sonnet-4-5@20250929",
    "claude-sonnet-4-6",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "claude-haiku-4-5@20251001",
    "claude-haiku-5-5",
    "claude-opus-5-5",
]


class TestVertexContract(ModelProviderContract):
    @pytest.fixture
    def provider(self, provider_for: ProviderFor) -> VertexProvider:
        return provider_for()

    @pytest.fixture
    def completion_request(self, completion_request: CompletionRequest) -> CompletionRequest:
        return completion_request


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_whole_and_streamed(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer, model: str
) -> None:
    long = replace(completion_request, max_output_tokens=64_000)
    replies = outcomes(provider_for(model_main=model), completion_request, long)
    assert [record.streamed for record in server.ledger] == [False, True]
    for reply, record in zip(replies, server.ledger, strict=True):
        assert isinstance(reply, Reply)
        # A model that can't be forced to call a tool is asked for structured outputs, and answers with text.
        stop = "end_turn" if model in {"claude-sonnet-5-5", "claude-opus-5-5"} else "tool_use"
        assert (reply.model, reply.stop_reason, reply.answer) == (model, stop, ANSWER)
        assert answer_of(reply.answer).rows[0]["item"].value == "카페라떼"
        assert (record.model, record.status) == (model, 200)
        assert (record.project, record.region) == ("local-project", "global")
        assert (reply.work_item, reply.request_id) == (record.work_item, record.request_id)
        used = reply.usage
        assert (used.calls, used.input_tokens, used.output_tokens) == (1, record.input_tokens, record.output_tokens)


def test_korean_text_images_and_system_arrive_as_they_are(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    seen = []
    server.answer_with = lambda request: seen.append(request) or ANSWER
    text = "합계 △1,234천원 — “따옴표” 😀\t" + "가" * 5000
    content = (TextContent(text=text), TextContent(text=" \n"), ImageContent(media_type="image/png", data=PNG))
    ask(provider_for(), replace(completion_request, content=content))
    blocks = seen[0]["messages"][0]["content"]
    assert [block["type"] for block in blocks] == ["text", "image"]
    assert blocks[0]["text"] == text
    assert base64.b64decode(blocks[1]["source"]["data"]) == PNG
    assert seen[0]["system"] == completion_request.system
    assert seen[0]["tools"][0]["input_schema"] == completion_request.tool_schema
    assert seen[0]["tool_choice"] == {"type": "tool", "name": "give_rows", "disable_parallel_tool_use": True}


@pytest.mark.parametrize(
    ("stop", "called"),
    [
        ("max_tokens", True),
        ("model_context_window_exceeded", True),
        ("refusal", False),
        ("pause_turn", False),
        ("end_turn", False),
    ],
)
def test_stop_reasons_are_kept(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer, stop: str, called: bool
) -> None:
    server.dials.stop_reason = stop
    for reply in outcomes(provider_for(), completion_request, replace(completion_request, max_output_tokens=30_000)):
        assert isinstance(reply, Reply)
        assert reply.stop_reason == stop
        assert bool(reply.text) is not called
        # A truncated call looks like a whole one.
        assert reply.answer == ({**ANSWER, "rows": ANSWER["rows"][:1]} if called else None)


def test_an_answer_longer_than_allowed_is_truncated(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.answer_with = lambda request: {"rows": ANSWER["rows"] * 500}
    reply = ask(provider_for(), replace(completion_request, max_output_tokens=256))
    assert (reply.stop_reason, reply.usage.output_tokens) == ("max_tokens", 256)


@pytest.mark.parametrize("malformed", list(Malformed))
def test_malformed_calls_are_kept_as_paid(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer, malformed: Malformed
) -> None:
    server.dials.malformed = malformed
    for reply in outcomes(provider_for(), completion_request, replace(completion_request, max_output_tokens=30_000)):
        assert isinstance(reply, Reply)
        assert reply.usage.output_tokens > 0
        if malformed in {Malformed.NO_CALL, Malformed.OTHER_TOOL}:
            assert reply.answer is None
            continue
        assert reply.answer is not None
        assert (NOT_AN_OBJECT in reply.answer) is (malformed is Malformed.NOT_AN_OBJECT)
        with pytest.raises(WorkItemError) as caught:
            answer_of(reply.answer)
        assert caught.value.cause is Cause.BAD_ANSWER


def test_a_wrong_digit_arrives_as_it_was_said(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.dials.wrong_digit = True
    reply = ask(provider_for(), completion_request)
    assert reply.answer is not None
    assert reply.answer["rows"][0]["amount"] == {"value": 1234501, "at": ["매출!C2", "매출!C1"]}


def test_usage_and_cost_with_a_cache(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    server.dials.cache_read_tokens, server.dials.cache_write_tokens = 100, 40
    usage = ask(provider_for(), completion_request).usage
    record = server.ledger[0]
    assert (usage.cache_read_tokens, usage.cache_write_tokens) == (100, 40)
    assert usage.input_tokens == record.input_tokens - 140
    # claude-sonnet-4-6: 3 and 15 micro-dollars a token, 0.30 from the cache, 3.75 into it.
    assert usage.cost_microusd == 3 * usage.input_tokens + 15 * usage.output_tokens + 30 + 150


def test_a_regional_endpoint_costs_more(provider_for: ProviderFor, completion_request: CompletionRequest) -> None:
    with ModelServer(answer_with=lambda request: ANSWER, region="asia-northeast3") as server:
        usage = ask(provider_for(environ=server.environment()), completion_request).usage
        assert server.ledger[0].region == "asia-northeast3"
    plain = 3 * usage.input_tokens + 15 * usage.output_tokens
    assert usage.cost_microusd == (11 * plain + 5) // 10


def test_tiers_and_aliases_name_models(provider_for: ProviderFor, completion_request: CompletionRequest) -> None:
    provider = provider_for(model_fast="claude-haiku-4-5", model_strong="no-such-model")
    prompt = completion_request.prompt
    assert provider.model(prompt.tier) == "claude-sonnet-4-6"
    assert provider.model(ModelTier.FAST) == "claude-haiku-4-5@20251001"
    with pytest.raises(ConfigurationError, match="unknown model 'no-such-model'"):
        provider.model(ModelTier.STRONG)


def test_a_model_near_its_end_warns_once_and_ends(
    provider_for: ProviderFor,
    completion_request: CompletionRequest,
    server: ModelServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    old = "claude-sonnet-4-5@20250929"
    outcomes(provider_for(model_main=old), completion_request, completion_request)
    warnings = [record for record in caplog.records if record.name.startswith("llm_convert")]
    assert len(warnings) == 1
    assert "claude-sonnet-5-5" in warnings[0].getMessage()
    ended = provider_for(model_main=old, today=date(2026, 12, 1))
    assert ended.model(completion_request.tier) == old, "its finished work must stay findable"
    with pytest.raises(ConfigurationError, match="claude-sonnet-5-5"):
        ask(ended, completion_request)
    assert server.received == 2


def test_what_no_model_takes_is_not_sent(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    bitmap = replace(completion_request, content=(ImageContent(media_type="image/tiff", data=b"II*"),))
    with pytest.raises(WorkItemError, match="image/tiff") as caught:
        ask(provider_for(), bitmap)
    assert caught.value.cause is Cause.UNKNOWN_FORMAT
    with pytest.raises(WorkItemError) as caught:
        ask(provider_for(), replace(completion_request, content=(TextContent(text="  "),)))
    assert caught.value.cause is Cause.EMPTY_DOCUMENT
    assert server.received == 0


def test_logs_hold_no_document(
    provider_for: ProviderFor, completion_request: CompletionRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ask(provider_for(), completion_request)
    assert "카페라떼" not in caplog.text
    assert "local-token" not in caplog.text


@pytest.mark.parametrize(
    ("words", "other_schema_stops"),
    [
        ("output_config: structured outputs are not allowed by the organization policy", "tool_use"),
        ("output_config.format.schema: the schema is too complex", "end_turn"),
    ],
)
def test_a_refused_native_form_becomes_a_tool_and_costs_nothing(
    provider_for: ProviderFor,
    completion_request: CompletionRequest,
    server: ModelServer,
    words: str,
    other_schema_stops: str,
) -> None:
    server.dials.fail_next = [Fault.invalid(words)]
    other = replace(completion_request, tool_schema={**completion_request.tool_schema, "title": "another"})
    provider = provider_for(structured_outputs="native")

    async def one_by_one() -> list[Reply]:
        try:
            return [await provider.complete(request) for request in (completion_request, completion_request, other)]
        finally:
            await provider.close()

    replies = asyncio.run(one_by_one())
    assert [record.status for record in server.ledger] == [400, 200, 200, 200]
    assert [reply.answer for reply in replies] == [ANSWER] * 3
    # By policy no schema is asked for again; one that is too complex says nothing about the next.
    assert [reply.stop_reason for reply in replies] == ["tool_use", "tool_use", other_schema_stops]


def test_pieces_of_the_answer_are_told_as_they_come(
    provider_for: ProviderFor, completion_request: CompletionRequest, server: ModelServer
) -> None:
    pieces: list[str] = []
    reply = ask(provider_for(), replace(completion_request, listen=lambda: pieces.append))
    assert server.ledger[0].streamed
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == reply.answer == ANSWER
