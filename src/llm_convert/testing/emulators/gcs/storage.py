"""The service's state: every change is checked and made under one lock, so that of racing callers one wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llm_convert.testing.emulators.gcs.clock import Clock
from llm_convert.testing.emulators.gcs.conditions import NONE, Conditions
from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.digests import crc32c_of, md5_of
from llm_convert.testing.emulators.gcs.errors import RefusedError, conflict, denied, no_bucket, no_object
from llm_convert.testing.emulators.gcs.names import check_bucket_name, check_object_name
from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An object that is about to be written."""

    bucket: str
    name: str
    data: bytes = field(repr=False)
    settings: Mapping[str, Any]
    crc32c: str
    md5: str | None
    component_count: int | None = None

    @staticmethod
    def of(bucket: str, name: str, data: bytes, settings: Mapping[str, Any]) -> Draft:
        """With the checksums of its bytes. They take long for large ones, and so are made outside of any lock."""
        return Draft(bucket=bucket, name=name, data=data, settings=settings, crc32c=crc32c_of(data), md5=md5_of(data))


class Storage:
    """Buckets and objects. Hold ``lock`` around several calls that must be one step."""

    def __init__(self, dials: Callable[[], Dials]) -> None:
        self.lock = threading.RLock()
        self.clock = Clock()
        self._dials = dials
        self._buckets: dict[str, Bucket] = {}
        self._versions: dict[str, dict[str, list[ObjectVersion]]] = {}

    def require(self, *permissions: str) -> None:
        """Raises RefusedError for the first permission that the dials take away."""
        missing = self._dials().missing_permissions
        for permission in permissions:
            if permission in missing:
                raise denied(permission)

    def holds(self, permission: str) -> bool:
        """The dials leave the caller this permission."""
        return permission not in self._dials().missing_permissions

    def create_bucket(self, name: str, settings: Mapping[str, Any]) -> Bucket:
        """Raises RefusedError: the name is not allowed, or taken."""
        check_bucket_name(name)
        with self.lock:
            if name in self._buckets:
                said = "Your previous request to create the named bucket succeeded and you already own it."
                raise conflict(said, "BucketAlreadyOwnedByYou")
            now = self.clock.now()
            bucket = Bucket(
                name=name,
                generation=self.clock.generation(),
                time_created=now,
                time_updated=now,
                settings=settings,
            )
            self._buckets[name], self._versions[name] = bucket, {}
            return bucket

    def bucket(self, name: str) -> Bucket:
        """Raises RefusedError when there is none."""
        with self.lock:
            found = self._buckets.get(name)
        if found is None:
            raise no_bucket()
        return found

    def buckets(self) -> list[Bucket]:
        """All, by name."""
        with self.lock:
            return [self._buckets[name] for name in sorted(self._buckets)]

    def change_bucket(self, name: str, conditions: Conditions, change: Callable[[Bucket], Mapping[str, Any]]) -> Bucket:
        """Give a bucket other settings."""
        with self.lock:
            bucket = self.bucket(name)
            conditions.check(bucket)
            self._buckets[name] = replace(
                bucket,
                settings=change(bucket),
                metageneration=bucket.metageneration + 1,
                time_updated=self.clock.now(),
            )
            return self._buckets[name]

    def set_policy(self, name: str, policy: Mapping[str, Any]) -> Bucket:
        """Give a bucket another IAM policy."""
        with self.lock:
            bucket = self.bucket(name)
            self._buckets[name] = replace(
                bucket,
                policy=policy,
                policy_revision=bucket.policy_revision + 1,
                metageneration=bucket.metageneration + 1,
            )
            return self._buckets[name]

    def delete_bucket(self, name: str, conditions: Conditions) -> None:
        """Raises RefusedError when something, be it noncurrent, is in it."""
        with self.lock:
            conditions.check(self.bucket(name))
            if self._versions[name]:
                raise conflict("The bucket you tried to delete is not empty.")
            del self._buckets[name], self._versions[name]

    def versions(self, bucket: str, prefix: str = "") -> Iterator[ObjectVersion]:
        """All versions whose names start so, in the order of their names' UTF-8 bytes and then of their generations."""
        with self.lock:
            self.bucket(bucket)
            names = sorted((name for name in self._versions[bucket] if name.startswith(prefix)), key=str.encode)
            found = [version for name in names for version in self._versions[bucket][name]]
        yield from found

    def live(self, bucket: str, name: str) -> ObjectVersion | None:
        """The live version of an object, if any. Raises RefusedError when there is no such bucket."""
        with self.lock:
            self.bucket(bucket)
            versions = self._versions[bucket].get(name)
        return versions[-1] if versions and versions[-1].time_deleted is None else None

    def find(self, bucket: str, name: str, generation: int | None, conditions: Conditions = NONE) -> ObjectVersion:
        """An object's version, by default the live one, if it is as expected.

        Raises:
            RefusedError: 404, or a condition fails.
        """
        check_object_name(name)
        with self.lock:
            found = self.live(bucket, name)
            if generation:
                versions = self._versions[bucket].get(name, [])
                found = next((version for version in versions if version.generation == generation), None)
        if found is None:
            # Whoever may not list may not learn either what is absent.
            self.require("storage.objects.list")
            raise no_object(bucket, name)
        conditions.check(found)
        return found

    def put(self, draft: Draft, conditions: Conditions) -> ObjectVersion:
        """Write an object whole; what was live becomes noncurrent or is gone."""
        check_object_name(draft.name)
        with self.lock:
            bucket, live = self.bucket(draft.bucket), self.live(draft.bucket, draft.name)
            conditions.check(live)
            if live is not None:
                self.require("storage.objects.delete")
                _check_holds(live)
                self._retire(bucket, live)
            now = self.clock.now()
            default_class = bucket.settings.get("storageClass", "STANDARD")
            version = ObjectVersion(
                bucket=draft.bucket,
                name=draft.name,
                generation=self.clock.generation(),
                data=draft.data,
                crc32c=draft.crc32c,
                md5=draft.md5,
                component_count=draft.component_count,
                time_created=now,
                time_updated=now,
                settings={"storageClass": default_class, **draft.settings},
            )
            self._versions[draft.bucket].setdefault(draft.name, []).append(version)
            return version

    def change(
        self,
        bucket: str,
        name: str,
        generation: int | None,
        conditions: Conditions,
        change: Callable[[ObjectVersion], Mapping[str, Any]],
    ) -> ObjectVersion:
        """Give an object's version other metadata."""
        with self.lock:
            found = self.find(bucket, name, generation, conditions)
            changed = replace(
                found,
                settings=change(found),
                metageneration=found.metageneration + 1,
                time_updated=self.clock.now(),
            )
            self._swap(found, changed)
            return changed

    def delete(self, bucket: str, name: str, generation: int | None, conditions: Conditions) -> None:
        """Delete the live version, which a versioned bucket keeps as noncurrent; or, for good, a named generation."""
        with self.lock:
            found = self.find(bucket, name, generation, conditions)
            _check_holds(found)
            if generation:
                self._swap(found, None)
            else:
                self._retire(self.bucket(bucket), found)

    def _retire(self, bucket: Bucket, live: ObjectVersion) -> None:
        self._swap(live, replace(live, time_deleted=self.clock.now()) if bucket.versioned else None)

    def _swap(self, old: ObjectVersion, new: ObjectVersion | None) -> None:
        """Put another record in a version's place, or none."""
        objects = self._versions[old.bucket]
        kept = [new if version is old else version for version in objects[old.name]]
        objects[old.name] = [version for version in kept if version is not None]
        if not objects[old.name]:
            del objects[old.name]


def _check_holds(version: ObjectVersion) -> None:
    for setting, kind in (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based")):
        if version.settings.get(setting):
            said = (
                f"Object '{version.bucket}/{version.name}' is under active {kind} hold and cannot be deleted, "
                "overwritten or archived until hold is removed."
            )
            raise RefusedError(403, "objectUnderActiveHold", said)
