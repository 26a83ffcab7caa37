"""Claude's messages, as Vertex AI and Anthropic's own API have them in common."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from llm_convert.testing.model_server.call import Answer, Call, Service, bearer, json_of
from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.faults import Action, Fault, RefusedError
from llm_convert.testing.model_server.http import Request
from llm_convert.testing.model_server.messages import events_of, message_of, wants_json
from llm_convert.testing.model_server.prompts import count_tokens
from llm_convert.testing.model_server.protocol import check, parse_path
from llm_convert.testing.model_server.tokens import Tokens


class Claude(Service):
    """What both services have in common."""

    caches = True
    id_infix = ""
    """Between an id's kind and its number."""

    def prompt_tokens(self, call: Call) -> int:
        """As the rules of this server count them."""
        if call.counted is None:
            call.counted = count_tokens(call.fields)
        return call.counted

    def answer(self, call: Call, payload: dict[str, Any], tokens: Tokens, dials: Dials) -> Answer:
        """A message."""
        message = message_of(payload, call.fields, call.model, dials, f"{self.id_infix}{call.number:06d}")
        tokens = dataclasses.replace(tokens, output=message["usage"]["output_tokens"])
        message["usage"] = {
            "input_tokens": tokens.fresh,
            "cache_creation_input_tokens": tokens.cache_write,
            "cache_read_input_tokens": tokens.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": tokens.cache_write - tokens.cache_write_long,
                "ephemeral_1h_input_tokens": tokens.cache_write_long,
            },
            "output_tokens": tokens.output,
        }
        return Answer(body=message, tokens=tokens, stop_reason=message["stop_reason"])

    def pieces(self, call: Call, answer: Answer, fault: Fault | None) -> list[bytes]:
        """Named events."""
        events = [(event["type"], event) for event in events_of(answer.body)]
        if fault is not None:
            events = events[: len(events) // 2]
        if fault is not None and fault.action is Action.FAIL_STREAM:
            events.append(("error", self.error(fault, call.request_id)))
        return [f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode() for name, data in events]


class VertexClaude(Claude):
    """Claude on Vertex AI: ``.../publishers/anthropic/models/<model>:rawPredict`` and ``streamRawPredict``."""

    name = "vertex"
    request_id_prefix = "req_vrtx_"
    id_infix = "vrtx_"
    says_retry_after = False

    def call_of(self, request: Request) -> Call | None:
        """By the path; the token counter has one of its own, and its model is in the body."""
        target = parse_path(request.path) if request.method == "POST" else None
        if target is None:
            return None
        call = Call(
            service=self,
            request=request,
            body=json_of(request.body),
            model=target.model,
            project=target.project,
            region=target.region,
        )
        if target.counts_tokens:
            call.method, call.model = "count_tokens", str(call.fields.get("model", ""))
        call.streams = bool(call.fields.get("stream")) or target.streams
        return call

    def authorize(self, call: Call, token: str | None) -> None:
        """By a bearer token."""
        given = bearer(call.request.headers)
        if not given or (token is not None and given != token):
            raise RefusedError(
                Fault.google_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            )

    def check(self, call: Call, dials: Dials) -> None:
        """The rules of the wire, the model's existence and the length of its context."""
        counting = call.method == "count_tokens"
        check(call.body, call.model, counting=counting)
        structured = wants_json(call.fields) or any(tool.get("strict") for tool in call.fields.get("tools", ()))
        if structured and not dials.structured_outputs:
            said = "Organization Policy constraint constraints/vertexai.allowedPartnerModelFeatures violated."
            raise RefusedError(Fault.google_error(400, "FAILED_PRECONDITION", said))
        if counting:
            return
        if not call.model.startswith("claude-"):
            said = f"Publisher Model `publishers/anthropic/models/{call.model}` was not found."
            raise RefusedError(Fault.google_error(404, "NOT_FOUND", said))
        check_length(self.prompt_tokens(call), dials)

    def error(self, fault: Fault, request_id: str) -> Any:
        """In Google's form or Anthropic's, as the fault has it."""
        return fault.body(request_id)

    def limited(self, what: str, retry_after: str | None) -> Fault:  # noqa: ARG002 - Google says the same of both
        """Google's words."""
        return Fault.rate_limited(retry_after)


def check_length(tokens: int, dials: Dials) -> None:
    """Raises RefusedError for a prompt longer than the dials' context, in Claude's words."""
    limit = dials.context_tokens
    if limit is not None and tokens > limit:
        raise RefusedError(Fault.invalid(f"prompt is too long: {tokens} tokens > {limit} maximum"))
