"""HTTP: a request is read, met by the dials, answered."""

from __future__ import annotations

import gzip
import json
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from llm_convert.testing.emulators.bigquery.faults import ApiError
from llm_convert.testing.emulators.bigquery.requests import Request, Response
from llm_convert.testing.emulators.bigquery.routes import Routes


class Behind(Protocol):
    """What stands behind a handler: the methods of the API, and the dials."""

    @property
    def routes(self) -> Routes:
        """Answer requests."""

    def take_fault(self) -> int | None:
        """The status that the next request fails with; 0 cuts the connection; None lets it pass."""

    def loses_response(self) -> bool:
        """Whether the response to the latest request is lost."""

    def pass_time(self) -> None:
        """Wait for as long as each response does."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    # The whole answer goes out in one piece; small pieces would wait for each other's acknowledgement.
    wbufsize = 1 << 16
    emulator: Behind

    def log_message(self, format: str, *args: Any) -> None:
        """No log: tests read answers."""

    def do_GET(self) -> None:
        """Any method."""
        self._handle()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _handle(self) -> None:
        request = self._request()
        fault = self.emulator.take_fault()
        self.emulator.pass_time()
        if fault == 0:
            self._cut()
            return
        response = self._response(request, fault)
        if self.emulator.loses_response():
            self._cut()
            return
        self._send(response)

    def _request(self) -> Request:
        url = urlsplit(self.path)
        data = self._chunks() if "chunked" in (self.headers.get("Transfer-Encoding") or "") else self._body()
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        return Request(
            # Clients of Google may tunnel a method through POST.
            method=self.headers.get("X-HTTP-Method-Override") or self.command,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            data=data,
        )

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> bytes:
        data = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(data)

    def _response(self, request: Request, fault: int | None) -> Response:
        try:
            if fault is not None:
                raise ApiError(fault, f"The dials say {fault}")
            return self.emulator.routes.answer(request)
        except ApiError as error:
            return Response(status=error.status, body=error.body())
        # Whatever else goes wrong must reach the client as an answer and not hang it.
        except Exception as error:  # noqa: BLE001
            said = f"The emulator failed: {type(error).__name__}: {error}"
            return Response(status=500, body=ApiError(500, said).body())

    def _send(self, response: Response) -> None:
        data = b"" if response.body is None else json.dumps(response.body, ensure_ascii=False, default=str).encode()
        self.send_response(response.status)
        headers = {"Content-Type": "application/json; charset=UTF-8"} if data else {}
        for name, value in (headers | dict(response.headers)).items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
