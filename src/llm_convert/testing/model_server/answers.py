"""A tool call's input becomes the service's message, whole or as a stream of events, with the dials applied."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llm_convert.testing.model_server.dials import Dials, Malformed
from llm_convert.testing.model_server.protocol import THINKS_BY_DEFAULT

AnswerWith = Callable[[dict[str, Any]], dict[str, Any]]
"""From a request's JSON to the input of the tool call that answers it. Called from several threads."""

_PIECE = 40
"""Characters of a streamed tool call's JSON in one event."""


def text_of(request: dict[str, Any]) -> str:
    """All text of a request's user messages, for an answering callable to look at."""
    texts: list[str] = []
    for message in request["messages"]:
        content = message["content"]
        if isinstance(content, str):
            texts.append(content)
        else:
            texts.extend(str(block.get("text", "")) for block in content)
    return "\n".join(texts)


def recorded(answers: Mapping[str, dict[str, Any]]) -> AnswerWith:
    """Answers by a marker that occurs in the document's text; without any, a question that says so."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        text = text_of(request)
        return next((found for marker, found in answers.items() if marker in text), no_answer(request))

    return answer


def no_answer(request: dict[str, Any]) -> dict[str, Any]:
    """No rows, and a question that tells how much was read: what the server says when nobody gave it answers."""
    characters = len(text_of(request))
    question = f"This local server is no model; it read {characters} characters. Which rows do they hold?"
    return {"rows": [], "clarify": question}


def message_of(
    payload: dict[str, Any], request: dict[str, Any], model: str, dials: Dials, number: str
) -> dict[str, Any]:
    """The message that answers a request; without ``usage.input_tokens``, which the caller counts."""
    payload = copy.deepcopy(payload)
    if dials.wrong_digit:
        _change_a_digit(payload)
    stop = dials.stop_reason or _natural_stop(payload, request, dials)
    if stop in {"max_tokens", "model_context_window_exceeded"}:
        rows = payload.get("rows", [])
        payload["rows"] = rows[: len(rows) // 2]
    content = _content(payload, request, model, stop, dials, number)
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


def _natural_stop(payload: dict[str, Any], request: dict[str, Any], dials: Dials) -> str:
    if dials.malformed is Malformed.NO_CALL or "output_config" in request:
        return "end_turn"
    too_long = len(json.dumps(payload, ensure_ascii=False)) // 4 > request["max_tokens"]
    return "max_tokens" if too_long else "tool_use"


def _content(
    payload: dict[str, Any], request: dict[str, Any], model: str, stop: str, dials: Dials, number: str
) -> list[dict[str, Any]]:
    thinks = model.partition("@")[0] in THINKS_BY_DEFAULT and "thinking" not in request
    before = [{"type": "thinking", "thinking": "", "signature": "c2lnbmF0dXJl"}] if thinks else []
    if stop == "refusal":
        return [*before, {"type": "text", "text": "I can't help with this document."}]
    if stop == "pause_turn" or (stop == "end_turn" and "output_config" not in request):
        return [*before, {"type": "text", "text": "Let me look at the document first."}]
    if "output_config" in request:
        return [*before, {"type": "text", "text": json.dumps(payload, ensure_ascii=False)}]
    name, given = _malformed(payload, request, dials)
    return [*before, {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given}]


def _malformed(payload: dict[str, Any], request: dict[str, Any], dials: Dials) -> tuple[str, Any]:
    """The called tool's name and its input."""
    name = request["tools"][0]["name"]
    match dials.malformed:
        case Malformed.OTHER_TOOL:
            return "another_tool", payload
        case Malformed.NOT_AN_OBJECT:
            return name, json.dumps(payload, ensure_ascii=False)
        case Malformed.ROWS_AS_TEXT:
            return name, {**payload, "rows": json.dumps(payload.get("rows"), ensure_ascii=False)}
        case Malformed.UNKNOWN_KEY:
            return name, {**payload, "confidence": 0.9}
        case _:
            return name, payload


def _change_a_digit(payload: dict[str, Any]) -> None:
    for row in payload.get("rows", []):
        for claim in row.values():
            value = claim.get("value")
            if isinstance(value, int | float) and not isinstance(value, bool):
                text = repr(value)
                changed = text[:-1] + str((int(text[-1]) + 1) % 10)
                claim["value"] = type(value)(changed)
                return


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
