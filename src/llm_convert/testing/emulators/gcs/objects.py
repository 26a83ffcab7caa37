"""The JSON API's methods of objects that neither carry their bytes nor make one object of others."""

from __future__ import annotations

from typing import Any

from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.fields import selected
from llm_convert.testing.emulators.gcs.listing import Query, page
from llm_convert.testing.emulators.gcs.records import ObjectVersion
from llm_convert.testing.emulators.gcs.resources import object_resource
from llm_convert.testing.emulators.gcs.settings import check_custom_time, merged, object_settings, without_nulls
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call


def shown(version: ObjectVersion, call: Call) -> Answer:
    """An object's metadata as an answer."""
    resource = object_resource(version, call.base_url)
    return Answer.of_json(selected(resource, call.text("fields")), headers={"ETag": version.etag})


def get(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``GET /b/{bucket}/o/{object}`` without ``alt=media``."""
    storage.require("storage.objects.get")
    return shown(storage.find(bucket, name, call.number("generation"), Conditions.of(call)), call)


def list_objects(storage: Storage, call: Call, bucket: str) -> Answer:
    """``GET /b/{bucket}/o``."""
    storage.require("storage.objects.list")
    query = Query.of(call)
    found = page(storage.versions(bucket, query.prefix), query)
    answer: dict[str, Any] = {"kind": "storage#objects"}
    if found.next_token:
        answer["nextPageToken"] = found.next_token
    if found.prefixes:
        answer["prefixes"] = list(found.prefixes)
    if found.items:
        answer["items"] = [object_resource(version, call.base_url) for version in found.items]
    return Answer.of_json(selected(answer, call.text("fields")))


def patch(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``PATCH /b/{bucket}/o/{object}``: what is not named stays."""
    wanted = object_settings(call.json())
    return _changed(storage, call, (bucket, name), wanted, replaces=False)


def update(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``PUT /b/{bucket}/o/{object}``: what is not named is gone."""
    wanted = without_nulls(object_settings(call.json()))
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
        check_custom_time(version.settings, settings)
        return settings

    changed = storage.change(bucket, name, call.number("generation"), Conditions.of(call), change)
    return shown(changed, call)
