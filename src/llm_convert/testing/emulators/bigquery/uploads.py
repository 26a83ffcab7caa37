"""Files that come with a load job: in one request of several parts, or piece by piece."""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from llm_convert.testing.emulators.bigquery.faults import ApiError, invalid, not_found
from llm_convert.testing.emulators.bigquery.job_methods import JobMethods
from llm_convert.testing.emulators.bigquery.requests import Request, Response

_RANGE = re.compile(r"^bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)$")


@dataclass(slots=True, kw_only=True)
class _Upload:
    project: str
    body: dict[str, Any]
    data: bytearray = field(default_factory=bytearray)
    done: dict[str, Any] | None = None


class Uploads:
    """Uploads over the wire."""

    def __init__(self, jobs: JobMethods) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._open: dict[str, _Upload] = {}

    def post(self, request: Request) -> Response:
        """Begin a resumable upload, or take one of several parts. Raises ApiError for any other."""
        kind = request.query.get("uploadType")
        if kind == "multipart":
            body, data = _parts(request)
            return Response(body=self._jobs.start(request.parts["project"], body, data).resource())
        if kind != "resumable":
            raise invalid(f"Invalid value for uploadType: {kind}", location="uploadType")
        upload_id = uuid.uuid4().hex
        with self._lock:
            self._open[upload_id] = _Upload(project=request.parts["project"], body=request.json())
        where = f"http://{request.headers.get('host', '')}{request.path}?uploadType=resumable&upload_id={upload_id}"
        return Response(body={}, headers={"Location": where, "X-GUploader-UploadID": upload_id})

    def put(self, request: Request) -> Response:
        """A piece of a resumable upload, or the question how much of it is there."""
        with self._lock:
            upload = self._open.get(request.query.get("upload_id", ""))
        if upload is None:
            raise not_found("Upload", request.query.get("upload_id", ""))
        if upload.done is not None:
            return Response(body=upload.done)
        found = _RANGE.match(
            request.headers.get("content-range", f"bytes 0-{len(request.data) - 1}/{len(request.data)}")
        )
        if found is None:
            raise ApiError(400, f"Failed to parse Content-Range header: {request.headers.get('content-range')}")
        start, _, total = found.groups()
        if start is not None:
            # A piece that was sent before takes its own place again.
            upload.data[int(start) :] = request.data
        if total == "*" or len(upload.data) < int(total):
            held = {"Range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
            return Response(status=308, headers=held)
        upload.done = self._jobs.start(upload.project, upload.body, bytes(upload.data)).resource()
        upload.data = bytearray()
        return Response(body=upload.done)


def _parts(request: Request) -> tuple[dict[str, Any], bytes]:
    found = re.search(r'boundary="?([^";]+)"?', request.headers.get("content-type", ""))
    if found is None:
        raise invalid("Multipart upload without a boundary")
    pieces = request.data.split(b"--" + found[1].encode())
    if len(pieces) < 4:
        raise invalid("Multipart upload must hold two parts: the job and the file")
    bodies = [piece.partition(b"\r\n\r\n")[2] for piece in pieces[1:-1]]
    data = request.data.partition(pieces[1])[2]
    data = data.partition(b"\r\n\r\n")[2]
    # The file may hold the boundary's text by chance, so only the last one ends it.
    end = data.rfind(b"\r\n--" + found[1].encode())
    try:
        body = json.loads(bodies[0])
    except ValueError as error:
        raise invalid("Invalid JSON payload received.") from error
    return body, data[:end] if end >= 0 else data
