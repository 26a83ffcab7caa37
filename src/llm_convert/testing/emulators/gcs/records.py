"""What the service keeps: buckets, and the versions of objects. A change makes a new record; none is altered."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One generation of an object."""

    bucket: str
    name: str
    generation: int
    """Microseconds of unix time, made strictly increasing."""
    metageneration: int = 1
    data: bytes = field(repr=False)
    crc32c: str
    md5: str | None
    """None for what was composed."""
    component_count: int | None = None
    time_created: datetime
    time_updated: datetime
    time_deleted: datetime | None = None
    """When it ceased to be live; None while it is."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What a caller may set, under the JSON API's names."""

    @property
    def etag(self) -> str:
        """Changes with the bytes and with the metadata."""
        return etag_of(self.generation, self.metageneration)

    @property
    def content_type(self) -> str | None:
        """As it was told; None when it wasn't."""
        return self.settings.get("contentType")

    @property
    def metadata(self) -> Mapping[str, str]:
        """The caller's own keys and values."""
        return self.settings.get("metadata") or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket without its objects."""

    name: str
    generation: int
    metageneration: int = 1
    time_created: datetime
    time_updated: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What a caller may set, under the JSON API's names."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """The IAM policy's bindings and version."""
    policy_revision: int = 1

    @property
    def etag(self) -> str:
        """Changes with the metadata."""
        return etag_of(0, self.metageneration)

    @property
    def versioned(self) -> bool:
        """What is overwritten or deleted stays as a noncurrent version."""
        return bool((self.settings.get("versioning") or {}).get("enabled"))


def etag_of(generation: int, metageneration: int) -> str:
    """An opaque text, equal exactly when both numbers are."""
    raw = generation.to_bytes(8, "big").lstrip(b"\0") + b"\x10" + metageneration.to_bytes(4, "big").lstrip(b"\0")
    return base64.b64encode(b"\x08" + raw).decode()


def timestamp(moment: datetime) -> str:
    """RFC 3339 with milliseconds, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
