"""Claude on Anthropic's own API: ``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from typing import Any

from llm_convert.testing.model_server.call import Call, bearer, json_of
from llm_convert.testing.model_server.claude import Claude, check_length
from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.faults import ANTHROPIC_TYPES, Fault, RefusedError
from llm_convert.testing.model_server.http import Request
from llm_convert.testing.model_server.protocol import Form, check

_METHODS = {"/v1/messages": "messages", "/v1/messages/count_tokens": "count_tokens"}


class AnthropicClaude(Claude):
    """The key is in a header, and the model in the body."""

    name = "anthropic"

    def call_of(self, request: Request) -> Call | None:
        """By the path."""
        method = _METHODS.get(request.path) if request.method == "POST" else None
        if method is None:
            return None
        call = Call(service=self, request=request, body=json_of(request.body), model="", method=method)
        call.model = str(call.fields.get("model", ""))
        call.region = str(call.fields.get("inference_geo") or "global")
        call.streams = bool(call.fields.get("stream"))
        return call

    def authorize(self, call: Call, token: str | None) -> None:
        """By the key; the API's version must be named, too."""
        authorize(call.request, token)

    def check(self, call: Call, dials: Dials) -> None:
        """The rules of the wire, the model's existence and the length of its context."""
        counting = call.method == "count_tokens"
        check(call.body, call.model, counting=counting, form=Form.ANTHROPIC, version=version_of(call.request))
        if not call.model.startswith("claude-"):
            raise RefusedError(Fault.plain(404, f"model: {call.model}"))
        if not counting:
            check_length(self.prompt_tokens(call), dials)

    def error(self, fault: Fault, request_id: str) -> Any:
        """In Anthropic's form, whatever the fault's own."""
        return error_body(fault, request_id)

    def limited(self, what: str, retry_after: str | None) -> Fault:
        """Anthropic's words."""
        said = f"This request would exceed your organization's rate limit of {what} per minute."
        return Fault(status=429, type="rate_limit_error", message=said, retry_after=retry_after)


def authorize(request: Request, token: str | None) -> None:
    """Raises RefusedError without the right key, or without the API's version.

    Clients send the key as x-api-key or, since the API's version 2026-10-21, as a bearer token; the first is preferred.
    """
    key = request.headers.get("x-api-key") or bearer(request.headers)
    if not key:
        raise RefusedError(Fault.plain(401, "x-api-key header is required"))
    if token is not None and key != token:
        raise RefusedError(Fault.plain(401, "invalid x-api-key"))
    if not version_of(request):
        raise RefusedError(Fault.invalid("anthropic-version: header is required"))


def version_of(request: Request) -> str:
    """The API's version that a request asks for; empty without one."""
    return request.headers.get("anthropic-version", "")


def error_body(fault: Fault, request_id: str) -> dict[str, Any]:
    """A fault in Anthropic's form."""
    kind = ANTHROPIC_TYPES.get(fault.status, "api_error") if fault.google else fault.type
    return {"type": "error", "error": {"type": kind, "message": fault.message}, "request_id": request_id}
