"""HTTP/1.1: reads requests, chunked ones too, and writes answers over connections that stay open."""

from __future__ import annotations

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from llm_convert.testing.emulators.gcs.wire import Answer, Call

_NO_BODY = {204, 304}
_REASONS = {308: "Resume Incomplete", 499: "Client Closed Request"}


class Answering(Protocol):
    """What a handler needs of the service."""

    def answer(self, call: Call) -> Answer:
        """Carry out a request."""

    def loses_response(self, call: Call) -> bool:
        """The answer that is due now is never sent."""


class Handler(BaseHTTPRequestHandler):
    """Speaks for the service and the URL that are class attributes of its subclass."""

    service: Answering
    base_url: str
    protocol_version = "HTTP/1.1"
    server_version = "UploadServer"
    sys_version = ""
    # Headers and body are two writes; without this the second may wait for the client's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: object names are the users' own business."""

    def do_GET(self) -> None:
        """Answer any method."""
        body = self._read_body()
        if body is None:
            self._send(Answer(status=400))
            return
        call = Call.of(self.command, self.path, dict(self.headers.items()), body, self.base_url)
        try:
            answer = self.service.answer(call)
        except Exception as error:  # noqa: BLE001
            # A defect of ours must reach the test as an answer, with its cause, and not hang its client.
            said = f"The emulator failed: {type(error).__name__}: {error}"
            answer = Answer.of_json({"error": {"code": 500, "message": said}}, status=500)
        if self.service.loses_response(call):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(answer)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    def _read_body(self) -> bytes | None:
        """The whole body; None when its framing can't be read, after which the connection is of no more use."""
        try:
            if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                return self._read_chunks()
            length = _size(self.headers.get("Content-Length") or "0", 10)
        except ValueError:
            self.close_connection = True
            return None
        body = self.rfile.read(length)
        if len(body) < length:
            # The client went away in the middle: what it meant to say must not take effect.
            raise ConnectionResetError("the client closed the connection within its request")
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = self.rfile.readline(1024)
            if not line:
                raise ConnectionResetError("the client closed the connection within its request")
            size = _size(line.partition(b";")[0].decode("latin-1"), 16)
            if not size:
                break
            chunk = self.rfile.read(size)
            if len(chunk) < size:
                raise ConnectionResetError("the client closed the connection within its request")
            body += chunk
            self.rfile.readline(1024)
        while self.rfile.readline(65537).strip():
            pass  # trailers say nothing that is needed here
        return bytes(body)

    def _send(self, answer: Answer) -> None:
        reason = _REASONS.get(answer.status)
        self.send_response(answer.status, reason)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in _NO_BODY:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status not in _NO_BODY:
            self.wfile.write(answer.body)


def _size(text: str, base: int) -> int:
    """A number of bytes. Raises ValueError."""
    size = int(text, base)
    if size < 0:
        raise ValueError(f"{size} is no number of bytes")
    return size


class HttpServer(ThreadingHTTPServer):
    """Knows its connections, so that stopping also ends those that clients keep alive."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.handler = handler
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End all open connections; their threads see it and finish."""
        with self._lock:
            connections = tuple(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; anything else is a defect of this server and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
