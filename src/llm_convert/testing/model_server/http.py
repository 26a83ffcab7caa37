"""As much of HTTP/1.1 as a test server needs, on asyncio: one thread, a task for each open request."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

_HEAD_END = b"\r\n\r\n"
_LONGEST_HEAD = 64 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True, kw_only=True)
class Request:
    """A request that was received in full."""

    method: str
    path: str
    """Without the query, as it was sent."""
    query: dict[str, str]
    headers: dict[str, str]
    """By name in small letters."""
    body: bytes
    received_at: float
    """Unix time in seconds."""
    finished: Callable[[], None] | None = None
    """Called once the answer is written, or given up."""


@dataclass(slots=True, kw_only=True)
class Reply:
    """An answer in one piece."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(slots=True, kw_only=True)
class Stream:
    """An answer in pieces, with status 200."""

    pieces: list[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "text/event-stream; charset=utf-8"
    seconds: float = 0.0
    """From the first piece to the last."""
    cut: bool = False
    """The connection is closed after the pieces, before the stream's end."""


class Cut:
    """No answer: the connection is closed without a word."""


Handler = Callable[[Request], Awaitable[Reply | Stream | Cut]]


class Connection(asyncio.Protocol):
    """One client's connection, kept alive; its requests are answered one after the other.

    A client that goes away does not stop its request: the service has taken it and decides it.
    """

    def __init__(self, handle: Handler, connections: set[Connection]) -> None:
        self._handle = handle
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: tuple[Request, int, bool] | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client is gone."""
        self._transport = None
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """A piece of a request, or of several."""
        self._buffer += data
        if self._task is None:
            self._next()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        try:
            request = self._take()
        except ValueError:
            self._write(_head(400, {"Content-Length": "0", "Connection": "close"}))
            self._close()
            return
        if request is not None:
            self._task = asyncio.get_running_loop().create_task(self._serve(*request))

    def _take(self) -> tuple[Request, bool] | None:
        """The next request if it is there in full, and whether the connection is kept after it."""
        if self._head is None:
            end = self._buffer.find(_HEAD_END)
            if end < 0:
                if len(self._buffer) > _LONGEST_HEAD:
                    raise ValueError("the head is too long")
                return None
            self._head = _parse(bytes(self._buffer[:end]))
            del self._buffer[: end + len(_HEAD_END)]
            if self._head[0].headers.get("expect", "").lower() == "100-continue":
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request, length, kept = self._head
        if len(self._buffer) < length:
            return None
        request.body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._head = None
        return request, kept

    async def _serve(self, request: Request, kept: bool) -> None:
        try:
            try:
                reply = await self._handle(request)
            except Exception:  # noqa: BLE001 - a defect of this server: shown, and the client is answered
                traceback.print_exc()
                reply = Reply(status=500, body=b'{"error": "the test server failed, see its stderr"}')
            kept = await self._send(reply, kept) and kept
        finally:
            if request.finished is not None:
                request.finished()
        self._task = None
        if kept:
            self._next()
        else:
            self._close()

    async def _send(self, reply: Reply | Stream | Cut, kept: bool) -> bool:
        """Write an answer; whether the connection can be kept after it."""
        if isinstance(reply, Cut):
            return False
        headers = {"Content-Type": reply.media_type, **reply.headers}
        if not kept:
            headers["Connection"] = "close"
        if isinstance(reply, Reply):
            headers["Content-Length"] = str(len(reply.body))
            self._write(_head(reply.status, headers) + reply.body)
            return True
        self._write(_head(200, {**headers, "Transfer-Encoding": "chunked"}))
        pause = reply.seconds / max(1, len(reply.pieces) - 1)
        for number, piece in enumerate(reply.pieces):
            if number and pause:
                await asyncio.sleep(pause)
            self._write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if reply.cut:
            return False
        self._write(b"0\r\n\r\n")
        return True

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _parse(head: bytes) -> tuple[Request, int, bool]:
    """A request without its body, the body's length, and whether the connection is kept."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", "").lower():
        raise ValueError("a body without a length is not taken here")
    path, _, query = target.partition("?")
    request = Request(
        method=method,
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
        headers=headers,
        body=b"",
        received_at=time.time(),
    )
    asked = headers.get("connection", "").lower()
    kept = asked != "close" and (version != "HTTP/1.0" or asked == "keep-alive")
    return request, int(headers.get("content-length") or 0), kept


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
