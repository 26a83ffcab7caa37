"""What services that speak in the roles of a chat have in common: their rules, their tokens, their output."""

from __future__ import annotations

import json
from typing import Any

from llm_convert.testing.model_server.dials import Dials, Malformed
from llm_convert.testing.model_server.faults import Fault, RefusedError
from llm_convert.testing.model_server.prompts import IMAGE_TOKENS
from llm_convert.testing.model_server.shaping import CUT_OFF, shaped

_ROLES = {"system", "developer", "user", "assistant", "tool"}


def require(holds: bool, message: str, status: int = 400) -> None:
    """Raises RefusedError with the message unless it holds."""
    if not holds:
        raise RefusedError(Fault.plain(status, message))


def check_messages(body: Any) -> None:
    """Raises RefusedError unless there are messages with roles."""
    require(isinstance(body, dict), "We could not parse the JSON body of your request.")
    messages = body.get("messages")
    require(isinstance(messages, list) and bool(messages), "Invalid 'messages': expected at least one message.")
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        require(role in _ROLES, f"Invalid value: {role!r} at 'messages[{index}].role'.")
        content = message.get("content")
        holds = isinstance(content, str | list) or (role == "assistant" and content is None)
        require(holds, f"Invalid type for 'messages[{index}].content'.")


def prompt_tokens(body: dict[str, Any], *extras: Any) -> int:
    """A quarter of all characters, and a fixed number for each picture.

    Args:
        body: with the messages.
        extras: what else the model reads, such as tools.
    """
    texts = [json.dumps(extra, ensure_ascii=False) for extra in extras if extra]
    images = 0
    for message in body["messages"]:
        content = message.get("content") or ""
        images += len(message.get("images") or ())
        if isinstance(content, str):
            texts.append(content)
            continue
        for part in content:
            images += part.get("type") == "image_url"
            texts.append(str(part.get("text", "")))
    return max(1, len("".join(texts)) // 4) + images * IMAGE_TOKENS


def output_of(payload: dict[str, Any], dials: Dials, limit: int | None) -> tuple[Any, str, str]:
    """What the model says: the value, its text, and Claude's word for why it stopped.

    Args:
        payload: from the answering callable.
        dials: of the server.
        limit: the most tokens of output, where there is a limit.
    """
    value = shaped(payload, dials)
    text = json.dumps(value, ensure_ascii=False)
    stop = dials.stop_reason
    if stop is None:
        stop = "max_tokens" if limit is not None and len(text) // 4 > limit else "tool_use"
    if stop == "refusal":
        return None, "I can't help with this document.", stop
    if dials.malformed is Malformed.NO_CALL or stop in {"end_turn", "pause_turn"}:
        return None, "Let me look at the document first.", "end_turn"
    if stop in CUT_OFF:
        text = text[: min(len(text) // 2, len(text) if limit is None else 4 * limit)]
    return value, text, stop


def output_tokens(text: str, stop: str, limit: int | None) -> int:
    """Tokens of an answer; the whole limit where it was cut off."""
    return limit if stop in CUT_OFF and limit is not None else max(1, len(text) // 4)
