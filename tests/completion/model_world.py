"""What the tests of this folder share: one answer, one day, and asking in an event loop of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

from llm_convert.completion.providers.vertex import VertexProvider
from llm_convert.contracts.work import Reply
from llm_convert.ports import CompletionRequest

ANSWER: dict[str, Any] = {
    "rows": [
        {
            "item": {"value": "카페라떼", "at": ["매출!A2"]},
            "sold_on": {"value": "2025-11-07", "at": ["매출!B2"]},
            "amount": {"value": 1234500, "at": ["매출!C2", "매출!C1"]},
        },
        {
            "item": {"value": "녹차", "at": ["매출!A3"]},
            "sold_on": {"value": None, "at": []},
            "amount": {"value": 0.5, "at": ["매출!C3"]},
        },
    ],
    "clarify": None,
}

TODAY = date(2026, 11, 20)

ProviderFor = Callable[..., VertexProvider]


def outcomes(provider: VertexProvider, *requests: CompletionRequest) -> list[Reply | Exception]:
    """What becomes of requests that are sent one after the other over one client: each a reply or an error."""

    async def run() -> list[Reply | Exception]:
        found: list[Reply | Exception] = []
        for request in requests:
            found += await asyncio.gather(provider.complete(request), return_exceptions=True)
        await provider.close()
        return found

    return asyncio.run(run())


def ask(provider: VertexProvider, request: CompletionRequest) -> Reply:
    """The reply to a request; raises what the provider raises."""
    (found,) = outcomes(provider, request)
    if isinstance(found, Exception):
        raise found
    return found
