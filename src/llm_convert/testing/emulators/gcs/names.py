"""Which names buckets and objects may have, by the service's documentation."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address

from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid, required

MAX_NAME_BYTES = 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
_MAX_LABEL = 63
_LOGS_OF_BUILDS = ".cloudbuild-logs.googleusercontent.com"


def check_bucket_name(name: str) -> None:
    """Raises RefusedError when no bucket may be called so."""
    if not name:
        raise required("name")
    labels = name.split(".")
    fits = _BUCKET.fullmatch(name) is not None and all(0 < len(label) <= _MAX_LABEL for label in labels)
    # Names under a domain are for the domain's owner: Cloud Build keeps its logs under one of Google's.
    reserved = name.startswith("goog") or "google" in name.removesuffix(_LOGS_OF_BUILDS)
    if not fits or reserved or _is_address(name):
        raise RefusedError(400, "invalid", f"Invalid bucket name: '{name}'", xml_code="InvalidBucketName")


def check_object_name(name: str) -> None:
    """Raises RefusedError when no object may be called so."""
    if not name:
        raise required("name")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise invalid("The object name is not valid UTF-8.", "name") from None
    if size > MAX_NAME_BYTES:
        said = f"The specified object name is {size} bytes long; at most {MAX_NAME_BYTES} are allowed."
        raise RefusedError(400, "invalid", said, location=("parameter", "name"), xml_code="KeyTooLong")
    if name in {".", ".."} or "\r" in name or "\n" in name or name.startswith(".well-known/acme-challenge/"):
        raise invalid(f"Invalid object name: {name!r}", "name")


def _is_address(name: str) -> bool:
    try:
        IPv4Address(name)
    except AddressValueError:
        return False
    return True
