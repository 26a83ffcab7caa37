"""The XML API's methods of buckets: create, delete, and the two ways to list objects."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from llm_convert.testing.emulators.gcs.conditions import NONE
from llm_convert.testing.emulators.gcs.errors import RefusedError, no_route
from llm_convert.testing.emulators.gcs.listing import MAX_PAGE, Page, Query, page
from llm_convert.testing.emulators.gcs.records import ObjectVersion, timestamp
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call
from llm_convert.testing.emulators.gcs.xml_text import element, entity_tag

_SUBRESOURCES = frozenset(
    {"acl", "billing", "cors", "compose", "defaultObjectAcl", "encryption", "iam", "lifecycle", "location", "logging"}
    | {"notification", "policy", "retention", "storageClass", "tagging", "uploads", "versioning", "versions", "website"}
)
_NAMESPACE = "http://doc.s3.amazonaws.com/2006-03-01"


def answer(storage: Storage, call: Call, bucket: str) -> Answer:
    """Any method of ``/BUCKET``. Raises RefusedError."""
    if asked := set(_SUBRESOURCES & call.query.keys()):
        return _part(storage, call, bucket, asked)
    match call.method:
        case "HEAD":
            storage.require("storage.buckets.get")
            storage.bucket(bucket)
            return Answer()
        case "GET":
            storage.require("storage.objects.list")
            return _list(storage, call, bucket)
        case "PUT":
            storage.require("storage.buckets.create")
            storage.create_bucket(bucket, {"location": "US", "storageClass": "STANDARD"})
            return Answer()
        case "DELETE":
            storage.require("storage.buckets.delete")
            storage.delete_bucket(bucket, NONE)
            return Answer(status=204)
        case _:
            raise no_route()


def _part(storage: Storage, call: Call, bucket: str, asked: set[str]) -> Answer:
    """What is asked of a bucket beside its objects."""
    settings = storage.bucket(bucket).settings
    if call.method == "GET" and asked == {"location"}:
        return Answer.of_xml(element("LocationConstraint", settings.get("location", "US")))
    if call.method == "GET" and asked == {"storageClass"}:
        return Answer.of_xml(element("StorageClass", settings.get("storageClass", "STANDARD")))
    if call.method == "GET" and asked == {"versioning"}:
        status = "Enabled" if storage.bucket(bucket).versioned else "Suspended"
        return Answer.of_xml(f"<VersioningConfiguration>{element('Status', status)}</VersioningConfiguration>")
    said = f"This emulator does not implement {call.method} of {', '.join(sorted(asked))} in the XML API."
    raise RefusedError(501, "notImplemented", said)


def buckets(storage: Storage) -> Answer:
    """``GET /``: all buckets."""
    storage.require("storage.buckets.list")
    made = [(bucket.name, timestamp(bucket.time_created)) for bucket in storage.buckets()]
    found = "".join(f"<Bucket>{element('Name', name)}{element('CreationDate', at)}</Bucket>" for name, at in made)
    return Answer.of_xml(
        f"<ListAllMyBucketsResult xmlns='{_NAMESPACE}'><Buckets>{found}</Buckets></ListAllMyBucketsResult>"
    )


def _list(storage: Storage, call: Call, bucket: str) -> Answer:
    second = call.text("list-type") == "2"
    after = call.text("start-after" if second else "marker")
    limit = call.number("max-keys")
    query = Query(
        prefix=call.text("prefix"),
        delimiter=call.text("delimiter"),
        limit=min(MAX_PAGE if limit is None else limit, MAX_PAGE),
        after=call.text("continuation-token") if second else "",
    )
    versions = [version for version in storage.versions(bucket, query.prefix) if version.name.encode() > after.encode()]
    if after and query.delimiter:
        # A marker that is a common prefix stands for all that lies beneath it.
        versions = [v for v in versions if not (after.endswith(query.delimiter) and v.name.startswith(after))]
    found = page(versions, query) if query.limit else Page(items=(), prefixes=(), next_token="")
    shown = _encoded(call)
    head = [element("Name", bucket), element("Prefix", shown(query.prefix))]
    head += _paging(found, call, second=second)
    items = [_contents(version, shown(version.name)) for version in found.items]
    folders = [f"<CommonPrefixes>{element('Prefix', shown(name))}</CommonPrefixes>" for name in found.prefixes]
    text = "".join([*head, *items, *folders])
    return Answer.of_xml(f"<ListBucketResult xmlns='{_NAMESPACE}'>{text}</ListBucketResult>")


def _paging(found: Page, call: Call, *, second: bool) -> list[str]:
    parts = [element("IsTruncated", "true" if found.next_token else "false")]
    if second:
        parts.append(element("KeyCount", len(found.items) + len(found.prefixes)))
        if found.next_token:
            parts.append(element("NextContinuationToken", found.next_token))
        return parts
    parts.append(element("Marker", call.text("marker")))
    if found.next_token:
        last = max([version.name for version in found.items] + list(found.prefixes), key=str.encode)
        parts.append(element("NextMarker", _encoded(call)(last)))
    return parts


def _contents(version: ObjectVersion, key: str) -> str:
    parts = {
        "Key": key,
        "Generation": version.generation,
        "MetaGeneration": version.metageneration,
        "LastModified": timestamp(version.time_updated),
        "ETag": entity_tag(version),
        "Size": len(version.data),
        "StorageClass": version.settings["storageClass"],
    }
    return f"<Contents>{''.join(element(name, value) for name, value in parts.items())}</Contents>"


def _encoded(call: Call) -> Callable[[str], str]:
    return quote if call.text("encoding-type") == "url" else str
