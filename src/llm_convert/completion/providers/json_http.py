"""JSON over HTTP for providers without a vendor's package: one connection pool, and errors in the engine's words.

A service's message may quote the request: of its words only a known code is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from llm_convert.completion.errors import (
    CallTimeoutError,
    ConnectionLostError,
    DailyLimitError,
    OverloadedError,
    RateLimitedError,
    ServerFaultError,
)
from llm_convert.completion.retry_after import parse_retry_after
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.errors import ConfigurationError, DataError, LlmConvertError, MissingExtraError

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_TOO_LONG = re.compile(r"context.length|maximum context|too long|too many tokens", re.IGNORECASE)
_DAILY = re.compile(r"per day|daily|insufficient_quota|monthly", re.IGNORECASE)


class Refusal(Exception):  # noqa: N818 - what a service said; whoever asked decides what it means
    """An answer that is no success, with what the service said of it."""

    def __init__(self, status: int, message: str, code: str, retry_after: float | None) -> None:
        self.status, self.message, self.code, self.retry_after = status, message, code, retry_after
        super().__init__(f"{status} {code}")


class JsonHttp:
    """Sends JSON to one service; connections are kept. Used within one event loop.

    Args:
        base_url: without a trailing slash.
        headers: sent with every request, secrets among them; never shown.
        timeout_seconds: how long the service may be silent.
        name: the provider's, for errors.
        variable: that names the URL, for remedies.
    """

    def __init__(
        self, base_url: str, *, headers: Mapping[str, str], timeout_seconds: float, name: str, variable: str
    ) -> None:
        self.base_url, self.name = base_url, name
        self._headers, self._timeout, self._variable = dict(headers), timeout_seconds, variable
        self._client: Any = None

    async def post(
        self, path: str, body: dict[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], str]:
        """The answer's JSON, and the service's name for the request.

        Raises:
            Refusal: the service answered with an error.
            ProviderUnavailableError: it could not be reached, was silent, or answered no JSON.
        """
        return await self._send("POST", path, headers=headers, json=body)

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> tuple[dict[str, Any], str]:
        """The same for what is only looked at."""
        return await self._send("GET", path, headers=headers)

    async def _send(self, method: str, path: str, **given: Any) -> tuple[dict[str, Any], str]:
        import httpx2

        client = self._opened(httpx2)
        try:
            answer = await client.request(method, f"{self.base_url}{path}", **given)
        except httpx2.TimeoutException as error:
            billed = not isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            raise CallTimeoutError(
                f"{self.name} did not answer within {self._timeout:g} s",
                remedy="Raise LLM_CONVERT_CALL_TIMEOUT_SECONDS if documents are long.",
                may_be_billed=billed,
            ) from None
        except httpx2.TransportError as error:
            raise ConnectionLostError(
                f"the connection to {self.name} failed: {type(error).__name__}",
                remedy=f"Check the network, and {self._variable} if it never works.",
                may_be_billed=not isinstance(error, httpx2.ConnectError),
            ) from None
        request_id = answer.headers.get("x-request-id") or answer.headers.get("request-id") or ""
        try:
            found = answer.json()
        except ValueError:
            found = None
        if answer.status_code >= 400:
            raise _refusal(answer, found)
        if not isinstance(found, dict):
            raise ServerFaultError(
                f"{self.name} answered what can't be understood: no JSON object",
                may_be_billed=True,
                request_id=request_id,
            )
        return found, request_id

    async def close(self) -> None:
        """Release connections; closing twice does nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def error_of(self, refusal: Refusal, *, model: str, missing_model: str) -> LlmConvertError:
        """What a refusal means for the engine.

        Args:
            missing_model: what to do when the service knows no such model.
        """
        told: dict[str, Any] = {"retry_after_seconds": refusal.retry_after}
        match refusal.status:
            case 429 if _DAILY.search(f"{refusal.message} {refusal.code}"):
                return DailyLimitError(f"the allowance of {self.name} for {model} is used up", remedy="Ask for more.")
            case 429:
                return RateLimitedError(f"too many requests or tokens for {model} at {self.name}", **told)
            case 503 | 529:
                return OverloadedError(f"{model} at {self.name} is busy", **told)
            case 401 | 403:
                return ConfigurationError(
                    f"{self.name} refuses the credentials ({refusal.status})", remedy="Check the key and its rights."
                )
            case 404:
                return ConfigurationError(f"{self.name} knows no model {model!r}", remedy=missing_model)
            case 413:
                return WorkItemError(Cause.TOO_LARGE, f"the request is larger than {self.name} takes")
            case 400 | 422 if _TOO_LONG.search(refusal.message):
                return WorkItemError(Cause.TOO_LARGE, f"the document does not fit the context of {model}")
            case status if status >= 500 or status in {408, 409}:
                return ServerFaultError(f"{self.name} failed with {status}", **told)
            case _:
                return DataError(f"{self.name} refused the request ({refusal.status} {refusal.code})".rstrip())

    def _opened(self, httpx2: Any) -> Any:
        if self._client is None:
            limits = httpx2.Limits(max_connections=512, max_keepalive_connections=512)
            timeout = httpx2.Timeout(self._timeout, connect=min(10.0, self._timeout))
            self._client = httpx2.AsyncClient(headers=self._headers, timeout=timeout, limits=limits)
        return self._client


def require_http(extra: str) -> None:
    """Raises MissingExtraError when the HTTP client is not installed."""
    try:
        import httpx2  # noqa: F401 - only whether it is there
    except ImportError:
        raise MissingExtraError("httpx2", extra) from None


def _refusal(answer: Any, found: Any) -> Refusal:
    error = found.get("error") if isinstance(found, dict) else None
    fields = error if isinstance(error, dict) else {"message": error}
    code = str(fields.get("code") or fields.get("type") or "")
    return Refusal(
        answer.status_code,
        str(fields.get("message") or ""),
        code if _CODE.fullmatch(code) else "",
        parse_retry_after(answer.headers.get("retry-after"), datetime.now(UTC)),
    )
