"""The JSON API's methods of objects that neither carry their bytes nor make one object of others."""

from __future__ import annotations

from typing import Any

from llm_convert.testing.emulators.gcs.acls import predefined
from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.errors import no_object, required
from llm_convert.testing.emulators.gcs.fields import selected
from llm_convert.testing.emulators.gcs.keys import key_in
from llm_convert.testing.emulators.gcs.listing import Query, page
from llm_convert.testing.emulators.gcs.records import ObjectVersion, timestamp
from llm_convert.testing.emulators.gcs.resources import object_resource
from llm_convert.testing.emulators.gcs.settings import check_custom_time, merged, object_settings, without_nulls
from llm_convert.testing.emulators.gcs.storage import Draft, Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call


def shown(version: ObjectVersion, call: Call) -> Answer:
    """An object's metadata as an answer."""
    resource = object_resource(version, call.base_url, full=call.text("projection") == "full")
    if "customerEncryption" in resource and key_in(call) is None:
        # Checksums of what is encrypted are for those who can read it.
        resource = {name: value for name, value in resource.items() if name not in {"md5Hash", "crc32c"}}
    return Answer.of_json(selected(resource, call.text("fields")), headers={"ETag": version.etag})


def get(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``GET /b/{bucket}/o/{object}`` without ``alt=media``."""
    storage.require("storage.objects.get")
    if call.flag("softDeleted"):
        return shown(soft_deleted(storage, call, bucket, name), call)
    return shown(storage.find(bucket, name, call.number("generation"), Conditions.of(call)), call)


def soft_deleted(storage: Storage, call: Call, bucket: str, name: str) -> ObjectVersion:
    """The deleted version that a request names by its generation. Raises RefusedError."""
    generation = call.number("generation")
    if generation is None:
        raise required("generation")
    storage.bucket(bucket)
    found = storage.soft_deleted.find(bucket, name, generation)
    if found is None:
        raise no_object(bucket, name)
    return found


def restore(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``POST /b/{bucket}/o/{object}/restore``: a deleted version's bytes and metadata as a new one."""
    storage.require("storage.objects.restore", "storage.objects.create")
    with storage.lock:
        found = soft_deleted(storage, call, bucket, name)
        draft = Draft(
            bucket=bucket,
            name=name,
            data=found.data,
            settings=found.settings,
            crc32c=found.crc32c,
            md5=found.md5,
            component_count=found.component_count,
        )
        return shown(storage.put(draft, Conditions.of(call)), call)


def list_objects(storage: Storage, call: Call, bucket: str) -> Answer:
    """``GET /b/{bucket}/o``."""
    storage.require("storage.objects.list")
    query = Query.of(call)
    if call.flag("softDeleted"):
        storage.bucket(bucket)
        found = page(storage.soft_deleted.of(bucket, query.prefix), query)
    else:
        found = page(storage.versions(bucket, query.prefix), query)
    answer: dict[str, Any] = {"kind": "storage#objects"}
    if found.next_token:
        answer["nextPageToken"] = found.next_token
    if found.prefixes:
        answer["prefixes"] = list(found.prefixes)
    if found.items:
        full = call.text("projection") == "full"
        answer["items"] = [object_resource(version, call.base_url, full=full) for version in found.items]
    return Answer.of_json(selected(answer, call.text("fields")))


def patch(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``PATCH /b/{bucket}/o/{object}``: what is not named stays."""
    wanted = {**object_settings(call.json()), **predefined(call)}
    return _changed(storage, call, (bucket, name), wanted, replaces=False)


def update(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``PUT /b/{bucket}/o/{object}``: what is not named is gone."""
    wanted = {**without_nulls(object_settings(call.json())), **predefined(call)}
    return _changed(storage, call, (bucket, name), wanted, replaces=True)


def delete(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``DELETE /b/{bucket}/o/{object}``."""
    storage.require("storage.objects.delete")
    storage.delete(bucket, name, call.number("generation"), Conditions.of(call))
    return Answer(status=204)


def _changed(storage: Storage, call: Call, place: tuple[str, str], wanted: dict[str, Any], *, replaces: bool) -> Answer:
    storage.require("storage.objects.update")
    bucket, name = place

    def change(version: ObjectVersion) -> dict[str, Any]:
        settings = dict(wanted) if replaces else merged(version.settings, wanted)
        # The class is changed by rewriting the object, never in place.
        settings["storageClass"] = version.settings["storageClass"]
        _stamp_contexts(version.settings, settings, timestamp(storage.clock.now()))
        check_custom_time(version.settings, settings)
        return settings

    changed = storage.change(
        bucket,
        name,
        call.number("generation"),
        Conditions.of(call),
        change,
        overrides_retention=call.flag("overrideUnlockedRetention"),
    )
    return shown(changed, call)


def _stamp_contexts(old: dict[str, Any] | Any, settings: dict[str, Any], moment: str) -> None:
    """Each context tells since when it is there and as it is."""
    before = (old.get("contexts") or {}).get("custom") or {}
    custom = (settings.get("contexts") or {}).get("custom") or {}
    stamped = {}
    for key, context in custom.items():
        held = before.get(key) or {}
        same = held.get("value") == context.get("value")
        times = {"createTime": held.get("createTime", moment), "updateTime": held["updateTime"] if same else moment}
        stamped[key] = {"value": context.get("value"), **times}
    if stamped:
        settings["contexts"] = {"custom": stamped}
