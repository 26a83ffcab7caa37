"""When a request to Cloud Storage is tried again: one policy, in one place, for every method of the store.

Trying again is safe because every write carries a precondition on the object's generation. What it can't tell by
itself is whether an earlier try took effect although its response was lost: the caller is told that this may be so.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

TRANSIENT_STATUS = frozenset({408, 410, 429, 500, 502, 503, 504})
"""410 is of upload sessions that ended: the upload starts over."""
_REFUSED_UNDONE = 429
"""The one status that says for certain that nothing was done."""
_RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})
"""Reasons of a 403 that mean: slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How long and how often; pauses double and are drawn evenly between nothing and their length."""

    deadline_seconds: float = 120.0
    """No try starts later than this after the first one."""
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 16.0
    sleep: Callable[[float], None] = time.sleep

    def run(self, call: Callable[[bool], T]) -> T:
        """Call until it succeeds, fails for good, or the deadline is over; then its last error is raised.

        Args:
            call: is told whether an earlier try may have taken effect.
        """
        over, pause, again = time.monotonic() + self.deadline_seconds, self.first_pause_seconds, False
        while True:
            try:
                return call(again)
            except Exception as error:
                asked = min(_asked_seconds(error), self.longest_pause_seconds)
                wait = max(asked, random.uniform(0, pause))  # noqa: S311 - jitter is no secret
                if not is_transient(error) or time.monotonic() + wait > over:
                    raise
                again = again or status_of(error) != _REFUSED_UNDONE
            self.sleep(wait)
            pause = min(2 * pause, self.longest_pause_seconds)

    def of_chunks(self) -> Any:
        """The same policy for the chunks of one upload, as Google's client takes it."""
        from google.api_core.retry import Retry

        return Retry(
            predicate=is_transient,
            initial=self.first_pause_seconds,
            maximum=self.longest_pause_seconds,
            multiplier=2,
            timeout=self.deadline_seconds,
        )


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error of Google's packages carries; None when no response came."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud.storage.exceptions import InvalidResponse  # type: ignore[import-untyped]

    if isinstance(error, GoogleAPICallError):
        return int(error.code) if error.code is not None else None
    if isinstance(error, InvalidResponse):
        return int(error.response.status_code)
    return None


def _asked_seconds(error: BaseException) -> float:
    """How long the service asked to wait; 0 where it did not say it as a number."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(headers.get("Retry-After", ""))
    return float(text) if text.isascii() and text.isdigit() else 0.0


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later: overload, an outage, a lost connection, bytes damaged on the way."""
    import requests
    import urllib3
    from google.auth.exceptions import RefreshError, TransportError
    from google.cloud.storage.exceptions import DataCorruption

    status = status_of(error)
    if status is not None:
        return status in TRANSIENT_STATUS or (status == 403 and is_rate_limit(error))
    if isinstance(error, RefreshError):
        return bool(error.retryable)
    lost = (
        ConnectionError,
        TimeoutError,
        TransportError,
        DataCorruption,
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
        requests.exceptions.JSONDecodeError,
        urllib3.exceptions.HTTPError,
    )
    return isinstance(error, lost)


def is_rate_limit(error: BaseException) -> bool:
    """Whether a refusal means: slower."""
    entries = getattr(error, "errors", None) or []
    return any(isinstance(entry, dict) and entry.get("reason") in _RATE_REASONS for entry in entries)
