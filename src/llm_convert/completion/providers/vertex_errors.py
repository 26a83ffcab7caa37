"""The one place where the vendor's exceptions become ours.

A vendor's message may quote the request. Of its words only known facts are taken: an error's type, the place it names
in the request, and counts of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from llm_convert.completion.errors import (
    CallTimeoutError,
    ConnectionLostError,
    OverloadedError,
    ProviderUnavailableError,
    QuotaZeroError,
    RateLimitedError,
    ServerFaultError,
)
from llm_convert.completion.providers.vertex_place import BASE_URL, PROJECT, REGION, VertexPlace
from llm_convert.completion.retry_after import parse_retry_after
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.errors import ConfigurationError, DataError, LlmConvertError

LOGIN = "gcloud auth application-default login"
ROLE = "roles/aiplatform.user"

_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""An error in the middle of a stream comes with the status 200 and its type alone."""

_TOO_LONG = (
    re.compile(r"prompt is too long: (?P<found>\d+) tokens > (?P<limit>\d+)"),
    re.compile(r"exceed context limit: (?P<found>\d+ \+ \d+) > (?P<limit>\d+)"),
)
_TOO_BIG = re.compile(r"exceeds? (the )?\d* ?(\w+ )?(maximum|limit|size)|too large", re.IGNORECASE)
_PLACE = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+){0,8}): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an error's remedy needs to know of the call that failed."""

    place: VertexPlace
    model: str
    known_models: tuple[str, ...]
    answered_before: bool
    """Some call of this process was answered: its quota is above zero."""
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a service's error answer states."""

    status: int
    type: str
    """Anthropic's type or Google's status; empty when it has neither."""
    message: str
    """May quote the request: never shown."""
    request_id: str
    retry_after_seconds: float | None


def translate(error: Exception, call: Call) -> LlmConvertError:
    """Our error for one of the SDK's or of the HTTP client under it."""
    import anthropic
    import httpx2

    if isinstance(error, anthropic.APIStatusError):
        return of_answer(_said(error), call)
    if isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException):
        cause = error.__cause__ or error
        return CallTimeoutError(
            f"{call.model} did not answer within {call.timeout_seconds:g} s",
            remedy="Raise LLM_CONVERT_CALL_TIMEOUT_SECONDS if documents are long.",
            may_be_billed=not isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout),
        )
    if isinstance(error, anthropic.APIConnectionError | httpx2.TransportError):
        cause = error.__cause__ or error
        return ConnectionLostError(
            f"the connection to Vertex AI ({call.place.region}) failed: {type(cause).__name__}",
            remedy=f"Check the network, and {REGION} or {BASE_URL} if it never works.",
            may_be_billed=not isinstance(cause, httpx2.ConnectError),
        )
    return not_understood(type(error).__name__)


def not_understood(reason: str, request_id: str = "") -> ServerFaultError:
    """An error for an answer that has no form we know. It may have been paid for."""
    found = f"Vertex AI answered what can't be understood: {reason}"
    return ServerFaultError(found, may_be_billed=True, request_id=request_id)


def of_answer(said: Said, call: Call) -> LlmConvertError:
    """Our error for a service's error answer."""
    match said.status:
        case 429:
            return _too_many(said, call)
        case 401 | 402 | 403 | 404:
            return _misconfigured(said, call)
        case 413:
            return WorkItemError(Cause.TOO_LARGE, "the request is larger than Vertex AI takes")
        case status if status in {408, 409, 499} or status >= 500:
            return _failed(said, call)
        case _:
            return _refused(said, call)


def _too_many(said: Said, call: Call) -> ProviderUnavailableError:
    quota = "quota exceeded" in said.message.lower() or "per_base_model" in said.message
    where = f"{call.model} in {call.place.region}, project {call.place.project}"
    if quota and not call.answered_before:
        return QuotaZeroError(
            f"the quota for {where} was exceeded before any call was answered: it may be 0",
            remedy="Look up online_prediction_requests_per_base_model under 'Quotas & System Limits' and ask for more.",
            **_told(said),
        )
    return RateLimitedError(
        f"too many requests or tokens a minute for {where}", remedy="Slow down or ask for quota.", **_told(said)
    )


