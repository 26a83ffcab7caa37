"""The service's state: every change is checked and made under one lock, so that of racing callers one wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llm_convert.testing.emulators.gcs.bucket_state import completed
from llm_convert.testing.emulators.gcs.clock import Clock
from llm_convert.testing.emulators.gcs.conditions import NONE, Conditions
from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.digests import crc32c_of, md5_of
from llm_convert.testing.emulators.gcs.errors import conflict, denied, invalid, no_bucket, no_object
from llm_convert.testing.emulators.gcs.mutation_rate import MutationRate
from llm_convert.testing.emulators.gcs.names import check_bucket_name, check_object_name
from llm_convert.testing.emulators.gcs.protection import check_holds, check_new_retention, check_retention
from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion
from llm_convert.testing.emulators.gcs.soft_deleted import SoftDeleted


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
        self.soft_deleted = SoftDeleted()
        self.mutation_rate = MutationRate(dials)

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
                settings=completed({}, settings, now),
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
            now = self.clock.now()
            changed = replace(
                bucket,
                settings=completed(bucket.settings, change(bucket), now),
                metageneration=bucket.metageneration + 1,
                time_updated=now,
            )
            self._buckets[name] = changed
            if changed.retention_seconds != bucket.retention_seconds:
                for version in self.versions(name):
                    self._swap(version, replace(version, retention_seconds=changed.retention_seconds))
            return changed

    def check_lists_allowed(self, bucket: str) -> None:
        """Raises RefusedError when there are no access control lists in this bucket."""
        if self.bucket(bucket).uniform_access:
            said = "Cannot use ACL API to update bucket policy when uniform bucket-level access is enabled."
            raise invalid(f"{said} Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access")

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
            self.soft_deleted.forget(name)

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
            if "acl" in draft.settings:
                self.check_lists_allowed(draft.bucket)
            self.mutation_rate.take(draft.bucket, draft.name)
            now = self.clock.now()
            settings = check_new_retention({}, draft.settings, enabled=_retains(bucket), overridden=False)
            if live is not None:
                self.require("storage.objects.delete")
                check_holds(live)
                if not bucket.versioned:
                    check_retention(live, now)
                self._retire(bucket, live)
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
                retention_seconds=bucket.retention_seconds,
                settings={**_defaults(bucket), **settings},
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
        *,
        overrides_retention: bool = False,
    ) -> ObjectVersion:
        """Give an object's version other metadata."""
        with self.lock:
            found = self.find(bucket, name, generation, conditions)
            self.mutation_rate.take(bucket, name)
            settings = change(found)
            if settings.get("acl") != found.settings.get("acl"):
                self.check_lists_allowed(bucket)
            enabled = _retains(self.bucket(bucket))
            settings = check_new_retention(found.settings, settings, enabled=enabled, overridden=overrides_retention)
            changed = replace(
                found,
                settings=settings,
                metageneration=found.metageneration + 1,
                time_updated=self.clock.now(),
            )
            self._swap(found, changed)
            return changed

    def delete(self, bucket: str, name: str, generation: int | None, conditions: Conditions) -> None:
        """Delete the live version, which a versioned bucket keeps as noncurrent; or, for good, a named generation."""
        with self.lock:
            found = self.find(bucket, name, generation, conditions)
            check_holds(found)
            self.mutation_rate.take(bucket, name)
            if generation or not self.bucket(bucket).versioned:
                check_retention(found, self.clock.now())
                self._vanish(self.bucket(bucket), found)
            else:
                self._retire(self.bucket(bucket), found)

    def _retire(self, bucket: Bucket, live: ObjectVersion) -> None:
        if bucket.versioned:
            self._swap(live, replace(live, time_deleted=self.clock.now()))
        else:
            self._vanish(bucket, live)

    def _vanish(self, bucket: Bucket, version: ObjectVersion) -> None:
        self._swap(version, None)
        self.soft_deleted.keep(bucket, version, self.clock.now())

    def _swap(self, old: ObjectVersion, new: ObjectVersion | None) -> None:
        """Put another record in a version's place, or none."""
        objects = self._versions[old.bucket]
        kept = [new if version is old else version for version in objects[old.name]]
        objects[old.name] = [version for version in kept if version is not None]
        if not objects[old.name]:
            del objects[old.name]


def _retains(bucket: Bucket) -> bool:
    """Single objects may have a retention of their own."""
    return bool((bucket.settings.get("objectRetention") or {}).get("mode") == "Enabled")


def _defaults(bucket: Bucket) -> dict[str, Any]:
    """What an object takes from its bucket where its writer says nothing."""
    found: dict[str, Any] = {"storageClass": bucket.settings.get("storageClass", "STANDARD")}
    if bucket.settings.get("defaultEventBasedHold"):
        found["eventBasedHold"] = True
    key = (bucket.settings.get("encryption") or {}).get("defaultKmsKeyName")
    return {**found, "kmsKeyName": f"{key}/cryptoKeyVersions/1"} if key else found
