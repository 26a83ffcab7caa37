"""The rules of the wire: paths, and what a request must hold.

The rules are written down from the vendor's documentation, on purpose a second time: taking them from our own provider
would make the server agree with whatever it does.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import unquote

from llm_convert.testing.model_server.faults import Fault, RefusedError
from llm_convert.testing.model_server.prompts import check_marks
from llm_convert.testing.model_server.schemas import check_structured

_PATH = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/publishers/anthropic/models/"
    r"(?P<model>[^/:]+):(?P<verb>rawPredict|streamRawPredict)"
)
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_KNOWN = frozenset(
    {
        "cache_control",
        "max_tokens",
        "messages",
        "metadata",
        "output_config",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
_SAMPLING = frozenset({"temperature", "top_k", "top_p"})
_WITHOUT_SAMPLING = "2026-10-21"
"""The API's version since which they are refused, whatever their value."""
_IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}

NO_FORCED_TOOL = ("claude-opus-5-5", "claude-sonnet-5-5")
"""They refuse tool_choice ``tool`` and ``any``, and thinking that is ``disabled`` or has a budget."""
THINKS_BY_DEFAULT = ("claude-sonnet-5", "claude-haiku-5-5", *NO_FORCED_TOOL)
"""Where nothing is said of thinking, it is on; and thinking excludes a forced tool."""


class Form(Enum):
    """Where a request says what, by service."""

    VERTEX = frozenset({"anthropic_version"})
    """The model is in the path, the API's version in the body."""
    ANTHROPIC = frozenset({"model", "service_tier", "inference_geo", "container"})
    """The model is in the body, the API's version in a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path addresses."""

    project: str
    region: str
    model: str
    streams: bool

    @property
    def counts_tokens(self) -> bool:
        """The path of the token counter, not of a model."""
        return self.model == "count-tokens"


def parse_path(path: str) -> Target | None:
    """The target of a request's path; None when the path is not one of Vertex AI's."""
    match = _PATH.fullmatch(unquote(path.partition("?")[0]))
    if match is None:
        return None
    return Target(
        project=match["project"], region=match["region"], model=match["model"], streams=match["verb"] != "rawPredict"
    )


def check(
    body: Any, model: str, *, counting: bool = False, form: Form = Form.VERTEX, version: str | None = None
) -> None:
    """Check a request as the real service does.

    Args:
        body: the request's JSON.
        model: that is asked.
        counting: the request asks for the number of its tokens and for no answer.
        form: of the service.
        version: of the API; by default the one that the body names.

    Raises:
        RefusedError: with the first rule that it breaks.
    """
    _require(isinstance(body, dict), "Input should be a valid dictionary")
    needed = "anthropic_version" if form is Form.VERTEX else "model"
    _require(bool(body.get(needed)), f"{needed}: Field required")
    for key in body:
        known = key in _KNOWN or key in form.value or (counting and key == "model")
        gone = key in _SAMPLING and _is_new(version or str(body.get("anthropic_version", "")))
        _require(known and not gone, f"{key}: Extra inputs are not permitted")
    if not counting:
        limit = body.get("max_tokens")
        _require(isinstance(limit, int) and limit > 0, "max_tokens: Field required")
    _check_messages(body.get("messages"))
    _check_tools(body)
    check_structured(body)
    check_marks(body)
    if not counting:
        _check_thinking(body, model.partition("@")[0])


def _is_new(version: str) -> bool:
    # Vertex AI's own first version has a name of another form: vertex-2023-10-16.
    return version[:1].isdigit() and version >= _WITHOUT_SAMPLING


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise RefusedError(Fault.invalid(message))


def _check_messages(messages: Any) -> None:
    _require(isinstance(messages, list) and bool(messages), "messages: at least one message is required")
    for index, message in enumerate(messages):
        _require(isinstance(message, dict), f"messages.{index}: Input should be a valid dictionary")
        expected = "user" if index % 2 == 0 else "assistant"
        _require(message.get("role") == expected, f"messages.{index}.role: roles must alternate, expected {expected!r}")
        content = message.get("content")
        if isinstance(content, str):
            _require(bool(content.strip()), f"messages.{index}.content: text must be non-empty")
            continue
        _require(isinstance(content, list) and bool(content), f"messages.{index}.content: Field required")
        for number, block in enumerate(content):
            _check_block(block, f"messages.{index}.content.{number}")


def _check_block(block: Any, place: str) -> None:
    _require(isinstance(block, dict), f"{place}: Input should be a valid dictionary")
    match block.get("type"):
        case "text":
            text = block.get("text")
            _require(isinstance(text, str) and bool(text.strip()), f"{place}: text content blocks must be non-empty")
        case "image":
            _check_image(block.get("source"), place)
        case kind:
            _require(
                kind in {"tool_use", "tool_result", "document"}, f"{place}.type: Input should be 'text' or 'image'"
            )


def _check_image(source: Any, place: str) -> None:
    _require(isinstance(source, dict) and source.get("type") == "base64", f"{place}.image.source: Field required")
    _require(source.get("media_type") in _IMAGE_TYPES, f"{place}.image.source.base64.media_type: unknown media type")
    try:
        base64.b64decode(str(source.get("data", "")), validate=True)
    except binascii.Error:
        raise RefusedError(Fault.invalid(f"{place}.image.source.base64.data: invalid base64 data")) from None


def _check_tools(body: dict[str, Any]) -> None:
    tools = body.get("tools", [])
    _require(isinstance(tools, list), "tools: Input should be a valid list")
    names = []
    for index, tool in enumerate(tools):
        _require(isinstance(tool, dict), f"tools.{index}: Input should be a valid dictionary")
        name = str(tool.get("name", ""))
        _require(bool(_TOOL_NAME.fullmatch(name)), f"tools.{index}.custom.name: String should match the pattern")
        schema = tool.get("input_schema")
        holds = isinstance(schema, dict) and schema.get("type") == "object"
        _require(holds, f"tools.{index}.custom.input_schema.type: Field required")
        names.append(name)
    choice = body.get("tool_choice") or {"type": "auto"}
    _require(choice.get("type") in {"auto", "any", "tool", "none"}, "tool_choice.type: Input should be 'auto'")
    if choice["type"] in {"any", "tool"}:
        _require(bool(names), "tool_choice: tools are required")
    if choice["type"] == "tool":
        _require(choice.get("name") in names, "tool_choice.name: the tool is not among the tools")


def _check_thinking(body: dict[str, Any], model: str) -> None:
    thinking = (body.get("thinking") or {}).get("type")
    forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    if model in NO_FORCED_TOOL:
        _require(not forced, "tool_choice: forced tool use is not supported for this model")
        holds = thinking not in {"disabled", "enabled"}
        _require(holds, f'"thinking.type.{thinking}" is not supported for this model')
    _require(thinking != "between_tools" or model == "claude-sonnet-5-5", "thinking.type: Input should be 'adaptive'")
    thinks = thinking in {"enabled", "adaptive"} or (thinking is None and model in THINKS_BY_DEFAULT)
    _require(not (thinks and forced), "Thinking may not be enabled when tool_choice forces tool use.")
