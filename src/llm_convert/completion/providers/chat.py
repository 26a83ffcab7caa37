"""A request as the messages of a chat, for services that speak in roles: system, user, assistant."""

from __future__ import annotations

import base64
import json
from typing import Any

from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.ports import CompletionRequest, ImageContent

IN_JSON = """
Answer with one JSON object and nothing else, in this form:
{schema}"""


def system_text(request: CompletionRequest, *, with_schema: bool) -> str:
    """The instructions; with the answer's form where the service does not enforce it."""
    if not with_schema:
        return request.system
    return request.system + IN_JSON.format(schema=json.dumps(request.tool_schema, ensure_ascii=False))


def document_text(request: CompletionRequest) -> str:
    """The document's text. Raises WorkItemError where there is nothing to send."""
    parts = [part.text for part in request.content if not isinstance(part, ImageContent) and part.text.strip()]
    if not parts and not pictures(request):
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "there is nothing to send to a model")
    return "\n".join(parts)


def pictures(request: CompletionRequest) -> list[tuple[str, str]]:
    """Media types and base64 of the document's pictures."""
    return [
        (part.media_type, base64.b64encode(part.data).decode("ascii"))
        for part in request.content
        if isinstance(part, ImageContent)
    ]


def mending(request: CompletionRequest) -> list[dict[str, Any]]:
    """The earlier answers and what was wrong with them, in plain turns."""
    said: list[dict[str, Any]] = []
    for turn in request.turns:
        answer = turn.text if turn.answer is None else json.dumps(turn.answer, ensure_ascii=False)
        said += [{"role": "assistant", "content": answer or "(no answer)"}, {"role": "user", "content": turn.fault}]
    return said
