"""Ollama's chat, ``/api/chat``, and its list of models, ``/api/tags``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from llm_convert.testing.model_server.call import Answer, Call, Service, json_bytes, json_of
from llm_convert.testing.model_server.chat import (
    check_messages,
    output_of,
    output_tokens,
    prompt_tokens,
    require,
)
from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.faults import Action, Fault
from llm_convert.testing.model_server.http import Reply, Request
from llm_convert.testing.model_server.shaping import CUT_OFF
from llm_convert.testing.model_server.tokens import Tokens

_PIECE = 40
_USUAL_CONTEXT = 4_096


class OllamaChat(Service):
    """It knows the models that were pulled, asks for no key, and cuts a prompt off at its context without a word."""

    name = "ollama"
    request_id_header = "x-request-id"
    stream_media_type = "application/x-ndjson"
    says_retry_after = False

    def __init__(self, models: Sequence[str]) -> None:
        self._models = tuple(models)

    def call_of(self, request: Request) -> Call | None:
        """By the path; a chat that does not say otherwise is streamed."""
        if request.method != "POST" or request.path != "/api/chat":
            return None
        call = Call(service=self, request=request, body=json_of(request.body), model="")
        call.model = str(call.fields.get("model", ""))
        call.streams = call.fields.get("stream", True) is not False
        return call

    def authorize(self, call: Call, token: str | None) -> None:
        """Everybody may."""

    def check(self, call: Call, dials: Dials) -> None:  # noqa: ARG002 - a long prompt is no error here
        """The rules of the wire, and the model's existence."""
        require(isinstance(call.body, dict), "invalid JSON body")
        require(bool(call.model), "model is required")
        known = call.model in self._models or f"{call.model}:latest" in self._models
        require(known, f"model '{call.model}' not found", 404)
        check_messages(call.body)
        form = call.fields.get("format")
        require(form in (None, "", "json") or isinstance(form, dict), "invalid format: expected 'json' or a schema")

    def prompt_tokens(self, call: Call) -> int:
        """What fits into the context."""
        context = (call.fields.get("options") or {}).get("num_ctx", _USUAL_CONTEXT)
        return min(int(context), prompt_tokens(call.fields))

    def answer(self, call: Call, payload: dict[str, Any], tokens: Tokens, dials: Dials) -> Answer:
        """A message in the model's role."""
        limit = (call.fields.get("options") or {}).get("num_predict")
        limit = limit if isinstance(limit, int) and limit > 0 else None
        _, text, stop = output_of(payload, dials, limit)
        tokens = dataclasses.replace(tokens, cache_read=0, cache_write=0, output=output_tokens(text, stop, limit))
        reason = "length" if stop in CUT_OFF else "stop"
        body = {
            "model": call.model,
            "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": reason,
            "total_duration": 1_000_000,
            "load_duration": 0,
            "prompt_eval_count": tokens.prompt,
            "prompt_eval_duration": 500_000,
            "eval_count": tokens.output,
            "eval_duration": 500_000,
        }
        return Answer(body=body, tokens=tokens, stop_reason=reason)

    def pieces(self, call: Call, answer: Answer, fault: Fault | None) -> list[bytes]:
        """A line for each piece; the last one has the counts."""
        text = answer.body["message"]["content"]
        common = {name: answer.body[name] for name in ("model", "created_at")}
        lines: list[dict[str, Any]] = [
            {**common, "message": {"role": "assistant", "content": text[at : at + _PIECE]}, "done": False}
            for at in range(0, len(text), _PIECE)
        ]
        lines.append({**answer.body, "message": {"role": "assistant", "content": ""}})
        if fault is not None:
            lines = lines[: len(lines) // 2]
        if fault is not None and fault.action is Action.FAIL_STREAM:
            lines.append(self.error(fault, call.request_id))
        return [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]

    def error(self, fault: Fault, request_id: str) -> Any:  # noqa: ARG002 - it is in the header only
        """The words alone."""
        return {"error": fault.message}

    def limited(self, what: str, retry_after: str | None) -> Fault:
        """Ollama's words."""
        return Fault(status=429, message=f"too many {what}, please try again later", retry_after=retry_after)

    async def tags(self, request: Request) -> Reply | None:
        """The models that were pulled; None when something else is asked."""
        if (request.method, request.path) != ("GET", "/api/tags"):
            return None
        models = [
            {
                "name": name,
                "model": name,
                "modified_at": "2026-01-01T00:00:00Z",
                "size": 1_000_000_000,
                "digest": f"{index:064x}",
                "details": {"format": "gguf", "family": name.partition(":")[0], "quantization_level": "Q4_K_M"},
            }
            for index, name in enumerate(self._models, start=1)
        ]
        return Reply(status=200, body=json_bytes({"models": models}))
