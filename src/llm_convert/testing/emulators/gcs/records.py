"""What the service keeps: buckets, and the versions of objects. A change makes a new record; none is altered."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
    time_soft_deleted: datetime | None = None
    """When it went from sight, to be kept for a while; None while it is there."""
    soft_delete_seconds: int = 0
    """How long it is kept from then on."""
    retention_seconds: int = 0
    """How long its bucket's policy has it kept from its creation on; 0: there is none."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What a caller may set, under the JSON API's names."""

    @property
    def retained_until(self) -> datetime | None:
        """Before that it is neither deleted nor overwritten."""
        moments = []
        if self.retention_seconds and not self.settings.get("eventBasedHold"):
            moments.append(self.time_created + timedelta(seconds=self.retention_seconds))
        own = self.settings.get("retention") or {}
        if own.get("retainUntilTime"):
            moments.append(datetime.fromisoformat(own["retainUntilTime"]))
        return max(moments, default=None)

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

    @property
    def uniform_access(self) -> bool:
        """There are no access control lists: policies alone say who may do what."""
        configured = self.settings.get("iamConfiguration") or {}
        return bool((configured.get("uniformBucketLevelAccess") or {}).get("enabled"))

    @property
    def retention_seconds(self) -> int:
        """How long the bucket's policy has objects kept; 0: there is none."""
        return int((self.settings.get("retentionPolicy") or {}).get("retentionPeriod") or 0)

    @property
    def soft_delete_seconds(self) -> int:
        """How long what is deleted can be restored; 0: not at all."""
        return int((self.settings.get("softDeletePolicy") or {}).get("retentionDurationSeconds") or 0)


def etag_of(generation: int, metageneration: int) -> str:
    """An opaque text, equal exactly when both numbers are."""
    raw = generation.to_bytes(8, "big").lstrip(b"\0") + b"\x10" + metageneration.to_bytes(4, "big").lstrip(b"\0")
    return base64.b64encode(b"\x08" + raw).decode()


def timestamp(moment: datetime) -> str:
    """RFC 3339 with milliseconds, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
