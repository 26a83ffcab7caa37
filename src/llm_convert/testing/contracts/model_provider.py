"""What every model provider must do. Subclass it with the fixtures ``provider`` and ``completion_request``."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from llm_convert.completion.tools import answer_of
from llm_convert.contracts.work import Reply
from llm_convert.ports import CompletionRequest, ModelProvider

AT_ONCE = 5


class ModelProviderContract:
    """The promises of ``ports.ModelProvider``. Each test runs in an event loop of its own."""

    @pytest.fixture
    def provider(self) -> ModelProvider:
        """A provider for one test alone, that can answer ``completion_request``."""
        raise NotImplementedError("override the fixture 'provider'")

    @pytest.fixture
    def completion_request(self) -> CompletionRequest:
        """A request that is answered with a tool call or, by deterministic providers, with an answer of that form."""
        raise NotImplementedError("override the fixture 'completion_request'")

    def test_a_reply_says_whose_it_is(self, provider: ModelProvider, completion_request: CompletionRequest) -> None:
        """Work item and run come back; provider and model are those of the work item's identity."""
        (reply,) = _replies(provider, completion_request)
        assert reply.work_item == completion_request.work_item
        assert reply.run_id == completion_request.run_id
        assert reply.provider == provider.name
        assert reply.model == provider.model(completion_request.tier)
        assert reply.stop_reason

    def test_a_reply_holds_an_answer(self, provider: ModelProvider, completion_request: CompletionRequest) -> None:
        """The answer is there and has an answer's form."""
        (reply,) = _replies(provider, completion_request)
        assert reply.answer is not None
        assert answer_of(reply.answer) == answer_of(dict(reply.answer))

    def test_a_reply_survives_storage(self, provider: ModelProvider, completion_request: CompletionRequest) -> None:
        """What is stored and read again is what was paid for."""
        (reply,) = _replies(provider, completion_request)
        assert Reply.from_json(reply.to_json()) == reply

    def test_usage_is_of_this_call(self, provider: ModelProvider, completion_request: CompletionRequest) -> None:
        """One call at most; no call, no tokens and no cost."""
        (reply,) = _replies(provider, completion_request)
        assert reply.usage.calls in {0, 1}
        assert reply.seconds >= 0
        if reply.usage.calls == 0:
            assert (reply.usage.tokens, reply.usage.cost_microusd) == (0, 0)
        else:
            assert reply.usage.tokens > 0

    def test_the_model_is_stable(self, provider: ModelProvider, completion_request: CompletionRequest) -> None:
        """It is part of a work item's identity: asking twice, and answering in between, changes nothing."""
        before = provider.model(completion_request.tier)
        _replies(provider, completion_request)
        assert provider.model(completion_request.tier) == before
        assert before

    def test_replies_are_not_mixed_up(self, provider: ModelProvider, completion_request: CompletionRequest) -> None:
        """Of calls at the same time each gets its own reply."""
        requests = [replace(completion_request, work_item=f"{number:032x}") for number in range(AT_ONCE)]
        replies = _replies(provider, *requests)
        assert [reply.work_item for reply in replies] == [request.work_item for request in requests]

    def test_close_twice(self, provider: ModelProvider, completion_request: CompletionRequest) -> None:
        """Closing is allowed before any call, and again."""

        async def run() -> None:
            await provider.close()
            await provider.complete(completion_request)
            await provider.close()
            await provider.close()

        asyncio.run(run())


def _replies(provider: ModelProvider, *requests: CompletionRequest) -> list[Reply]:
    async def run() -> list[Reply]:
        try:
            return await asyncio.gather(*(provider.complete(request) for request in requests))
        finally:
            await provider.close()

    return asyncio.run(run())
