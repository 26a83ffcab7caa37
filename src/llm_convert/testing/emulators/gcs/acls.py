"""Access control lists of buckets and objects: kept and shown, and not acted upon: who may do what is a dial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llm_convert.testing.emulators.gcs.conditions import NONE, Conditions
from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid, required
from llm_convert.testing.emulators.gcs.records import Bucket, ObjectVersion
from llm_convert.testing.emulators.gcs.resources import acl_entries, acl_entry, acl_of
from llm_convert.testing.emulators.gcs.settings import check_acl
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call

PREDEFINED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "authenticatedRead": (("allAuthenticatedUsers", "READER"),),
    "bucketOwnerFullControl": (),
    "bucketOwnerRead": (),
    "private": (),
    "projectPrivate": (),
    "publicRead": (("allUsers", "READER"),),
    "publicReadWrite": (("allUsers", "WRITER"),),
}
"""What each predefined list adds to its resource's default one."""
_LISTS = {"acl": "bucketAccessControl", "defaultObjectAcl": "objectAccessControl"}


def predefined(call: Call, parameter: str = "predefinedAcl") -> dict[str, Any]:
    """The settings that a request's choice of a predefined list stands for. Raises RefusedError: no such list."""
    chosen = call.text(parameter)
    if not chosen:
        return {}
    if chosen not in PREDEFINED:
        raise invalid(f"Invalid value for {parameter}: {chosen!r}.", parameter)
    added = [{"entity": entity, "role": role} for entity, role in PREDEFINED[chosen]]
    return {"acl": [*acl_of({}, "acl"), *added]}


def answer(storage: Storage, call: Call, bucket: str, within: Sequence[str]) -> Answer:
    """Any request about a list: ``acl``, ``defaultObjectAcl`` or ``o/{object}/acl``, each with an entity or none.

    Raises:
        RefusedError: 400 under uniform bucket-level access; 404.
    """
    match within:
        case [("acl" | "defaultObjectAcl") as name, *entity]:
            found: Bucket | ObjectVersion = storage.bucket(bucket)
        case ["o", name_of_object, "acl" as name, *entity]:
            found = storage.find(bucket, name_of_object, call.number("generation"), Conditions.of(call))
        case _:
            raise AssertionError("the router sends lists alone")
    storage.check_lists_allowed(bucket)
    entries = acl_of(found.settings, name)
    changed, shown = _changed(call, entries, entity[0] if entity else "")
    if changed is not None:
        _keep(storage, found, name, changed)
    if shown is None:
        return Answer(status=204)
    kind = "objectAccessControl" if isinstance(found, ObjectVersion) else _LISTS[name]
    if isinstance(shown, list):
        return Answer.of_json({"kind": f"storage#{kind}s", "items": acl_entries(found, shown, kind, call.base_url)})
    return Answer.of_json(acl_entry(found, shown, kind, call.base_url))


Entry = dict[str, str]


def _changed(call: Call, entries: list[Entry], entity: str) -> tuple[list[Entry] | None, Entry | list[Entry] | None]:
    """The list after a request, if it changes it; and what is shown, if anything is."""
    body = {name: value for name, value in call.json().items() if name in {"entity", "role"}}
    if not entity and call.method == "GET":
        return None, entries
    if not entity and call.method == "POST":
        if "entity" not in body or "role" not in body:
            raise required("entity" if "entity" not in body else "role")
        check_acl([body])
        return [*(entry for entry in entries if entry["entity"] != body["entity"]), body], body
    held = next((entry for entry in entries if entry["entity"] == entity), None)
    if call.method in {"PUT", "PATCH"} and entity:
        new = {**(held or {}), **body, "entity": entity}
        check_acl([new])
        return [*(entry for entry in entries if entry["entity"] != entity), new], new
    if held is None:
        raise RefusedError(404, "notFound", "The specified ACL entry does not exist.")
    if call.method == "DELETE":
        return [entry for entry in entries if entry is not held], None
    return None, held


def _keep(storage: Storage, found: Bucket | ObjectVersion, name: str, entries: list[Entry]) -> None:
    if isinstance(found, Bucket):
        storage.change_bucket(found.name, NONE, lambda bucket: {**bucket.settings, name: entries})
        return
    storage.change(
        found.bucket, found.name, found.generation, NONE, lambda version: {**version.settings, name: entries}
    )
