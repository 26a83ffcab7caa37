"""The JSON API's methods that make objects of objects: copy, rewrite, compose and move."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, replace
from typing import Any

from llm_convert.testing.emulators.gcs.acls import predefined
from llm_convert.testing.emulators.gcs.conditions import NONE, Conditions
from llm_convert.testing.emulators.gcs.digests import crc32c_of
from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid, required
from llm_convert.testing.emulators.gcs.fields import selected
from llm_convert.testing.emulators.gcs.keys import SOURCE, check_key, encryption
from llm_convert.testing.emulators.gcs.objects import shown
from llm_convert.testing.emulators.gcs.records import ObjectVersion
from llm_convert.testing.emulators.gcs.resources import object_resource
from llm_convert.testing.emulators.gcs.settings import merged, object_settings, without_nulls
from llm_convert.testing.emulators.gcs.storage import Draft, Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call, whole

MAX_COMPONENTS = 32
_MEBIBYTE = 1 << 20

Place = tuple[str, str]
"""A bucket and a name."""


def copied(version: ObjectVersion, place: Place, changes: dict[str, Any]) -> Draft:
    """The same bytes elsewhere, with the source's metadata as far as the request does not give other."""
    bucket, name = place
    return Draft(
        bucket=bucket,
        name=name,
        data=version.data,
        settings=merged(_inherited(version), changes),
        crc32c=version.crc32c,
        md5=version.md5,
        component_count=version.component_count,
    )


def copy(storage: Storage, call: Call, source: Place, target: Place) -> Answer:
    """``POST .../copyTo/b/{bucket}/o/{object}``."""
    storage.require("storage.objects.get", "storage.objects.create")
    changes, conditions = {**object_settings(call.json()), **_parameters(call)}, Conditions.of(call)
    with storage.lock:
        found = _source_of(storage, call, source)
        return shown(storage.put(copied(found, target, changes), conditions), call)


def move(storage: Storage, call: Call, source: Place, target: Place) -> Answer:
    """``POST .../moveTo/o/{object}``: one step, within one bucket."""
    storage.require("storage.objects.get", "storage.objects.create", "storage.objects.delete")
    conditions = Conditions.of(call)
    if source == target:
        raise invalid("The source and destination objects must be different.")
    with storage.lock:
        found = _source_of(storage, call, source)
        moved = storage.put(copied(found, target, {}), conditions)
        storage.delete(*source, None, NONE)
        return shown(moved, call)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rewrite:
    """A rewrite that takes several calls."""

    source: Place
    target: Place
    generation: int
    done_bytes: int


class Rewrites:
    """The rewrites that are under way."""

    def __init__(self) -> None:
        self._open: dict[str, _Rewrite] = {}
        self._lock = threading.Lock()

    def rewrite(self, storage: Storage, call: Call, source: Place, target: Place) -> Answer:
        """``POST .../rewriteTo/b/{bucket}/o/{object}``: as many bytes as one call may move."""
        storage.require("storage.objects.get", "storage.objects.create")
        changes, conditions = {**object_settings(call.json()), **_parameters(call)}, Conditions.of(call)
        with storage.lock:
            before = self._resumed(call, source, target)
            found = storage.find(*source, before.generation) if before else _source_of(storage, call, source)
            state = before or _Rewrite(source=source, target=target, generation=found.generation, done_bytes=0)
            size = len(found.data)
            state = replace(state, done_bytes=min(size, state.done_bytes + _step(call, size)))
            if state.done_bytes < size:
                return self._again(call, state, size)
            written = storage.put(copied(found, target, changes), conditions)
        answer = {**_progress(size, size, done=True), "resource": object_resource(written, call.base_url)}
        self._forget(call.text("rewriteToken"))
        return Answer.of_json(selected(answer, call.text("fields")))

    def _resumed(self, call: Call, source: Place, target: Place) -> _Rewrite | None:
        token = call.text("rewriteToken")
        if not token:
            return None
        with self._lock:
            state = self._open.get(token)
        if state is None or (state.source, state.target) != (source, target):
            raise invalid("Invalid rewrite token", "rewriteToken")
        return state

    def _again(self, call: Call, state: _Rewrite, size: int) -> Answer:
        token = uuid.uuid4().hex
        with self._lock:
            self._open[token] = state
        answer = {**_progress(state.done_bytes, size, done=False), "rewriteToken": token}
        return Answer.of_json(selected(answer, call.text("fields")))

    def _forget(self, token: str) -> None:
        with self._lock:
            self._open.pop(token, None)