def _misconfigured(said: Said, call: Call) -> ConfigurationError:
    project = call.place.project
    if said.status == 401:
        return ConfigurationError(
            "Vertex AI does not accept the credentials (401)",
            remedy=f"Run: {LOGIN}. Or renew LLM_CONVERT_VERTEX_ACCESS_TOKEN.",
        )
    if said.status == 402 or "billing" in said.message.lower():
        return ConfigurationError(f"project {project!r} can't be billed ({said.status})", remedy="Turn on its billing.")
    if said.status == 404:
        return ConfigurationError(
            f"model {call.model!r} is not offered to project {project!r} in {call.place.region!r} (404)",
            remedy=f"Enable it in Model Garden, or change {REGION}, {PROJECT} or the model. "
            f"Known models: {', '.join(call.known_models)}.",
        )
    if "has not been used" in said.message or "SERVICE_DISABLED" in said.message:
        command = f"gcloud services enable aiplatform.googleapis.com --project {project}"
        return ConfigurationError(f"the Vertex AI API is off in project {project!r} (403)", remedy=f"Run: {command}")
    return ConfigurationError(
        f"these credentials may not call models in project {project!r} (403)",
        remedy=f"Grant {ROLE} on the project {project!r}.",
    )


def _failed(said: Said, call: Call) -> ProviderUnavailableError:
    told = _told(said)
    if said.status == 529 or said.type == "overloaded_error":
        return OverloadedError(f"{call.model} is overloaded (529)", **told)
    if said.status in {408, 504}:
        return CallTimeoutError(f"Vertex AI gave up waiting for {call.model} ({said.status})", **told)
    if said.status == 499:
        return ConnectionLostError("Vertex AI took the call for cancelled (499)", **told)
    return ServerFaultError(f"Vertex AI failed ({said.status})", **told)


def _refused(said: Said, call: Call) -> LlmConvertError:
    for pattern in _TOO_LONG:
        found = pattern.search(said.message)
        if found:
            return WorkItemError(
                Cause.TOO_LARGE,
                f"the document makes a prompt of {found['found']} tokens; {call.model} takes {found['limit']}",
            )
    if _TOO_BIG.search(said.message):
        return WorkItemError(Cause.TOO_LARGE, f"a part of the request{_at(said)} is larger than {call.model} takes")
    if said.type == "FAILED_PRECONDITION":
        return ConfigurationError(
            f"project {call.place.project!r} may not use {call.model} in {call.place.region} ({said.type})",
            remedy="Accept the model's terms in Model Garden and check the organisation's policies.",
        )
    kind = said.type if re.fullmatch(r"[A-Za-z_]{1,40}", said.type) else "no known type"
    return DataError(
        f"Vertex AI refused the request ({said.status}, {kind}){_at(said)}",
        remedy=f"Look it up by its request id, {said.request_id or 'of which none was given'}.",
    )


def _at(said: Said) -> str:
    place = _PLACE.match(said.message)
    return f" at {place[1]}" if place else ""


def _told(said: Said) -> dict[str, Any]:
    return {"retry_after_seconds": said.retry_after_seconds, "request_id": said.request_id}


def _said(error: Any) -> Said:
    fields = _fields(error.body)
    kind = str(fields.get("type") or fields.get("status") or "")
    status = error.status_code if error.status_code >= 400 else _STATUS_OF_TYPE.get(kind, 500)
    headers = error.response.headers
    message = fields.get("message")
    return Said(
        status=status,
        type=kind,
        message=message if isinstance(message, str) else "",
        request_id=headers.get("request-id") or headers.get("x-request-id") or "",
        retry_after_seconds=parse_retry_after(headers.get("retry-after"), datetime.now(UTC)),
    )


def _fields(body: Any) -> dict[str, Any]:
    """The error in Anthropic's or in Google's form; Google sometimes wraps it in a list."""
    candidates: Iterable[Any] = body if isinstance(body, list) else [body]
    for candidate in candidates:
        error = candidate.get("error") if isinstance(candidate, dict) else None
        if isinstance(error, dict):
            return error
    return {"message": body} if isinstance(body, str) else {}
