"""Errors in Google's form: one gRPC status name, its number, its HTTP status, and a ``google.rpc.Status`` body."""

from __future__ import annotations

from typing import Any

CODES: dict[str, tuple[int, int]] = {
    "OK": (0, 200),
    "CANCELLED": (1, 499),
    "UNKNOWN": (2, 500),
    "INVALID_ARGUMENT": (3, 400),
    "DEADLINE_EXCEEDED": (4, 504),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "OUT_OF_RANGE": (11, 400),
    "UNIMPLEMENTED": (12, 501),
    "INTERNAL": (13, 500),
    "UNAVAILABLE": (14, 503),
    "DATA_LOSS": (15, 500),
    "UNAUTHENTICATED": (16, 401),
}
"""Status name to its gRPC number and its HTTP status, as ``google.rpc.Code`` maps them."""

_BY_HTTP = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """What a service refuses with.

    Args:
        status: a name of ``CODES``.
        message: for people, as the service words it.
        info: reason, domain and metadata of a ``google.rpc.ErrorInfo``; none: the error has no details.
    """

    def __init__(self, status: str, message: str, info: dict[str, Any] | None = None) -> None:
        self.status = status
        self.number, self.http_status = CODES[status]
        self.message = message
        self.info = info
        super().__init__(f"{status}: {message}")

    def body(self) -> dict[str, Any]:
        """The JSON that REST clients get."""
        error: dict[str, Any] = {"code": self.http_status, "message": self.message, "status": self.status}
        if self.info is not None:
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **self.info}]
        return {"error": error}

    @classmethod
    def of(cls, fault: str | int, message: str = "injected by a dial") -> ApiError:
        """From a status name, or from an HTTP status."""
        if isinstance(fault, str):
            return cls(fault, message)
        error = cls(_BY_HTTP.get(fault, "UNKNOWN"), message)
        error.http_status = fault
        return error

    @classmethod
    def denied(cls, permission: str, resource: str) -> ApiError:
        """The words of IAM."""
        return cls(
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied on resource '{resource}' (or resource may not exist).",
            {
                "reason": "IAM_PERMISSION_DENIED",
                "domain": "iam.googleapis.com",
                "metadata": {"permission": permission, "resource": resource},
            },
        )


class LostResponseError(Exception):
    """The call took effect and its caller never hears of it."""
