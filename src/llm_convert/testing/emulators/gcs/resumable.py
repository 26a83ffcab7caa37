"""Uploads in several requests: a session is opened, filled in pieces, asked how far it is, finished or given up."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from llm_convert.testing.emulators.gcs.conditions import Conditions
from llm_convert.testing.emulators.gcs.errors import RefusedError, invalid
from llm_convert.testing.emulators.gcs.objects import shown
from llm_convert.testing.emulators.gcs.records import ObjectVersion
from llm_convert.testing.emulators.gcs.settings import object_settings, without_nulls
from llm_convert.testing.emulators.gcs.storage import Storage
from llm_convert.testing.emulators.gcs.uploads import chosen, declared_in, draft_of, name_of
from llm_convert.testing.emulators.gcs.wire import Answer, Call, whole

QUANTUM_BYTES = 256 * 1024
"""A piece that is not the last is kept up to a multiple of this."""
_RANGE = re.compile(r"bytes (?:(\*)|(\d+)-(\d+|\*))/(\*|\d+)", re.ASCII)


@dataclass(slots=True, kw_only=True)
class _Session:
    """One upload. Its lock is held while a request works on it."""

    opening: Call
    bucket: str
    name: str
    settings: dict[str, Any]
    declared: dict[str, str]
    length: int | None
    """Announced when it was opened."""
    data: bytearray = field(default_factory=bytearray)
    written: ObjectVersion | None = None
    refused: RefusedError | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What a Content-Range says of a body."""

    start: int | None
    """None: the body has no bytes for the object; the caller asks how far it is."""
    total: int | None
    """None: not known yet."""


class Sessions:
    """All uploads that were opened and not given up. They outlive their end, so that a lost answer can be asked for."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def open(self, storage: Storage, call: Call, bucket: str) -> Answer:
        """``POST ...?uploadType=resumable``: the session's URL is in ``Location``."""
        storage.require("storage.objects.create")
        storage.bucket(bucket)
        metadata = call.json()
        name = name_of(call, metadata)
        Conditions.of(call)
        announced = call.headers.get("x-upload-content-length")
        settings = without_nulls(object_settings(metadata))
        settings.setdefault("contentType", call.headers.get("x-upload-content-type") or "application/octet-stream")
        settings |= chosen(call)
        session = _Session(
            opening=call,
            bucket=bucket,
            name=name,
            settings=settings,
            declared=declared_in(metadata),
            length=None if announced is None else whole(announced, "X-Upload-Content-Length"),
        )
        upload_id = uuid.uuid4().hex
        with self._lock:
            self._sessions[upload_id] = session
        query = urlencode({"uploadType": "resumable", "name": name, "upload_id": upload_id})
        location = f"{call.base_url}/upload/storage/v1/b/{bucket}/o?{query}"
        return Answer(headers={"Location": location, "X-GUploader-UploadID": upload_id})

    def put(self, storage: Storage, call: Call) -> Answer:
        """A piece, or the question how far the upload is."""
        session = self._find(call)
        with session.lock:
            if session.refused is not None:
                raise session.refused
            if session.written is not None:
                return shown(session.written, session.opening)
            piece = _piece_of(call)
            _check_total(session, piece)
            if piece.start is not None:
                _append(session, piece, call.body)
            if piece.total is not None and len(session.data) == piece.total:
                return self._finish(storage, session, call)
            return _incomplete(session, call)

    def cancel(self, call: Call) -> Answer:
        """``DELETE``: the session is gone. The service answers with the status 499 of its own."""
        self._find(call)
        with self._lock:
            self._sessions.pop(call.text("upload_id"), None)
        return Answer(status=499)

    def _find(self, call: Call) -> _Session:
        with self._lock:
            session = self._sessions.get(call.text("upload_id"))
        if session is None:
            raise RefusedError(404, "notFound", "No such upload session: it expired, was cancelled or never was.")
        return session

    @staticmethod
    def _finish(storage: Storage, session: _Session, call: Call) -> Answer:
        """Write the object. Conditions are held against what is there now, not when the session was opened."""
        said = [session.declared["x-goog-hash"], call.headers.get("x-goog-hash", "")]
        declared = {"x-goog-hash": ",".join(filter(None, said))}
        try:
            draft = draft_of(session.bucket, session.name, bytes(session.data), session.settings, declared)
            storage.require("storage.objects.create")
            session.written = storage.put(draft, Conditions.of(session.opening))
        except RefusedError as error:
            session.refused = error
            raise
        finally:
            session.data = bytearray()
        return shown(session.written, session.opening)


def _piece_of(call: Call) -> _Piece:
    header = call.headers.get("content-range")
    if header is None:
        return _Piece(start=0, total=len(call.body))
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        raise invalid(f"Failed to parse Content-Range header: {header!r}.")
    asks, first, last, total_text = match.groups()
    total = None if total_text == "*" else int(total_text)
    if asks:
        return _Piece(start=None, total=total)
    start = int(first)
    if last == "*":
        # A body of unknown length ends the upload where it ends.
        return _Piece(start=start, total=total if total is not None else start + len(call.body))
    expected = int(last) - start + 1
    if expected != len(call.body):
        said = f"There were {len(call.body)} byte(s) in the request body. There should have been {expected} byte(s)"
        raise invalid(f"Invalid request.  {said} (starting at offset {start} and ending at offset {last}).")
    if total is not None and int(last) >= total:
        raise invalid(f"Invalid request.  The Content-Range {header!r} goes beyond its own total.")
    return _Piece(start=start, total=total)


def _check_total(session: _Session, piece: _Piece) -> None:
    if None not in {session.length, piece.total} and session.length != piece.total:
        raise invalid(f"Invalid request.  {piece.total} byte(s) are not the {session.length} that were announced.")


def _append(session: _Session, piece: _Piece, body: bytes) -> None:
    """Keep what is new of a piece; what was sent before is passed over."""
    start, held = piece.start or 0, len(session.data)
    if start > held:
        said = (
            f"Invalid request.  According to the Content-Range header, the upload offset is {start} byte(s), "
            f"which exceeds already uploaded size of {held} byte(s)."
        )
        raise RefusedError(503, "backendError", said, plain=True)
    end = start + len(body)
    if piece.total is None or end < piece.total:
        end -= end % QUANTUM_BYTES
    session.data += body[held - start : max(0, end - start)]


def _incomplete(session: _Session, call: Call) -> Answer:
    """308, or what stands for it with clients that can't take one."""
    headers = {"Range": f"bytes=0-{len(session.data) - 1}"} if session.data else {}
    if call.headers.get("x-guploader-no-308", "").lower() == "yes":
        return Answer(headers={**headers, "X-HTTP-Status-Code-Override": "308"})
    return Answer(status=308, headers=headers)
