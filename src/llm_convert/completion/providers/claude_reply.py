"""What a call sends and what comes back, in the wire's own form: plain dicts, so that nothing paid for is lost."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from llm_convert.completion.loose_json import loose_object
from llm_convert.completion.models import ModelFacts
from llm_convert.completion.providers.chat import mending
from llm_convert.completion.providers.claude_forms import Form
from llm_convert.completion.tools import NOT_AN_OBJECT
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.ports import CompletionRequest, ImageContent, TextContent

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What Claude takes."""

_ONLY_WAY = "Call it exactly once; it is the only way to answer."


class NotUnderstoodError(Exception):
    """An answer without the form of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens as the API counts them: ``input_tokens`` leaves out what the cache read or wrote."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What the model said."""

    stop_reason: str
    answer: dict[str, Any] | None
    text: str
    tokens: Tokens


def body_of(
    request: CompletionRequest, facts: ModelFacts, *, model: str, form: Form = Form.TOOL, cache: bool = False
) -> dict[str, Any]:
    """The arguments of ``messages.create`` for a request.

    What a prompt's calls share comes first, tool and system; the document is last.

    Args:
        request: what is asked.
        facts: of the model.
        model: as the service calls it.
        form: how the answer's form is enforced.
        cache: keep what is shared in the service's cache.

    Raises:
        WorkItemError: the request holds nothing, or an image that no model takes.
    """
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": min(request.max_output_tokens, facts.max_output_tokens),
        "messages": [{"role": "user", "content": _blocks(request)}, *_mending(request, form)],
        # An opaque digest: it lets the project's own logs find the call of a work item.
        "metadata": {"user_id": request.work_item},
        **_enforced(request, facts, form),
    }
    if facts.thinking != "unsaid":
        body["thinking"] = {"type": facts.thinking}
    if request.system.strip():
        body["system"] = request.system
    if cache and request.system.strip():
        # The mark ends what is cached: the tool before it is part of that, the document after it is not.
        body["system"] = [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}]
    return body


def _enforced(request: CompletionRequest, facts: ModelFacts, form: Form) -> dict[str, Any]:
    if form is Form.NATIVE:
        return {"output_config": {"format": {"type": "json_schema", "schema": request.tool_schema}}}
    tool = {"name": request.tool_name, "description": _ONLY_WAY, "input_schema": request.tool_schema}
    choice: dict[str, Any] = {"type": "auto"}
    if facts.tool_choice == "tool":
        choice = {"type": "tool", "name": request.tool_name}
    return {"tools": [tool], "tool_choice": {**choice, "disable_parallel_tool_use": True}}


def _mending(request: CompletionRequest, form: Form) -> list[dict[str, Any]]:
    """The earlier answers as calls of the tool, each with its result: what was wrong with it."""
    if form is Form.NATIVE:
        return mending(request)
    said: list[dict[str, Any]] = []
    for number, turn in enumerate(request.turns, start=1):
        if turn.answer is None:
            said += [
                {"role": "assistant", "content": turn.text.strip() or "I gave no rows."},
                {"role": "user", "content": turn.fault},
            ]
            continue
        call = f"toolu_mend_{number}"
        given = {"type": "tool_use", "id": call, "name": request.tool_name, "input": turn.answer}
        fault = {"type": "tool_result", "tool_use_id": call, "is_error": True, "content": turn.fault}
        said += [{"role": "assistant", "content": [given]}, {"role": "user", "content": [fault]}]
    return said


def _blocks(request: CompletionRequest) -> list[dict[str, Any]]:
    # The API refuses blank text blocks, and such a refusal would look like a fault of the document.
    blocks = [_block(part) for part in request.content if isinstance(part, ImageContent) or part.text.strip()]
    if not blocks:
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "there is nothing to send to a model")
    return blocks


def _block(part: TextContent | ImageContent) -> dict[str, Any]:
    if isinstance(part, TextContent):
        return {"type": "text", "text": part.text}
    if part.media_type not in IMAGE_TYPES:
        raise WorkItemError(
            Cause.UNKNOWN_FORMAT, f"an image of type {part.media_type!r}; models take {', '.join(sorted(IMAGE_TYPES))}"
        )
    data = base64.b64encode(part.data).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": data}}


def spoken_of(message: object, tool_name: str, form: Form = Form.TOOL) -> Spoken:
    """What a message says.

    Args:
        form: how the answer's form was asked for; a native answer is the message's text.

    Raises:
        NotUnderstoodError: it has not the form of a message.
    """
    if not isinstance(message, dict):
        raise NotUnderstoodError("no JSON object")
    content, usage = message.get("content"), message.get("usage")
    if not isinstance(content, list) or not isinstance(usage, dict):
        raise NotUnderstoodError("no message with content and usage")
    blocks = [block for block in content if isinstance(block, dict)]
    calls = [block for block in blocks if block.get("type") == "tool_use" and block.get("name") == tool_name]
    text = "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    details = message.get("stop_details")
    return Spoken(
        stop_reason=str(message.get("stop_reason") or ""),
        answer=_object(calls[0].get("input")) if calls else loose_object(text) if form is Form.NATIVE else None,
        text=text or (str(details.get("explanation") or "") if isinstance(details, dict) else ""),
        tokens=_tokens(usage),
    )


def _object(call: Any) -> dict[str, Any]:
    return call if isinstance(call, dict) else {NOT_AN_OBJECT: call}


def _tokens(usage: dict[str, Any]) -> Tokens:
    return Tokens(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        cache_read_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_tokens=_count(usage, "cache_creation_input_tokens"),
    )


def _count(usage: dict[str, Any], name: str) -> int:
    count = usage.get(name)
    return count if isinstance(count, int) and count > 0 else 0
