"""Errors as BigQuery's REST API says them."""

from __future__ import annotations

import re
from typing import Any

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_REASONS = {
    400: "invalid",
    401: "authError",
    403: "accessDenied",
    404: "notFound",
    409: "duplicate",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "internalError",
    501: "notImplemented",
    502: "backendError",
    503: "backendError",
    504: "backendError",
}


class ApiError(Exception):
    """What a request is refused with, or what a job ends with.

    Args:
        status: of HTTP.
        message: in BigQuery's words.
        reason: its short name, such as ``notFound``; by default the usual one of the status.
        location: where in the request the fault lies, such as ``query``.
    """

    def __init__(self, status: int, message: str, *, reason: str = "", location: str = "") -> None:
        self.status = status
        self.message = message
        self.reason = reason or _REASONS.get(status, "backendError")
        self.location = location
        super().__init__(message)

    def proto(self) -> dict[str, str]:
        """An ``ErrorProto``, as it stands in a job's status."""
        said = {"reason": self.reason, "message": self.message}
        return said | ({"location": self.location} if self.location else {})

    def body(self) -> dict[str, Any]:
        """The body of an HTTP response."""
        entry = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location:
            entry |= {"location": self.location, "locationType": "parameter"}
        name = _STATUSES.get(self.status, "UNKNOWN")
        return {"error": {"code": self.status, "message": self.message, "errors": [entry], "status": name}}


def not_found(kind: str, name: str, location: str = "") -> ApiError:
    """There is no such thing; name as ``project:dataset.table``."""
    said = f"Not found: {kind} {name}"
    return ApiError(404, f"{said} was not found in location {location}" if location else said)


def already_exists(kind: str, name: str) -> ApiError:
    """There is one already; name as ``project:dataset.table``."""
    return ApiError(409, f"Already Exists: {kind} {name}")


def invalid(message: str, *, location: str = "") -> ApiError:
    """The request contradicts itself or the schema."""
    return ApiError(400, message, location=location)


def invalid_query(message: str) -> ApiError:
    """The SQL cannot be parsed, bound or run."""
    return ApiError(400, message, reason="invalidQuery", location="query")


def access_denied(resource: str, permission: str) -> ApiError:
    """The caller lacks a permission on a resource, such as ``Table p:d.t``."""
    kind = resource.partition(" ")[0].lower()
    name = resource.partition(" ")[2]
    return ApiError(
        403,
        f"Access Denied: {resource}: Permission {permission} denied on {kind} {name} (or it may not exist).",
    )


_WORDS = (
    (r"NOT NULL constraint failed: (?:.*\.)?(\S+)", r"Required field \1 cannot be null"),
    (
        r"cannot affect the same target row more than once",
        "UPDATE/MERGE must match at most one source row for each target row",
    ),
    (r'Referenced column "([^"]+)" not found', r"Unrecognized name: \1"),
    (r'does not have a column named "([^"]+)"', r"Name \1 not found"),
    (r'Ambiguous reference to column name "([^"]+)"', r"Column name \1 is ambiguous"),
    (r"Scalar Function with name (\S+) does not exist", r"Function not found: \1"),
    (r"Table Function with name (\S+) does not exist", r"Table-valued function not found: \1"),
    (
        r"must appear in the GROUP BY clause",
        "SELECT list expression references a column which is neither grouped nor aggregated",
    ),
    (r"More than one row returned by a subquery", "Scalar subquery produced more than one element"),
)


def of_engine(error: Exception) -> ApiError:
    """DuckDB's error as that of a query."""
    said = str(error).split("\n\nLINE")[0]
    for pattern, words in _WORDS:
        found = re.search(pattern, said, re.IGNORECASE)
        if found:
            return invalid_query(found.expand(words) if "\\" in words else words)
    kind, colon, rest = said.partition(" Error: ")
    said = (rest if colon else kind).strip().partition("\n")[0]
    said = re.sub(r"Could not convert string '(.*)' to (\w+)", r"Bad \2 value: \1", said)
    return invalid_query(said)
