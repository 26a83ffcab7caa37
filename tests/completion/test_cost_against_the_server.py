"""What our books say a call costs, against what the test server charges by arithmetic and prices of its own."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from model_world import ANSWER, TODAY

from llm_convert.completion.providers.vertex import VertexProvider
from llm_convert.ports import CompletionRequest, TextContent
from llm_convert.settings import Settings
from llm_convert.testing.model_server import ModelServer

PRICES = {
    "claude-sonnet-4-6": {"usd_input": "3", "usd_output": "15"},
    "claude-opus-5-5": {"usd_input": "4", "usd_output": "20", "cache_read": "0.05"},
    "claude-haiku-5-5": {
        "usd_input": "0.10",
        "usd_output": "0.50",
        "long_prompt_above": 100_000,
        "long_prompt_factor": 5,
    },
}
"""Written down from the price list a second time."""


@pytest.mark.parametrize("region", ["global", "asia-northeast3"])
@pytest.mark.parametrize("model", PRICES)
def test_both_come_to_the_same(completion_request: CompletionRequest, model: str, region: str) -> None:
    long = (TextContent(text="손익 " * 140_000),)
    requests = [
        completion_request,
        dataclasses.replace(completion_request, content=long),
        dataclasses.replace(completion_request, system="다른 규칙 " * 2000),
        dataclasses.replace(completion_request, system="다른 규칙 " * 2000, content=(TextContent(text="품목 1,000"),)),
        dataclasses.replace(completion_request, system="다른 규칙 " * 2000, content=long),
    ]
    with ModelServer(answer_with=lambda request: ANSWER, prices=PRICES, region=region) as server:
        settings = Settings(provider="vertex", vertex_access_token="t", model_main=model)
        provider = VertexProvider(settings, server.environment(), today=lambda: TODAY)

        async def ask() -> list[int]:
            costs = [(await provider.complete(request)).usage.cost_microusd for request in requests]
            await provider.close()
            return costs

        assert asyncio.run(ask()) == [record.charged_microusd for record in server.ledger]
        assert server.charged_microusd > 0
        assert any(record.cache_read_tokens for record in server.ledger)
