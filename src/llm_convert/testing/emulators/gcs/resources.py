"""Buckets and objects as the JSON API shows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion, timestamp

PROJECT_NUMBER = "123456789012"
_MULTI_REGIONS = {"US", "EU", "ASIA"}
_DUAL_REGIONS = {"NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"}


def bucket_resource(bucket: Bucket, base_url: str) -> dict[str, Any]:
    """The ``storage#bucket`` of a bucket."""
    settings = bucket.settings
    location = settings.get("location", "US")
    uniform = ((settings.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}).get("enabled", False)
    return {
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
        "locationType": _location_type(location),
        "iamConfiguration": {
            "publicAccessPrevention": "inherited",
            **(settings.get("iamConfiguration") or {}),
            "bucketPolicyOnly": {"enabled": uniform},
            "uniformBucketLevelAccess": {"enabled": uniform},
        },
    }


def object_resource(version: ObjectVersion, base_url: str) -> dict[str, Any]:
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
        **version.settings,
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
    return resource


def _location_type(location: str) -> str:
    if location in _MULTI_REGIONS:
        return "multi-region"
    return "dual-region" if location in _DUAL_REGIONS else "region"
