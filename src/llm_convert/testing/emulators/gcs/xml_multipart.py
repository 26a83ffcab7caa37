"""The XML API's multipart uploads: numbered parts, sent in any order and at once, then joined."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree

from llm_convert.testing.emulators.gcs.conditions import NONE
from llm_convert.testing.emulators.gcs.digests import crc32c_of
from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid, no_route
from llm_convert.testing.emulators.gcs.names import check_object_name
from llm_convert.testing.emulators.gcs.records import ObjectVersion
from llm_convert.testing.emulators.gcs.storage import Draft, Storage
from llm_convert.testing.emulators.gcs.uploads import draft_of
from llm_convert.testing.emulators.gcs.wire import Answer, Call
from llm_convert.testing.emulators.gcs.xml_objects import settings_of
from llm_convert.testing.emulators.gcs.xml_text import element, entity_tag

MIN_PART_BYTES = 5 * 1024 * 1024
"""Of every part but the last."""
MAX_PARTS = 10_000
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(slots=True, kw_only=True)
class _Upload:
    bucket: str
    name: str
    settings: dict[str, Any]
    parts: dict[int, Draft] = field(default_factory=dict)


class MultipartUploads:
    """Those that are open."""

    def __init__(self) -> None:
        self._open: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def concerns(self, call: Call) -> bool:
        """The request is about a multipart upload."""
        return "uploads" in call.query or "uploadId" in call.query

    def answer(self, storage: Storage, call: Call, bucket: str, name: str) -> Answer:
        """Any request about one. Raises RefusedError."""
        storage.require("storage.objects.create")
        if "uploads" in call.query and call.method == "POST":
            return self._start(storage, call, bucket, name)
        upload = self._find(call, bucket, name)
        match call.method:
            case "PUT":
                return self._take(call, upload)
            case "POST":
                return self._complete(storage, call, upload)
            case "GET":
                return self._parts(upload, call)
            case "DELETE":
                with self._lock:
                    self._open.pop(call.text("uploadId"), None)
                return Answer(status=204)
            case _:
                raise no_route()

    def _start(self, storage: Storage, call: Call, bucket: str, name: str) -> Answer:
        check_object_name(name)
        storage.bucket(bucket)
        upload_id = uuid.uuid4().hex
        with self._lock:
            self._open[upload_id] = _Upload(bucket=bucket, name=name, settings=settings_of(call))
        parts = element("Bucket", bucket) + element("Key", name) + element("UploadId", upload_id)
        return Answer.of_xml(
            f"<InitiateMultipartUploadResult xmlns='{_NAMESPACE}'>{parts}</InitiateMultipartUploadResult>"
        )

    def _parts(self, upload: _Upload, call: Call) -> Answer:
        """``GET``: what came so far."""
        with self._lock:
            held = [(number, _tag(part), len(part.data)) for number, part in sorted(upload.parts.items())]
        rows = [
            f"<Part>{element('PartNumber', number)}{element('ETag', tag)}{element('Size', size)}</Part>"
            for number, tag, size in held
        ]
        head = element("Bucket", upload.bucket) + element("Key", upload.name)
        head += element("UploadId", call.text("uploadId")) + element("IsTruncated", "false")
        return Answer.of_xml(f"<ListPartsResult xmlns='{_NAMESPACE}'>{head}{''.join(rows)}</ListPartsResult>")

    def _find(self, call: Call, bucket: str, name: str) -> _Upload:
        with self._lock:
            upload = self._open.get(call.text("uploadId"))
        if upload is None or (upload.bucket, upload.name) != (bucket, name):
            said = "The specified upload does not exist: it was completed, aborted or never was."
            raise RefusedError(404, "notFound", said, xml_code="NoSuchUpload")
        return upload

    def _take(self, call: Call, upload: _Upload) -> Answer:
        number = call.number("partNumber") or 0
        if not 0 < number <= MAX_PARTS:
            raise invalid(f"Invalid partNumber {number}; expected 1 to {MAX_PARTS}.")
        part = draft_of(upload.bucket, upload.name, call.body, {}, call.headers)
        with self._lock:
            upload.parts[number] = part
        return Answer(headers={"ETag": _tag(part), "X-Goog-Hash": f"crc32c={part.crc32c},md5={part.md5}"})

    def _complete(self, storage: Storage, call: Call, upload: _Upload) -> Answer:
        with self._lock:
            parts = [_wanted(upload, number, tag) for number, tag in _listed(call.body)]
        if any(len(part.data) < MIN_PART_BYTES for part in parts[:-1]):
            said = f"Every part but the last must have at least {MIN_PART_BYTES} bytes."
            raise RefusedError(400, "invalid", said, xml_code="EntityTooSmall")
        data = b"".join(part.data for part in parts)
        draft = Draft(
            bucket=upload.bucket,
            name=upload.name,
            data=data,
            settings=upload.settings,
            crc32c=crc32c_of(data),
            md5=None,
            component_count=len(parts),
        )
        version = storage.put(draft, NONE)
        with self._lock:
            self._open.pop(call.text("uploadId"), None)
        return _completed(version, call)


def _tag(part: Draft) -> str:
    return f'"{part.md5}"'


def _completed(version: ObjectVersion, call: Call) -> Answer:
    parts = [
        element("Location", f"{call.base_url}{call.path}"),
        element("Bucket", version.bucket),
        element("Key", version.name),
        element("ETag", entity_tag(version)),
    ]
    text = f"<CompleteMultipartUploadResult xmlns='{_NAMESPACE}'>{''.join(parts)}</CompleteMultipartUploadResult>"
    answer = Answer.of_xml(text)
    return replace(answer, headers={**answer.headers, "X-Goog-Generation": str(version.generation)})


def _listed(body: bytes) -> list[tuple[int, str]]:
    """Part numbers with their entity tags, which must come in ascending order."""
    try:
        # A body on this machine from a test's own client: no stranger's entities to fear.
        root = ElementTree.fromstring(body)  # noqa: S314
        found = [(int(part.findtext("{*}PartNumber") or ""), part.findtext("{*}ETag") or "") for part in root]
    except (ElementTree.ParseError, ValueError):
        raise RefusedError(400, "invalid", "The XML you provided is malformed.", xml_code="MalformedXML") from None
    numbers = [number for number, _ in found]
    if not numbers or numbers != sorted(set(numbers)):
        raise RefusedError(400, "invalid", "The list of parts is not ascending.", xml_code="InvalidPartOrder")
    return found


def _wanted(upload: _Upload, number: int, tag: str) -> Draft:
    part = upload.parts.get(number)
    if part is None or tag.strip('"') != part.md5:
        said = f"Part {number} was not uploaded, or its entity tag differs."
        raise RefusedError(400, "invalid", said, xml_code="InvalidPart")
    return part
