"""What the tests of the model server send, and a clock that they move."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2

from llm_convert.testing.model_server import ModelServer

TOOL = {"name": "give_rows", "input_schema": {"type": "object"}}
ROWS = {"rows": [{"a": {"value": 12, "at": ["S!A1"]}}], "clarify": None}
ASK: dict[str, Any] = {
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "합계 1,000"}],
    "tools": [TOOL],
    "tool_choice": {"type": "tool", "name": "give_rows"},
}
"""The arguments of a call, but for its model."""
MODEL = "claude-sonnet-4-6"


HTTP = httpx2.Client(verify=False, limits=httpx2.Limits(max_keepalive_connections=0))
"""For services without a client; nothing here is encrypted, and reading certificates takes long."""


class HandClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def vertex(server: ModelServer, **settings: Any) -> anthropic.AnthropicVertex:
    return anthropic.AnthropicVertex(
        project_id="p1",
        access_token="t",
        base_url=server.base_url,
        max_retries=0,
        **{"region": "global", **settings},
    )


def own_api(server: ModelServer, key: str = "k", **settings: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=key, base_url=server.url, max_retries=0, **settings)
