"""What the service refuses, in its own words: a status, a reason, a message, and where the fault lies."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape

_XML_CODES = {
    "conditionNotMet": "PreconditionFailed",
    "conflict": "BucketNotEmpty",
    "forbidden": "AccessDenied",
    "invalid": "InvalidArgument",
    "notModified": "NotModified",
    "rateLimitExceeded": "SlowDown",
    "backendError": "ServiceUnavailable",
    "internalError": "InternalError",
    "requestedRangeNotSatisfiable": "InvalidRange",
    "objectUnderActiveHold": "ObjectUnderActiveHold",
}
_REASONS = {
    400: ("invalid", "Bad Request"),
    401: ("required", "Login Required"),
    403: ("forbidden", "Forbidden"),
    404: ("notFound", "Not Found"),
    408: ("uploadBrokenConnection", "Request Timeout"),
    409: ("conflict", "Conflict"),
    412: ("conditionNotMet", "Precondition Failed"),
    429: ("rateLimitExceeded", "The rate of requests exceeds the limit. Please reduce your request rate."),
    500: ("internalError", "We encountered an internal error. Please try again."),
    503: ("backendError", "Backend Error"),
}


class RefusedError(Exception):
    """A request that is not carried out.

    Args:
        status: of HTTP.
        reason: as Google's JSON errors name it, such as ``conditionNotMet``.
        message: for people.
        location: the header or parameter at fault.
        headers: to be sent along.
        xml_code: the name of the error in the XML API, where it doesn't follow from the reason.
        plain: the service answers this one with bare text.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        location: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
        xml_code: str = "",
        plain: bool = False,
    ) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        self.location = location
        self.headers = headers or {}
        self.xml_code = xml_code or _XML_CODES.get(reason, reason[:1].upper() + reason[1:])
        self.plain = plain
        super().__init__(f"{status} {reason}: {message}")

    def as_json(self) -> bytes:
        """The body in the JSON API."""
        detail: dict[str, Any] = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location is not None:
            detail["locationType"], detail["location"] = self.location
        error = {"code": self.status, "message": self.message, "errors": [detail]}
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def as_xml(self) -> bytes:
        """The body in the XML API."""
        text = f"<Error><Code>{escape(self.xml_code)}</Code><Message>{escape(self.message)}</Message></Error>"
        return f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode()


def of_status(status: int, headers: dict[str, str] | None = None) -> RefusedError:
    """What the service says with this status when it is not the request's fault."""
    reason, message = _REASONS.get(status, ("backendError" if status >= 500 else "invalid", "The dials say so."))
    return RefusedError(status, reason, message, headers=headers)


def no_route() -> RefusedError:
    """No method of the API lies at this path."""
    return RefusedError(404, "notFound", "Not Found")


def no_bucket() -> RefusedError:
    """The bucket isn't there."""
    return RefusedError(404, "notFound", "The specified bucket does not exist.", xml_code="NoSuchBucket")


def no_object(bucket: str, name: str) -> RefusedError:
    """The object, or that generation of it, isn't there."""
    return RefusedError(404, "notFound", f"No such object: {bucket}/{name}", xml_code="NoSuchKey")


def invalid(message: str, parameter: str = "") -> RefusedError:
    """The request makes no sense."""
    return RefusedError(400, "invalid", message, location=("parameter", parameter) if parameter else None)


def required(parameter: str) -> RefusedError:
    """The request lacks something."""
    return RefusedError(
        400, "required", f"Required parameter: {parameter}", location=("parameter", parameter), xml_code="InvalidURI"
    )


def condition_not_met(location: tuple[str, str] = ("header", "If-Match")) -> RefusedError:
    """A match was asked for and there is none."""
    said = "At least one of the pre-conditions you specified did not hold."
    return RefusedError(412, "conditionNotMet", said, location=location)


def not_modified() -> RefusedError:
    """A difference was asked for and there is none; the answer has no body."""
    return RefusedError(304, "notModified", "Not Modified")


def conflict(message: str, xml_code: str = "") -> RefusedError:
    """The state of the resource is in the way."""
    return RefusedError(409, "conflict", message, xml_code=xml_code)


def too_often(bucket: str, name: str) -> RefusedError:
    """One object was created, changed or deleted too often."""
    limit = "the rate limit for object mutation operations (create, update, and delete)"
    return RefusedError(429, "rateLimitExceeded", f"The object {bucket}/{name} exceeded {limit}.")


def denied(permission: str) -> RefusedError:
    """The caller lacks a permission; whether the resource is there stays open."""
    kind = "bucket" if permission.startswith("storage.buckets.") else "object"
    said = (
        f"Anonymous caller does not have {permission} access to the Google Cloud Storage {kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )
    return RefusedError(403, "forbidden", said)
