"""The one place where the vendor's exceptions become ours.

A vendor's message may quote the request. Of its words only known facts are taken: an error's type, the place it names
in the request, and counts of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from llm_convert.completion.errors import (
    CallTimeoutError,
    ConnectionLostError,
    OverloadedError,
    ProviderUnavailableError,
    ServerFaultError,
)
from llm_convert.completion.providers.claude_forms import NAMES_THE_FORM, Form, NativeFormRefusedError
from llm_convert.completion.retry_after import parse_retry_after
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.errors import DataError, LlmConvertError

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
class Said:
    """What a service's error answer states."""

    status: int
    type: str
    """Anthropic's type or Google's status; empty when it has neither."""
    message: str
    """May quote the request: never shown."""
    request_id: str
    retry_after_seconds: float | None


class Service(Protocol):
    """Who was called, for the errors that are its own: what is wrong there, and the one way to mend it."""

    @property
    def title(self) -> str:
        """As people call it, such as ``Vertex AI (global)``."""

    @property
    def address_remedy(self) -> str:
        """What to look at when it can never be reached."""

    def too_many(self, said: Said, call: Call) -> ProviderUnavailableError:
        """A 429."""

    def misconfigured(self, said: Said, call: Call) -> LlmConvertError:
        """A 401, 402, 403 or 404."""

    def refused(self, said: Said, call: Call) -> LlmConvertError | None:
        """A request refused for a reason of the service's own; None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an error's remedy needs to know of the call that failed."""

    service: Service
    model: str
    known_models: tuple[str, ...]
    answered_before: bool
    """Some call of this process was answered: its quota is above zero."""
    timeout_seconds: float
    form: Form = Form.TOOL


def translate(error: Exception, call: Call) -> LlmConvertError:
    """Our error for one of the SDK's or of the HTTP client under it.

    Raises:
        NativeFormRefusedError: nothing is wrong but the way in which the answer's form was asked for.
    """
    import anthropic
    import httpx2

    if isinstance(error, anthropic.APIStatusError):
        said = _said(error)
        if call.form is Form.NATIVE and said.status in {400, 403, 422} and NAMES_THE_FORM.search(said.message):
            raise NativeFormRefusedError(said.message) from None
        return of_answer(said, call)
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
            f"the connection to {call.service.title} failed: {type(cause).__name__}",
            remedy=f"Check the network, and {call.service.address_remedy} if it never works.",
            may_be_billed=not _never_connected(cause),
        )
    return not_understood(call, type(error).__name__)


def _never_connected(error: BaseException) -> bool:
    """Whether no byte of a call can have left."""
    import httpx2

    if not isinstance(error, httpx2.ConnectError):
        return False
    below = error.__cause__
    # The transport over aiohttp also calls it so when a server hangs up after it was sent everything.
    return not type(below).__module__.startswith("aiohttp") or type(below).__name__.startswith("ClientConnector")


def not_understood(call: Call, reason: str, request_id: str = "") -> ServerFaultError:
    """An error for an answer that has no form we know. It may have been paid for."""
    found = f"{call.service.title} answered what can't be understood: {reason}"
    return ServerFaultError(found, may_be_billed=True, request_id=request_id)


def of_answer(said: Said, call: Call) -> LlmConvertError:
    """Our error for a service's error answer."""
    match said.status:
        case 429:
            return call.service.too_many(said, call)
        case 401 | 402 | 403 | 404:
            return call.service.misconfigured(said, call)
        case 413:
            return WorkItemError(Cause.TOO_LARGE, f"the request is larger than {call.service.title} takes")
        case status if status in {408, 409, 499} or status >= 500:
            return _failed(said, call)
        case _:
            return _refused(said, call)


def _failed(said: Said, call: Call) -> ProviderUnavailableError:
    told = told_by(said)
    if said.status == 529 or said.type == "overloaded_error":
        return OverloadedError(f"{call.model} is overloaded (529)", **told)
    if said.status in {408, 504}:
        return CallTimeoutError(f"{call.service.title} gave up waiting for {call.model} ({said.status})", **told)
    if said.status == 499:
        return ConnectionLostError(f"{call.service.title} took the call for cancelled (499)", **told)
    return ServerFaultError(f"{call.service.title} failed ({said.status})", **told)


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
    own = call.service.refused(said, call)
    if own is not None:
        return own
    kind = said.type if re.fullmatch(r"[A-Za-z_]{1,40}", said.type) else "no known type"
    return DataError(
        f"{call.service.title} refused the request ({said.status}, {kind}){_at(said)}",
        remedy=f"Look it up by its request id, {said.request_id or 'of which none was given'}.",
    )


def _at(said: Said) -> str:
    place = _PLACE.match(said.message)
    return f" at {place[1]}" if place else ""


def told_by(said: Said) -> dict[str, Any]:
    """What every outage keeps of the answer."""
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
