"""The XML API's basic methods of objects: read, write, copy and delete."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from llm_convert.testing.emulators.gcs.acls import predefined
from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.copies import copied
from llm_convert.testing.emulators.gcs.downloads import media
from llm_convert.testing.emulators.gcs.errors import invalid
from llm_convert.testing.emulators.gcs.keys import SOURCE, check_key, encryption
from llm_convert.testing.emulators.gcs.records import ObjectVersion, timestamp
from llm_convert.testing.emulators.gcs.settings import object_settings
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.uploads import draft_of
from llm_convert.testing.emulators.gcs.wire import Answer, Call, whole
from llm_convert.testing.emulators.gcs.xml_text import element, entity_tag

_META = "x-goog-meta-"
_SETTINGS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "x-goog-custom-time": "customTime",
    "x-goog-storage-class": "storageClass",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """A version as the XML API's conditions see it: with the entity tag of its bytes."""

    generation: int
    metageneration: int
    etag: str


def get(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``GET`` and ``HEAD``."""
    storage.require("storage.objects.get")
    version = storage.find(bucket, name, call.number("generation"))
    tag = entity_tag(version)
    view = _View(generation=version.generation, metageneration=version.metageneration, etag=tag.strip('"'))
    Conditions.of_headers(call.headers).check(view)
    answer = media(version, call)
    own = {f"{_META}{key}": value.encode().decode("latin-1") for key, value in version.metadata.items()}
    return replace(answer, headers={**answer.headers, **own, "ETag": tag})


def put(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``PUT``: the body's bytes, or those of another object."""
    storage.require("storage.objects.create")
    settings = settings_of(call)
    conditions = _writing(call)
    source = call.headers.get("x-goog-copy-source") or call.headers.get("x-amz-copy-source")
    if source is not None:
        return _copy(storage, call, source, (bucket, name))
    draft = draft_of(bucket, name, call.body, settings, call.headers)
    return written(storage.put(draft, conditions))


def delete(storage: Storage, call: Call, bucket: str, name: str) -> Answer:
    """``DELETE``."""
    storage.require("storage.objects.delete")
    storage.delete(bucket, name, call.number("generation"), _writing(call))
    return Answer(status=204)


def settings_of(call: Call) -> dict[str, Any]:
    """An object's settings from a request's headers. Raises RefusedError."""
    found: dict[str, Any] = {
        setting: call.headers[header] for header, setting in _SETTINGS.items() if call.headers.get(header)
    }
    found.setdefault("contentType", "application/octet-stream")
    own = {
        # Headers arrive as Latin-1; what was sent is UTF-8.
        name.removeprefix(_META): value.encode("latin-1", "replace").decode("utf-8", "replace")
        for name, value in call.headers.items()
        if name.startswith(_META)
    }
    settings = object_settings({**found, "metadata": own} if own else found)
    lists = {"acl": _acl(call)} if call.headers.get("x-goog-acl") else {}
    return {**settings, **encryption(call), **lists}


def _acl(call: Call) -> list[dict[str, str]]:
    words = call.headers["x-goog-acl"].split("-")
    name = words[0] + "".join(word.title() for word in words[1:])
    return list(predefined(replace(call, query={"predefinedAcl": [name]}))["acl"])


def written(version: ObjectVersion) -> Answer:
    """What a write tells of the version it made."""
    hashes = f"crc32c={version.crc32c}" + (f",md5={version.md5}" if version.md5 else "")
    return Answer(
        headers={
            "ETag": entity_tag(version),
            "X-Goog-Generation": str(version.generation),
            "X-Goog-Metageneration": str(version.metageneration),
            "X-Goog-Hash": hashes,
            "X-Goog-Stored-Content-Length": str(len(version.data)),
        }
    )


def _writing(call: Call) -> Conditions:
    """Writes know generations alone."""
    return replace(Conditions.of_headers(call.headers), etag_match=(), etag_not_match=())


def _copy(storage: Storage, call: Call, source: str, target: tuple[str, str]) -> Answer:
    storage.require("storage.objects.get")
    bucket, _, name = unquote(source.partition("?")[0]).removeprefix("/").partition("/")
    if not name:
        raise invalid(f"Invalid x-goog-copy-source: {source!r}; expected BUCKET/OBJECT.")
    said = call.headers.get("x-goog-copy-source-generation")
    generation = None if said is None else whole(said, "x-goog-copy-source-generation")
    expected = replace(
        Conditions.of_headers(call.headers, prefix="x-goog-copy-source-if-"), etag_match=(), etag_not_match=()
    )
    replaces = call.headers.get("x-goog-metadata-directive", "COPY").upper() == "REPLACE"
    with storage.lock:
        found = storage.find(bucket, name, generation, expected)
        check_key(found, call, SOURCE)
        draft = copied(found, target, encryption(call))
        if replaces:
            draft = replace(draft, settings=settings_of(call))
        version = storage.put(draft, _writing(call))
    parts = element("LastModified", timestamp(version.time_updated)) + element("ETag", entity_tag(version))
    return Answer.of_xml(f"<CopyObjectResult>{parts}</CopyObjectResult>")
