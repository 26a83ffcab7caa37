"""What can go wrong, as data: set a dial while the server runs, and the next request meets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What a fault does to a request."""

    ANSWER = "answer"
    """Answers with an error."""
    HANG = "hang"
    """Says nothing until the server stops."""
    CUT = "cut"
    """Closes the connection without a word."""
    GARBAGE = "garbage"
    """Answers 200 with a page that is no JSON."""
    CUT_STREAM = "cut_stream"
    """Begins a stream and closes the connection in the middle."""
    END_STREAM = "end_stream"
    """Begins a stream and ends it properly in the middle, as a proxy may."""
    FAIL_STREAM = "fail_stream"
    """Begins a stream and ends it with the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong once; put them into ``Dials.fail_next`` in order."""

    status: int = 500
    type: str = "api_error"
    """Anthropic's error type or, with ``google``, Google's status name."""
    message: str = "Internal server error"
    google: bool = False
    """The error has Google's form, as those of Google's own front end do."""
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


class Malformed(StrEnum):
    """How a model can miss the tool's schema."""

    NO_CALL = "no_call"
    """It talks and calls no tool."""
    OTHER_TOOL = "other_tool"
    """It calls a tool that was not offered."""
    NOT_AN_OBJECT = "not_an_object"
    """The call's input is a string of JSON."""
    ROWS_AS_TEXT = "rows_as_text"
    """The rows are JSON within a string."""
    UNKNOWN_KEY = "unknown_key"
    """The input has a key that the schema forbids."""


@dataclass(slots=True, kw_only=True)
class Dials:
    """May be changed while the server runs; each request reads them when it is answered."""

    latency_seconds: float = 0.0
    fail_next: list[Fault | int] = field(default_factory=list)
    """Taken from the front, one a request; a bare number is a status with Anthropic's plain error."""
    stop_reason: str | None = None
    """Instead of the natural one; ``max_tokens`` also cuts the rows in half, ``refusal`` leaves out the call."""
    malformed: Malformed | None = None
    wrong_digit: bool = False
    """Changes the last digit of the first number that is answered, and leaves its address as it was."""
    context_tokens: int | None = None
    """A longer prompt is refused in the service's words."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    """Taken off the counted input tokens and told as the cache's."""
