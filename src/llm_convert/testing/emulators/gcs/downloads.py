"""An object's bytes: whole, a range, or unzipped for who does not take them zipped."""

from __future__ import annotations

import gzip
import re
import zlib
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

from llm_convert.testing.emulators.gcs.errors import RefusedError, condition_not_met, not_modified
from llm_convert.testing.emulators.gcs.keys import check_key
from llm_convert.testing.emulators.gcs.records import ObjectVersion
from llm_convert.testing.emulators.gcs.wire import Answer, Call

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_HEADERS = {
    "contentDisposition": "Content-Disposition",
    "contentEncoding": "Content-Encoding",
    "contentLanguage": "Content-Language",
}


def media(version: ObjectVersion, call: Call) -> Answer:
    """The bytes that a request asks for.

    Raises:
        RefusedError: 416, no byte lies in the range; 400, another key than the object's; 304 or 412 by its date.
    """
    check_key(version, call)
    _check_dates(version, call)
    headers = _headers(version)
    data = _unzipped(version, call)
    if data is not None:
        del headers["Content-Encoding"]
        # What is unzipped on the way has no known length, hence no ranges.
        del headers["Accept-Ranges"]
        headers["Warning"] = "214 UploadServer gunzipped"
        headers["X-GUploader-Response-Body-Transformations"] = "gunzipped"
        return Answer(headers=headers, body=data)
    span = _span(call.headers.get("range", ""), len(version.data))
    if span is None:
        return Answer(headers=headers, body=version.data)
    start, end = span
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(version.data)}"
    return Answer(status=206, headers=headers, body=version.data[start:end])


def _check_dates(version: ObjectVersion, call: Call) -> None:
    """By the second, as HTTP tells dates; entity tags win over them, and what is no date is passed over."""
    changed = version.time_created.replace(microsecond=0)
    since, until = (_date(call, f"if-{name}-since") for name in ("modified", "unmodified"))
    if until is not None and changed > until and "if-match" not in call.headers:
        raise condition_not_met(("header", "If-Unmodified-Since"))
    if since is not None and changed <= since and "if-none-match" not in call.headers:
        raise not_modified()


def _date(call: Call, header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(call.headers[header])
    except (KeyError, ValueError):
        return None


def _headers(version: ObjectVersion) -> dict[str, str]:
    settings = version.settings
    hashes = f"crc32c={version.crc32c}" + (f",md5={version.md5}" if version.md5 else "")
    headers = {
        "Content-Type": _header(version.content_type or "application/octet-stream"),
        "Cache-Control": _header(settings.get("cacheControl") or "no-cache, no-store, max-age=0, must-revalidate"),
        "Accept-Ranges": "bytes",
        "ETag": version.etag,
        "Last-Modified": format_datetime(version.time_created, usegmt=True),
        "X-Goog-Generation": str(version.generation),
        "X-Goog-Metageneration": str(version.metageneration),
        "X-Goog-Storage-Class": str(settings["storageClass"]),
        "X-Goog-Stored-Content-Encoding": _header(settings.get("contentEncoding") or "identity"),
        "X-Goog-Stored-Content-Length": str(len(version.data)),
        "X-Goog-Hash": hashes,
    }
    if version.component_count is not None:
        headers["X-Goog-Component-Count"] = str(version.component_count)
    return headers | {header: _header(settings[name]) for name, header in _HEADERS.items() if settings.get(name)}


def _header(text: str) -> str:
    """Headers are Latin-1 on the wire; other text goes as the bytes of its UTF-8, without line ends."""
    return text.replace("\r", " ").replace("\n", " ").encode().decode("latin-1")


def _unzipped(version: ObjectVersion, call: Call) -> bytes | None:
    """Decompressive transcoding; None where the bytes go out as they are stored."""
    takes_gzip = "gzip" in call.headers.get("accept-encoding", "").lower()
    kept = "no-transform" in str(version.settings.get("cacheControl") or "").lower()
    if version.settings.get("contentEncoding") != "gzip" or takes_gzip or kept:
        return None
    try:
        return gzip.decompress(version.data)
    except (OSError, EOFError, zlib.error):
        # What only claims to be zipped is served as it is.
        return None


def _span(header: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None: all, also for a range that can't be read."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        said = "The requested range cannot be satisfied."
        headers = {"Content-Range": f"bytes */{size}"}
        raise RefusedError(416, "requestedRangeNotSatisfiable", said, headers=headers)
    return start, end
