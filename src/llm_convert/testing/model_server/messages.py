"""What the model says becomes Claude's message, whole or as the events of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llm_convert.testing.model_server.dials import Dials, Malformed
from llm_convert.testing.model_server.protocol import THINKS_BY_DEFAULT
from llm_convert.testing.model_server.shaping import CUT_OFF, shaped

_PIECE = 40
"""Characters of a streamed block in one event."""


def message_of(
    payload: dict[str, Any], request: dict[str, Any], model: str, dials: Dials, number: str
) -> dict[str, Any]:
    """The message that answers a request; without ``usage.input_tokens``, which the caller counts."""
    tool = called_tool(request)
    stop = dials.stop_reason or _natural_stop(payload, request, dials, tool)
    content = _content(payload, request, stop, dials, tool)
    if content[0]["type"] == "tool_use":
        content[0]["id"] = f"toolu_{number}"
    if model.partition("@")[0] in THINKS_BY_DEFAULT and "thinking" not in request:
        content.insert(0, {"type": "thinking", "thinking": "", "signature": "c2lnbmF0dXJl"})
    tokens = sum(len(json.dumps(block, ensure_ascii=False)) for block in content) // 4
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model.partition("@")[0],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": None} if stop == "refusal" else None,
        "usage": {"output_tokens": request["max_tokens"] if stop == "max_tokens" else max(1, tokens)},
    }


def called_tool(request: dict[str, Any]) -> str | None:
    """The tool by which a request is answered; None when it is answered in text."""
    tools, choice = request.get("tools") or [], request.get("tool_choice") or {}
    kind = choice.get("type", "auto")
    if not tools or kind == "none" or (kind == "auto" and wants_json(request)):
        return None
    return str(choice["name"] if kind == "tool" else tools[0]["name"])


def wants_json(request: dict[str, Any]) -> bool:
    """Whether the text of the answer is to be JSON of a schema."""
    return bool((request.get("output_config") or {}).get("format"))


def _natural_stop(payload: dict[str, Any], request: dict[str, Any], dials: Dials, tool: str | None) -> str:
    if dials.malformed is Malformed.NO_CALL:
        return "end_turn"
    too_long = len(json.dumps(payload, ensure_ascii=False)) // 4 > request["max_tokens"]
    return "max_tokens" if too_long else "tool_use" if tool else "end_turn"


def _content(
    payload: dict[str, Any], request: dict[str, Any], stop: str, dials: Dials, tool: str | None
) -> list[dict[str, Any]]:
    if stop == "refusal":
        return [{"type": "text", "text": "I can't help with this document."}]
    speaks = dials.malformed is Malformed.NO_CALL or (stop == "end_turn" and tool is not None)
    if speaks or stop == "pause_turn":
        return [{"type": "text", "text": "Let me look at the document first."}]
    if tool is None:
        text = json.dumps(shaped(payload, dials), ensure_ascii=False)
        end = min(len(text) // 2, 4 * request["max_tokens"]) if stop in CUT_OFF else len(text)
        return [{"type": "text", "text": text[:end]}]
    if stop in CUT_OFF and dials.stop_reason is None:
        rows = payload.get("rows", [])
        payload = {**payload, "rows": rows[: len(rows) // 2]}
    name = "another_tool" if dials.malformed is Malformed.OTHER_TOOL else tool
    return [{"type": "tool_use", "id": "", "name": name, "input": shaped(payload, dials)}]


def events_of(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same message as the events of a stream."""
    usage = message["usage"]
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_details": None,
        "usage": {**usage, "output_tokens": 1},
    }
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def _block_events(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "tool_use":
        text, key, kind = json.dumps(block["input"], ensure_ascii=False), "partial_json", "input_json_delta"
        begun = {**block, "input": {}}
    elif block["type"] == "text":
        text, key, kind = block["text"], "text", "text_delta"
        begun = {**block, "text": ""}
    else:
        text, key, kind = block["signature"], "signature", "signature_delta"
        begun = {**block, "signature": ""}
    yield {"type": "content_block_start", "index": index, "content_block": begun}
    for at in range(0, len(text), _PIECE):
        yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: text[at : at + _PIECE]}}
    yield {"type": "content_block_stop", "index": index}
