"""Deleted and overwritten versions, which can be listed and restored for as long as their bucket's policy says."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion

MOST_BYTES = 256 * 1024 * 1024
"""Of all that is kept: an emulator in memory forgets the oldest sooner than the service would."""
MOST_VERSIONS = 20_000


class SoftDeleted:
    """Those of all buckets."""

    def __init__(self) -> None:
        # Oldest first; a plain dict takes ever longer to give away its first entry.
        self._kept: OrderedDict[tuple[str, str, int], ObjectVersion] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, bucket: Bucket, version: ObjectVersion, now: datetime) -> None:
        """Take over a version that its bucket no more shows."""
        seconds = bucket.soft_delete_seconds
        if not seconds:
            return
        with self._lock:
            kept = replace(version, time_soft_deleted=now, soft_delete_seconds=seconds)
            self._kept[version.bucket, version.name, version.generation] = kept
            self._bytes += len(version.data)
            while self._kept and (self._bytes > MOST_BYTES or len(self._kept) > MOST_VERSIONS):
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest.data)

    def of(self, bucket: str, prefix: str) -> Iterable[ObjectVersion]:
        """A bucket's, in the order of names and generations; a listing takes them for live ones."""
        now = datetime.now(UTC)
        with self._lock:
            found = [
                v for v in self._kept.values() if v.bucket == bucket and v.name.startswith(prefix) and _in_time(v, now)
            ]
        return [replace(v, time_deleted=None) for v in sorted(found, key=lambda v: (v.name.encode(), v.generation))]

    def find(self, bucket: str, name: str, generation: int) -> ObjectVersion | None:
        """One, if it is kept."""
        with self._lock:
            found = self._kept.get((bucket, name, generation))
        return found if found is not None and _in_time(found, datetime.now(UTC)) else None

    def forget(self, bucket: str) -> None:
        """The bucket is gone, and they with it."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == bucket]:
                self._bytes -= len(self._kept.pop(key).data)


def _in_time(version: ObjectVersion, now: datetime) -> bool:
    deleted = version.time_soft_deleted
    return deleted is not None and now < deleted + timedelta(seconds=version.soft_delete_seconds)
