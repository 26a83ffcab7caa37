"""Many calls in one request: ``multipart/mixed`` of ``application/http`` parts, each answered by its own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from http.client import responses

from llm_convert.testing.emulators.gcs.errors import invalid, no_route
from llm_convert.testing.emulators.gcs.wire import Answer, Call

PATH = "/batch/storage/v1"
MAX_CALLS = 1000
_REQUEST = re.compile(rb"\s*([A-Z]+) (\S+)(?: HTTP/1\.[01])?[ \t]*\r?\n((?:[^\r\n]+\r?\n)*)(?:\r?\n)?")


def answer(call: Call, serve: Callable[[Call], Answer]) -> Answer:
    """Carry out each call, one after the other; one that is refused harms no other.

    Raises:
        RefusedError: the batch itself can't be read.
    """
    if call.method != "POST":
        raise no_route()
    head = f"Content-Type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    batch = message_from_bytes(head + call.body)
    if batch.get_content_type() != "multipart/mixed" or not isinstance(batch.get_payload(), list):
        raise invalid("Failed to parse batch request: expected a multipart/mixed body.")
    parts = [part for part in batch.get_payload() if isinstance(part, Message)]
    if len(parts) > MAX_CALLS:
        raise invalid(f"The batch request has {len(parts)} calls; at most {MAX_CALLS} are allowed.")
    # All are read before the first is carried out: a batch that can't be read does nothing.
    calls = [_call_of(part, call) for part in parts]
    boundary = f"batch_{uuid.uuid4().hex}"
    body = b""
    for number, (part, inner) in enumerate(zip(parts, calls, strict=True)):
        content_id = part.get("Content-ID") or f"<{number}>"
        body += f"--{boundary}\r\n".encode() + _part(content_id.replace("<", "<response-", 1), serve(inner))
    headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    return Answer(headers=headers, body=body + f"--{boundary}--\r\n".encode())


def _part(content_id: str, inner: Answer) -> bytes:
    lines = [
        "Content-Type: application/http",
        f"Content-ID: {content_id}",
        "",
        f"HTTP/1.1 {inner.status} {responses.get(inner.status, 'Unknown')}",
        *(f"{name}: {value}" for name, value in inner.headers.items()),
        f"Content-Length: {len(inner.body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + inner.body + b"\r\n"


def _call_of(part: Message, batch: Call) -> Call:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or (match := _REQUEST.match(payload)) is None:
        raise invalid("Failed to parse batch request: a part is no HTTP request.")
    method, target, head = (group.decode("latin-1") for group in match.groups())
    headers = dict(BytesHeaderParser().parsebytes(head.encode("latin-1")).items())
    call = Call.of(method, target, headers, payload[match.end() :], batch.base_url)
    if call.path.startswith(("/upload/", "/download/", "/batch/")) or call.text("alt") == "media":
        raise invalid("Uploads and downloads of media cannot be part of a batch request.")
    return call
