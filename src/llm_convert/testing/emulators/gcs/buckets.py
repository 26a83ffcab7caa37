"""The JSON API's methods of buckets, their IAM policies included."""

from __future__ import annotations

import base64
from typing import Any

from llm_convert.testing.emulators.gcs.acls import predefined
from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid, required
from llm_convert.testing.emulators.gcs.fields import selected
from llm_convert.testing.emulators.gcs.listing import MAX_PAGE
from llm_convert.testing.emulators.gcs.records import Bucket
from llm_convert.testing.emulators.gcs.resources import bucket_resource
from llm_convert.testing.emulators.gcs.settings import bucket_settings, merged, without_nulls
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call

_FOR_GOOD = ("location", "objectRetention", "hierarchicalNamespace", "customPlacementConfig")
"""Chosen when a bucket is made, and not changed any more."""


def insert(storage: Storage, call: Call) -> Answer:
    """``POST /b``."""
    storage.require("storage.buckets.create")
    if not call.text("project"):
        raise required("project")
    body = call.json()
    settings = {"location": "US", "storageClass": "STANDARD", **without_nulls(bucket_settings(body))}
    settings |= predefined(call)
    if call.flag("enableObjectRetention"):
        settings["objectRetention"] = {"mode": "Enabled"}
    return _shown(storage.create_bucket(str(body.get("name") or ""), settings), call)


def get(storage: Storage, call: Call, name: str) -> Answer:
    """``GET /b/{bucket}``."""
    storage.require("storage.buckets.get")
    bucket = storage.bucket(name)
    Conditions.of(call).check(bucket)
    return _shown(bucket, call)


def list_buckets(storage: Storage, call: Call) -> Answer:
    """``GET /b``."""
    storage.require("storage.buckets.list")
    if not call.text("project"):
        raise required("project")
    prefix, after = call.text("prefix"), call.text("pageToken")
    # Deleted buckets are not kept here.
    there = [] if call.flag("softDeleted") else storage.buckets()
    found = [bucket for bucket in there if bucket.name.startswith(prefix) and bucket.name > after]
    limit = min(call.number("maxResults") or MAX_PAGE, MAX_PAGE)
    answer: dict[str, Any] = {"kind": "storage#buckets"}
    if found:
        answer["items"] = [bucket_resource(bucket, call.base_url) for bucket in found[:limit]]
    if len(found) > limit:
        answer["nextPageToken"] = found[limit - 1].name
    return Answer.of_json(selected(answer, call.text("fields")))


def patch(storage: Storage, call: Call, name: str) -> Answer:
    """``PATCH /b/{bucket}``: what is not named stays."""
    storage.require("storage.buckets.update")
    wanted = {**bucket_settings(call.json()), **predefined(call)}

    def change(bucket: Bucket) -> dict[str, Any]:
        _check_location(bucket, wanted)
        return merged(bucket.settings, wanted)

    return _shown(storage.change_bucket(name, Conditions.of(call), change), call)


def update(storage: Storage, call: Call, name: str) -> Answer:
    """``PUT /b/{bucket}``: what is not named is gone."""
    storage.require("storage.buckets.update")
    wanted = without_nulls(bucket_settings(call.json()))

    def change(bucket: Bucket) -> dict[str, Any]:
        _check_location(bucket, wanted)
        kept = {name: bucket.settings[name] for name in _FOR_GOOD if name in bucket.settings}
        return {"storageClass": "STANDARD", **wanted, **kept}

    return _shown(storage.change_bucket(name, Conditions.of(call), change), call)


def delete(storage: Storage, call: Call, name: str) -> Answer:
    """``DELETE /b/{bucket}``."""
    storage.require("storage.buckets.delete")
    storage.delete_bucket(name, Conditions.of(call))
    return Answer(status=204)


def lock_retention(storage: Storage, call: Call, name: str) -> Answer:
    """``POST /b/{bucket}/lockRetentionPolicy``."""
    storage.require("storage.buckets.update")
    if call.number("ifMetagenerationMatch") is None:
        raise required("ifMetagenerationMatch")

    def change(bucket: Bucket) -> dict[str, Any]:
        policy = bucket.settings.get("retentionPolicy")
        if not policy:
            raise invalid("Bucket does not have a retention policy to lock.")
        return {**bucket.settings, "retentionPolicy": {**policy, "isLocked": True}}

    return _shown(storage.change_bucket(name, Conditions.of(call), change), call)


def layout(storage: Storage, call: Call, name: str) -> Answer:
    """``GET /b/{bucket}/storageLayout``."""
    storage.require("storage.objects.list")
    resource = bucket_resource(storage.bucket(name), call.base_url)
    hierarchical = resource.get("hierarchicalNamespace") or {"enabled": False}
    shown = {key: resource[key] for key in ("location", "locationType")}
    return Answer.of_json(
        {"kind": "storage#storageLayout", "bucket": name, **shown, "hierarchicalNamespace": hierarchical}
    )


def get_policy(storage: Storage, call: Call, name: str) -> Answer:
    """``GET /b/{bucket}/iam``."""
    storage.require("storage.buckets.getIamPolicy")
    return Answer.of_json(selected(_policy(storage.bucket(name)), call.text("fields")))


def set_policy(storage: Storage, call: Call, name: str) -> Answer:
    """``PUT /b/{bucket}/iam``."""
    storage.require("storage.buckets.setIamPolicy")
    body = call.json()
    with storage.lock:
        expected = _policy_etag(storage.bucket(name))
        if body.get("etag") not in {None, "", expected}:
            said = "The policy was changed by somebody else since it was read: its etag differs."
            raise RefusedError(412, "conditionNotMet", said)
        wanted = {key: value for key, value in body.items() if key in {"bindings", "version"}}
        return Answer.of_json(_policy(storage.set_policy(name, wanted)))


def test_permissions(storage: Storage, call: Call, name: str) -> Answer:
    """``GET /b/{bucket}/iam/testPermissions``: those of the asked ones that the caller has."""
    asked = call.query.get("permissions", [])
    if not asked:
        raise required("permissions")
    unknown = [permission for permission in asked if not permission.startswith("storage.")]
    if unknown:
        raise invalid(f"The permission '{unknown[0]}' is not valid for this resource.", "permissions")
    storage.bucket(name)
    held = [permission for permission in asked if storage.holds(permission)]
    answer: dict[str, Any] = {"kind": "storage#testIamPermissionsResponse"}
    return Answer.of_json({**answer, "permissions": held} if held else answer)


def _shown(bucket: Bucket, call: Call) -> Answer:
    resource = bucket_resource(bucket, call.base_url, full=call.text("projection") == "full")
    return Answer.of_json(selected(resource, call.text("fields")), headers={"ETag": bucket.etag})


def _check_location(bucket: Bucket, wanted: dict[str, Any]) -> None:
    location = wanted.get("location")
    if location is not None and location != bucket.settings["location"]:
        raise invalid("A bucket's location cannot be changed.", "location")


def _policy(bucket: Bucket) -> dict[str, Any]:
    return {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{bucket.name}",
        "version": 1,
        "bindings": [],
        **bucket.policy,
        "etag": _policy_etag(bucket),
    }


def _policy_etag(bucket: Bucket) -> str:
    return base64.b64encode(b"\x08" + bucket.policy_revision.to_bytes(4, "big").lstrip(b"\0")).decode()
