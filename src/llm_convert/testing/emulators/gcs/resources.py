"""Buckets and objects as the JSON API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion, timestamp

PROJECT_NUMBER = "123456789012"
OWNER = f"user-service-{PROJECT_NUMBER}@example.iam.gserviceaccount.com"
_LISTS = {"acl": "bucketAccessControl", "defaultObjectAcl": "objectAccessControl"}
_PATHS = {"bucketAccessControl": "acl", "objectAccessControl": "defaultObjectAcl"}
_TEAMS = (("owners", "OWNER"), ("editors", "OWNER"), ("viewers", "READER"))
_MULTI_REGIONS = {"US", "EU", "ASIA"}
_DUAL_REGIONS = {"NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"}


def bucket_resource(bucket: Bucket, base_url: str, *, full: bool = False) -> dict[str, Any]:
    """The ``storage#bucket`` of a bucket."""
    settings = {name: value for name, value in bucket.settings.items() if name not in _LISTS}
    location = settings.get("location", "US")
    uniform = (settings.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {"enabled": False}
    dual = bool(settings.get("customPlacementConfig"))
    kind = "dual-region" if dual else _location_type(location)
    resource = {
        "kind": "storage#bucket",
        "selfLink": f"{base_url}/storage/v1/b/{bucket.name}",
        "id": bucket.name,
        "name": bucket.name,
        "projectNumber": PROJECT_NUMBER,
        "generation": str(bucket.generation),
        "metageneration": str(bucket.metageneration),
        "etag": bucket.etag,
        "timeCreated": timestamp(bucket.time_created),
        "updated": timestamp(bucket.time_updated),
        "storageClass": "STANDARD",
        **settings,
        "location": location,
        "locationType": kind,
        "iamConfiguration": {
            "publicAccessPrevention": "inherited",
            **(settings.get("iamConfiguration") or {}),
            "bucketPolicyOnly": uniform,
            "uniformBucketLevelAccess": uniform,
        },
    }
    if kind != "region":
        resource.setdefault("rpo", "DEFAULT")
    if full and not bucket.uniform_access:
        resource["owner"] = {"entity": f"project-owners-{PROJECT_NUMBER}"}
        for name, shape in _LISTS.items():
            resource[name] = acl_entries(bucket, acl_of(bucket.settings, name), shape, base_url)
    return resource


def object_resource(version: ObjectVersion, base_url: str, *, full: bool = False) -> dict[str, Any]:
    """The ``storage#object`` of one generation. 64-bit numbers are strings there."""
    path = f"b/{version.bucket}/o/{quote(version.name, safe='')}"
    created = timestamp(version.time_created)
    resource: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{version.bucket}/{version.name}/{version.generation}",
        "selfLink": f"{base_url}/storage/v1/{path}",
        "mediaLink": f"{base_url}/download/storage/v1/{path}?generation={version.generation}&alt=media",
        "name": version.name,
        "bucket": version.bucket,
        "generation": str(version.generation),
        "metageneration": str(version.metageneration),
        **{name: value for name, value in version.settings.items() if name not in _LISTS},
        "size": str(len(version.data)),
        "crc32c": version.crc32c,
        "etag": version.etag,
        "timeCreated": created,
        "updated": timestamp(version.time_updated),
        "timeStorageClassUpdated": created,
        "timeFinalized": created,
    }
    if version.md5 is not None:
        resource["md5Hash"] = version.md5
    if version.component_count is not None:
        resource["componentCount"] = version.component_count
    if version.time_deleted is not None:
        resource["timeDeleted"] = timestamp(version.time_deleted)
    if version.retained_until is not None:
        resource["retentionExpirationTime"] = timestamp(version.retained_until)
    if version.time_soft_deleted is not None:
        resource["softDeleteTime"] = timestamp(version.time_soft_deleted)
        gone = version.time_soft_deleted + timedelta(seconds=version.soft_delete_seconds)
        resource["hardDeleteTime"] = timestamp(gone)
    if full:
        resource["owner"] = {"entity": OWNER}
        resource["acl"] = acl_entries(version, acl_of(version.settings, "acl"), "objectAccessControl", base_url)
    return resource


def acl_of(settings: Mapping[str, Any], name: str) -> list[dict[str, str]]:
    """A resource's list of entities and roles; the project's own where none was set."""
    kept = settings.get(name)
    if kept is not None:
        return list(kept)
    return [{"entity": f"project-{team}-{PROJECT_NUMBER}", "role": role} for team, role in _TEAMS]


def acl_entries(
    found: Bucket | ObjectVersion, entries: Sequence[Mapping[str, str]], kind: str, base_url: str
) -> list[dict[str, Any]]:
    """A list as the JSON API shows it."""
    return [acl_entry(found, entry, kind, base_url) for entry in entries]


def acl_entry(found: Bucket | ObjectVersion, entry: Mapping[str, str], kind: str, base_url: str) -> dict[str, Any]:
    """One entry of it; the kind is ``bucketAccessControl`` or ``objectAccessControl``."""
    entity = entry["entity"]
    of_object = isinstance(found, ObjectVersion)
    bucket = found.bucket if isinstance(found, ObjectVersion) else found.name
    path = f"{bucket}/{found.name}/{found.generation}" if of_object else bucket
    listed = f"o/{quote(found.name, safe='')}/acl" if of_object else _PATHS[kind]
    resource: dict[str, Any] = {
        "kind": f"storage#{kind}",
        "id": f"{path}/{entity}",
        "selfLink": f"{base_url}/storage/v1/b/{bucket}/{listed}/{quote(entity, safe='')}",
        "bucket": bucket,
        "entity": entity,
        "role": entry["role"],
        "etag": found.etag,
    }
    if of_object:
        resource |= {"object": found.name, "generation": str(found.generation)}
    sort, _, rest = entity.partition("-")
    if sort in {"user", "group"}:
        resource["email"] = rest
    elif sort == "domain":
        resource["domain"] = rest
    elif sort == "project":
        team, _, number = rest.partition("-")
        resource["projectTeam"] = {"team": team, "projectNumber": number}
    return resource


def _location_type(location: str) -> str:
    if location in _MULTI_REGIONS:
        return "multi-region"
    return "dual-region" if location in _DUAL_REGIONS else "region"
