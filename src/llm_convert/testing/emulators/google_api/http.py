"""A JSON server at a loopback port, with a thread of its own, which can also cut a connection without a word."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote

from llm_convert.testing.emulators.google_api.errors import ApiError, LostResponseError


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as it came."""

    verb: str
    path: str
    """Without the query, percent-decoded."""
    query: dict[str, list[str]]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body; an empty one is an empty object. Raises ApiError."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.") from None


Answer = Callable[[HttpRequest], Any]
"""From a request to the JSON of its answer; raises ApiError or LostResponseError."""


class JsonServer:
    """Serves from ``start`` to ``stop``; a name is for its threads."""

    def __init__(self, name: str, port: int, answer: Answer) -> None:
        self._http = _Http(("127.0.0.1", port), type("BoundHandler", (_Handler,), {"answer": staticmethod(answer)}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name=name, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close every connection, those that clients keep alive included."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.close_connections()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    answer: Answer
    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes; without this the second may wait for the client's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: emulators keep a list of their calls."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_OPTIONS(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        values: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            values.setdefault(name, []).append(value)
        try:
            request = HttpRequest(verb=self.command, path=unquote(path), query=values, body=self._read_body())
            self._send(200, type(self).answer(request))
        except ApiError as error:
            self._send(error.http_status, error.body())
        except LostResponseError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001
            # A defect of ours must reach the test as an answer, with its cause, and not hang its client.
            said = f"The emulator failed: {type(error).__name__}: {error}"
            self._send(500, ApiError("INTERNAL", said).body())

    def _read_body(self) -> bytes:
        """The whole body, chunked or not. Raises ApiError when its framing can't be read."""
        try:
            if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                return self._read_chunks()
            return self.rfile.read(_size(self.headers.get("Content-Length") or "0", 10))
        except ValueError:
            self.close_connection = True
            raise ApiError("INVALID_ARGUMENT", "The length of the request's body can't be read.") from None

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := _size(self.rfile.readline(1024).partition(b";")[0].decode("latin-1"), 16):
            body += self.rfile.read(size)
            self.rfile.readline(1024)
        while self.rfile.readline(65537).strip():
            pass  # trailers say nothing that is needed here
        return bytes(body)

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _size(text: str, base: int) -> int:
    """A number of bytes. Raises ValueError."""
    size = int(text, base)
    if size < 0:
        raise ValueError(f"{size} is no number of bytes")
    return size


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
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
