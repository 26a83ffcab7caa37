"""One thing that goes wrong once, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Anthropic's word for an error by its status."""


class Action(StrEnum):
    """What a fault does to a request."""

    ANSWER = "answer"
    """Answers with an error."""
    HANG = "hang"
    """Says nothing until the server stops."""
    CUT = "cut"
    """Closes the connection without a word; nothing was done."""
    LOSE = "lose"
    """Does what was asked, at its price, and closes the connection before a word of the answer."""
    GARBAGE = "garbage"
    """Answers 200 with a page that is no JSON."""
    CUT_STREAM = "cut_stream"
    """Begins a stream and closes the connection in the middle."""
    END_STREAM = "end_stream"
    """Begins a stream and ends it properly in the middle, as a proxy may."""
    FAIL_STREAM = "fail_stream"
    """Begins a stream and ends it with the error."""


AFTER_THE_WORK = frozenset({Action.LOSE, Action.CUT_STREAM, Action.END_STREAM, Action.FAIL_STREAM})
"""What befalls a request that was answered and is paid for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong once; put them into ``Dials.fail_next`` in order."""

    status: int = 500
    type: str = "api_error"
    """Anthropic's or OpenAI's error type or, with ``google``, Google's status name."""
    message: str = "Internal server error"
    google: bool = False
    """The error has Google's form, as those of Google's own front end do; other services say it in theirs."""
    code: str | None = None
    """OpenAI's error code; by default the usual one of the status."""
    retry_after: str | None = None
    """The Retry-After header: seconds, or a date. The real service leaves it out."""
    action: Action = Action.ANSWER

    def body(self, request_id: str) -> Any:
        """The error's JSON."""
        if self.google:
            return {"error": {"code": self.status, "message": self.message, "status": self.type}}
        return {
            "type": "error",
            "error": {"type": self.type, "message": self.message},
            "request_id": request_id,
        }

    @staticmethod
    def plain(status: int, message: str = "the dials say so") -> Fault:
        """An error of which only the status matters."""
        return Fault(status=status, type=ANTHROPIC_TYPES.get(status, "api_error"), message=message)

    @staticmethod
    def rate_limited(retry_after: str | None = None) -> Fault:
        """Too many requests, as Vertex AI says it."""
        return Fault(
            status=429,
            type="RESOURCE_EXHAUSTED",
            message="Resource exhausted. Please try again later.",
            google=True,
            retry_after=retry_after,
        )

    @staticmethod
    def quota_exceeded(base_model: str = "anthropic-claude") -> Fault:
        """The words of an exhausted quota, which are also those of a quota that is zero."""
        return Fault(
            status=429,
            type="RESOURCE_EXHAUSTED",
            message=(
                "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model "
                f"with base model: {base_model}. Please submit a quota increase request."
            ),
            google=True,
        )

    @staticmethod
    def overloaded() -> Fault:
        """The model is busy for everybody."""
        return Fault(status=529, type="overloaded_error", message="Overloaded")

    @staticmethod
    def invalid(message: str) -> Fault:
        """The request is refused."""
        return Fault(status=400, type="invalid_request_error", message=message)

    @staticmethod
    def google_error(status: int, name: str, message: str) -> Fault:
        """An error of Google's front end, such as 403 PERMISSION_DENIED."""
        return Fault(status=status, type=name, message=message, google=True)

    @staticmethod
    def of(action: Action) -> Fault:
        """A fault below the protocol: a hang, a cut connection, garbage, a broken stream."""
        if action is Action.FAIL_STREAM:
            return Fault(status=529, type="overloaded_error", message="Overloaded", action=action)
        return Fault(action=action)


class RefusedError(Exception):
    """The request breaks a rule."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.message)
