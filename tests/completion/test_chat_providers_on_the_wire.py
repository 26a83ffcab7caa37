"""The internal service and Ollama, as the test server speaks for them."""

from __future__ import annotations

import asyncio

import pytest
from model_world import ANSWER

from llm_convert.completion.errors import RateLimitedError
from llm_convert.completion.providers.internal import InternalProvider
from llm_convert.completion.providers.ollama import OllamaProvider
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings
from llm_convert.testing.model_server import Dials, ModelServer

PROVIDERS = [("openai", InternalProvider), ("ollama", OllamaProvider)]


@pytest.mark.parametrize(("service", "provider"), PROVIDERS)
def test_what_was_answered_is_what_is_read_and_counted(
    server: ModelServer,
    completion_request: CompletionRequest,
    service: str,
    provider: type[InternalProvider | OllamaProvider],
) -> None:
    asked = provider(Settings(call_timeout_seconds=5), server.environment(service))

    async def twice() -> None:
        reply = await asked.complete(completion_request)
        assert (reply.answer, reply.stop_reason) == (ANSWER, "tool_use")
        record = server.ledger[0]
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == (record.input_tokens, record.output_tokens)
        assert reply.request_id == record.request_id
        server.dials = Dials(requests_per_second=0.001, retry_after=True)
        assert (await asked.complete(completion_request)).answer == ANSWER
        with pytest.raises(RateLimitedError):
            await asked.complete(completion_request)
        await asked.close()

    asyncio.run(twice())


def test_a_service_that_knows_neither_tools_nor_schemas(
    server: ModelServer, completion_request: CompletionRequest
) -> None:
    server.dials = Dials(unsupported=frozenset({"tools", "response_format"}))
    asked = InternalProvider(Settings(call_timeout_seconds=5), server.environment("openai"))

    async def once() -> None:
        assert (await asked.complete(completion_request)).answer == ANSWER
        await asked.close()

    asyncio.run(once())
    assert [record.status for record in server.ledger] == [400, 400, 200]