def compose(storage: Storage, call: Call, target: Place) -> Answer:
    """``POST /b/{bucket}/o/{object}/compose``: up to 32 objects of one bucket, one after the other."""
    storage.require("storage.objects.get", "storage.objects.create")
    body, conditions = call.json(), Conditions.of(call)
    sources = body.get("sourceObjects")
    if not isinstance(sources, list) or not sources:
        raise required("sourceObjects")
    if len(sources) > MAX_COMPONENTS:
        said = f"The number of source components provided ({len(sources)}) exceeds the maximum ({MAX_COMPONENTS})"
        raise RefusedError(400, "invalid", said)
    destination = body.get("destination")
    settings = without_nulls(object_settings(destination if isinstance(destination, dict) else {}))
    settings |= _parameters(call)
    with storage.lock:
        parts = [_component(storage, target[0], source) for source in sources]
        for part in parts:
            check_key(part, call)
        data = b"".join(part.data for part in parts)
        draft = Draft(
            bucket=target[0],
            name=target[1],
            data=data,
            settings=settings,
            crc32c=crc32c_of(data),
            md5=None,
            component_count=sum(part.component_count or 1 for part in parts),
        )
        composed = storage.put(draft, conditions)
        if call.flag("deleteSourceObjects"):
            _delete_components(storage, parts, composed)
    return shown(composed, call)


def _delete_components(storage: Storage, parts: list[ObjectVersion], composed: ObjectVersion) -> None:
    for name in {part.name for part in parts} - {composed.name}:
        storage.delete(composed.bucket, name, None, NONE)


def _component(storage: Storage, bucket: str, source: Any) -> ObjectVersion:
    if not isinstance(source, dict) or not isinstance(source.get("name"), str):
        raise required("sourceObjects.name")
    wanted = source.get("generation")
    expected = (source.get("objectPreconditions") or {}).get("ifGenerationMatch")
    conditions = Conditions(
        generation_match=None if expected is None else whole(str(expected), "ifGenerationMatch"),
    )
    generation = None if wanted is None else whole(str(wanted), "generation")
    return storage.find(bucket, source["name"], generation, conditions)


def _source_of(storage: Storage, call: Call, source: Place) -> ObjectVersion:
    found = storage.find(*source, call.number("sourceGeneration"), Conditions.of(call, prefix="ifSource"))
    check_key(found, call, SOURCE)
    return found


def _parameters(call: Call) -> dict[str, Any]:
    """What a request says of the object it makes beside its body. Raises RefusedError."""
    key = call.text("destinationKmsKeyName") or call.text("kmsKeyName")
    settings = {"kmsKeyName": f"{key}/cryptoKeyVersions/1"} if key else {}
    return {**predefined(call, "destinationPredefinedAcl"), **encryption(call), **settings}


def _inherited(version: ObjectVersion) -> dict[str, Any]:
    """A copy takes its bucket's class and is under no hold."""
    own = {"storageClass", "temporaryHold", "eventBasedHold", "retention", "acl", "kmsKeyName", "customerEncryption"}
    return {name: value for name, value in version.settings.items() if name not in own}


def _step(call: Call, size: int) -> int:
    asked = call.number("maxBytesRewrittenPerCall")
    if asked is None:
        return size
    if asked < _MEBIBYTE or asked % _MEBIBYTE:
        raise invalid("maxBytesRewrittenPerCall must be a multiple of 1 MiB.", "maxBytesRewrittenPerCall")
    return asked


def _progress(done_bytes: int, size: int, *, done: bool) -> dict[str, Any]:
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(done_bytes),
        "objectSize": str(size),
        "done": done,
    }
