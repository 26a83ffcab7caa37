"""Where answers come from: a callable of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from llm_convert.testing.model_server.messages import events_of

__all__ = ["AnswerWith", "asks_for_program", "events_of", "no_answer", "programs", "recorded", "text_of"]

_WRITE = "# Write a conversion program"
"""How the instruction begins that such requests hold."""

AnswerWith = Callable[[dict[str, Any]], dict[str, Any]]
"""From a request's JSON to the input of the tool call that answers it. Called beside the server's loop, at times in
several threads."""


def text_of(request: dict[str, Any]) -> str:
    """All text of a request's messages but the system's, for an answering callable to look at."""
    texts: list[str] = []
    for message in request["messages"]:
        content = message.get("content") or ""
        if message.get("role") in {"system", "developer"}:
            continue
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


def programs(written: Mapping[str, dict[str, Any]], *, otherwise: AnswerWith | None = None) -> AnswerWith:
    """Conversion programs by a marker that occurs in the request's text, such as a prompt's instructions.

    Args:
        written: a request for a program that holds none of the markers is given a program that is not valid.
        otherwise: answers what asks for rows; by default ``no_answer``.
    """

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if not asks_for_program(request):
            return (otherwise or no_answer)(request)
        text = text_of(request)
        return next((program for marker, program in written.items() if marker in text), {"tables": []})

    return answer


def asks_for_program(request: dict[str, Any]) -> bool:
    """Whether a request asks for a conversion program and not for rows, in whatever form the service takes it."""
    return _WRITE in json.dumps(request, ensure_ascii=False)


def no_answer(request: dict[str, Any]) -> dict[str, Any]:
    """No rows, and a question that tells how much was read: what the server says when nobody gave it answers."""
    characters = len(text_of(request))
    question = f"This local server is no model; it read {characters} characters. Which rows do they hold?"
    return {"rows": [], "clarify": question}
