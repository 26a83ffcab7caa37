"""Uploads in one request: the bare bytes, or metadata and bytes in two parts."""

from __future__ import annotations

import gzip
import re
import zlib
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any

from llm_convert.testing.emulators.gcs.acls import predefined
from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.errors import invalid, required
from llm_convert.testing.emulators.gcs.keys import encryption
from llm_convert.testing.emulators.gcs.names import check_object_name
from llm_convert.testing.emulators.gcs.objects import shown
from llm_convert.testing.emulators.gcs.settings import object_settings, without_nulls
from llm_convert.testing.emulators.gcs.storage import Draft, Storage
from llm_convert.testing.emulators.gcs.wire import Answer, Call, json_object

_HASH = re.compile(r"\s*(crc32c|md5)=([A-Za-z0-9+/=]+)\s*")


def media(storage: Storage, call: Call, bucket: str) -> Answer:
    """``uploadType=media``."""
    settings: dict[str, Any] = {"contentType": call.headers.get("content-type") or "application/octet-stream"}
    if call.text("contentEncoding"):
        settings["contentEncoding"] = call.text("contentEncoding")
    settings |= chosen(call)
    return _inserted(storage, call, draft_of(bucket, call.text("name"), _body(call), settings, call.headers))


def multipart(storage: Storage, call: Call, bucket: str) -> Answer:
    """``uploadType=multipart``: a JSON part and one with the bytes."""
    metadata, part_type, data = parts_of(_body(call), call.headers.get("content-type", ""))
    settings = without_nulls(object_settings(metadata))
    settings.setdefault("contentType", part_type or "application/octet-stream")
    settings |= chosen(call)
    draft = draft_of(bucket, name_of(call, metadata), data, settings, declared_in(metadata))
    return _inserted(storage, call, draft)


def chosen(call: Call) -> dict[str, Any]:
    """The settings that a request gives as parameters. Raises RefusedError."""
    key = call.text("kmsKeyName")
    return {**predefined(call), **encryption(call), **({"kmsKeyName": f"{key}/cryptoKeyVersions/1"} if key else {})}


def name_of(call: Call, metadata: dict[str, Any]) -> str:
    """The object's name, from the query or else from its metadata. Raises RefusedError."""
    name = call.text("name") or metadata.get("name") or ""
    if not isinstance(name, str):
        raise invalid("Invalid value for name: expected a string.", "name")
    check_object_name(name)
    return name


def declared_in(metadata: dict[str, Any]) -> dict[str, str]:
    """The checksums that an object resource declares, as the header that says the same."""
    said = {"crc32c": metadata.get("crc32c"), "md5": metadata.get("md5Hash")}
    return {"x-goog-hash": ",".join(f"{kind}={value}" for kind, value in said.items() if value)}


def draft_of(bucket: str, name: str, data: bytes, settings: dict[str, Any], headers: Any) -> Draft:
    """An object that is about to be written, held against the checksums that the caller declares.

    Raises:
        RefusedError: they differ, or the name is not allowed.
    """
    check_object_name(name)
    draft = Draft.of(bucket, name, data, settings)
    declared = [match.groups() for part in headers.get("x-goog-hash", "").split(",") if (match := _HASH.match(part))]
    if headers.get("content-md5"):
        declared.append(("md5", headers["content-md5"]))
    for kind, value in declared:
        label, actual = ("CRC32C", draft.crc32c) if kind == "crc32c" else ("MD5 hash", draft.md5)
        if value != actual:
            raise invalid(f'Provided {label} "{value}" doesn\'t match calculated {label} "{actual}".')
    return draft


def parts_of(body: bytes, content_type: str) -> tuple[dict[str, Any], str, bytes]:
    """Metadata, the type of the bytes, and the bytes of a ``multipart/related`` body.

    Raises:
        RefusedError: it isn't made of two such parts.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or not boundary:
        raise invalid("Missing multipart boundary, or the content type is not multipart/related.")
    # A delimiter owns the line end before it; line ends within the bytes are theirs.
    pieces = re.split(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(?=--|[ \t]*\r?\n)", body)
    if len(pieces) != 4 or not pieces[3].startswith(b"--"):
        raise invalid("Malformed multipart body.")
    (_, metadata), (part_type, data) = _part(pieces[1]), _part(pieces[2])
    return json_object(metadata), part_type, data


def _part(piece: bytes) -> tuple[str, bytes]:
    match = re.match(rb"[ \t]*\r?\n((?:[^\r\n]+\r?\n)*)\r?\n", piece)
    if match is None:
        raise invalid("Malformed multipart body.")
    headers = BytesHeaderParser().parsebytes(match[1])
    return str(headers.get("Content-Type") or ""), piece[match.end() :]


def _body(call: Call) -> bytes:
    """Bytes that were zipped for the journey alone are unzipped on arrival."""
    if call.headers.get("content-encoding", "").lower() != "gzip":
        return call.body
    try:
        return gzip.decompress(call.body)
    except (OSError, EOFError, zlib.error):
        raise invalid("The request body is not valid gzip, as its Content-Encoding says.") from None


def _inserted(storage: Storage, call: Call, draft: Draft) -> Answer:
    storage.require("storage.objects.create")
    return shown(storage.put(draft, Conditions.of(call)), call)


def insert_without_media(storage: Storage, call: Call, bucket: str) -> Answer:
    """``POST /b/{bucket}/o`` on the metadata path: an upload that forgot to say so."""
    storage.require("storage.objects.create")
    storage.bucket(bucket)
    raise required("uploadType" if call.body or call.text("name") else "name")
