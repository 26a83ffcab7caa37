"""What a caller may set on buckets and objects: read from JSON, checked, and merged as PATCH merges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llm_convert.testing.emulators.gcs.bucket_state import label_fault
from llm_convert.testing.emulators.gcs.errors import invalid

_TEXTS = ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "storageClass")
_SWITCHES = ("eventBasedHold", "temporaryHold")
_OBJECT = frozenset({*_TEXTS, *_SWITCHES, "customTime", "metadata", "retention", "contexts", "acl"})
_BUCKET = frozenset(
    {"autoclass", "billing", "cors", "customPlacementConfig", "defaultEventBasedHold", "encryption"}
    | {"hierarchicalNamespace", "iamConfiguration", "ipFilter", "labels", "lifecycle", "location", "logging"}
    | {"acl", "defaultObjectAcl", "retentionPolicy", "rpo", "softDeletePolicy", "storageClass", "versioning", "website"}
)
_STORAGE_CLASSES = frozenset(
    {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}
)
_ROLES = frozenset({"OWNER", "READER", "WRITER"})
_MAX_METADATA_BYTES = 8192
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def object_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in an object resource; read-only fields are passed over, as the service does.

    Raises:
        RefusedError: one has the wrong type or a value that is not allowed.
    """
    found = {name: value for name, value in body.items() if name in _OBJECT}
    for name in _TEXTS:
        _check_type(found, name, str, "a string")
    for name in _SWITCHES:
        _check_type(found, name, bool, "a boolean")
    _check_metadata(found.get("metadata"))
    _check_class(found.get("storageClass"))
    check_acl(found.get("acl") or ())
    if (found.get("retention") or {}).get("retainUntilTime") is not None:
        moment_of(found["retention"]["retainUntilTime"], "retention.retainUntilTime")
    if found.get("customTime") is not None:
        moment_of(found["customTime"])
    return found


def bucket_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a bucket resource.

    Raises:
        RefusedError: one has a value that is not allowed.
    """
    found = {name: value for name, value in body.items() if name in _BUCKET}
    _check_class(found.get("storageClass"))
    _check_type(found, "location", str, "a string")
    _check_type(found, "labels", dict, "an object")
    for name in ("acl", "defaultObjectAcl"):
        check_acl(found.get(name) or ())
    for key, value in (found.get("labels") or {}).items():
        if not isinstance(value, str | None):
            raise invalid(f"Invalid value for label {key!r}: expected a string.", "labels")
    if fault := label_fault(found.get("labels") or {}):
        raise invalid(f"Invalid labels: {fault}.", "labels")
    if isinstance(found.get("location"), str):
        found["location"] = found["location"].upper()
    return found


def without_nulls(value: Any) -> Any:
    """What is left of a resource when null stands for absent."""
    if not isinstance(value, Mapping):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}


def merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396): null removes, objects merge, all else replaces."""
    result = dict(old)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def check_custom_time(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Once set, a custom time is never removed and never goes back: raises RefusedError."""
    before, after = old.get("customTime"), new.get("customTime")
    if before is not None and (after is None or moment_of(after) < moment_of(before)):
        raise invalid("Custom time cannot be removed or set to an earlier date and time.", "customTime")


def check_acl(entries: Any) -> None:
    """Raises RefusedError when it is no access control list."""
    for entry in entries if isinstance(entries, list | tuple) else [None]:
        if not isinstance(entry, dict) or not isinstance(entry.get("entity"), str) or entry.get("role") not in _ROLES:
            raise invalid(
                f"Invalid access control: {entry!r}; expected an entity and a role of {sorted(_ROLES)}.", "acl"
            )


def moment_of(text: Any, name: str = "customTime") -> datetime:
    """An RFC 3339 time. Raises RefusedError."""
    if isinstance(text, str) and _RFC3339.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise invalid(f"Invalid date and time: {text!r}; expected RFC 3339, such as 2025-11-07T14:00:00Z.", name)


def _check_type(found: Mapping[str, Any], name: str, kind: type, said: str) -> None:
    if found.get(name) is not None and not isinstance(found[name], kind):
        raise invalid(f"Invalid value for {name}: {found[name]!r}; expected {said}.", name)


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(isinstance(value, str | None) for value in metadata.values()):
        raise invalid("Invalid value for metadata: expected an object of strings.", "metadata")
    size = sum(len(f"{key}{value or ''}".encode()) for key, value in metadata.items())
    if size > _MAX_METADATA_BYTES:
        said = f"The custom metadata is {size} bytes; at most {_MAX_METADATA_BYTES} are allowed."
        raise invalid(said, "metadata")


def _check_class(storage_class: Any) -> None:
    if storage_class is not None and storage_class not in _STORAGE_CLASSES:
        raise invalid(f"Invalid storage class {storage_class!r}.", "storageClass")
