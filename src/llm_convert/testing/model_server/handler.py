"""One HTTP request: authenticate, check, let the dials do their harm, answer, and write the ledger."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any, Protocol

from llm_convert.testing.model_server.answers import AnswerWith, events_of, message_of
from llm_convert.testing.model_server.dials import Action, Dials, Fault
from llm_convert.testing.model_server.ledger import Ledger, LedgerRecord
from llm_convert.testing.model_server.protocol import RefusedError, Target, check, count_tokens, parse_path

_BROKEN_STREAM = {Action.CUT_STREAM, Action.END_STREAM, Action.FAIL_STREAM}


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """What is known of a request so far."""

    number: int
    received_at: float
    target: Target
    body: dict[str, Any]

    @property
    def request_id(self) -> str:
        return f"req_vrtx_{self.number:06d}"

    @property
    def work_item(self) -> str | None:
        metadata = self.body.get("metadata")
        return metadata.get("user_id") if isinstance(metadata, dict) else None


class Served(Protocol):
    """What a handler needs of its server."""

    answer_with: AnswerWith
    dials: Dials
    token: str | None
    stopping: Event
    books: Ledger

    def take_fault(self) -> Fault | None:
        """The next fault of the dials; each is taken once."""


class Handler(BaseHTTPRequestHandler):
    """Speaks for the server that is the class attribute of its subclass."""

    model_server: Served
    protocol_version = "HTTP/1.1"
    # Answers are written in pieces; without this each may wait for the client's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the ledger is the log."""

    def do_GET(self) -> None:
        """Nothing is to be read here."""
        self._send(404, {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}}, {})

    def do_POST(self) -> None:
        """Answer one call."""
        ledger = self.model_server.books
        number = ledger.begin()
        try:
            self._answer(number, time.time())
        finally:
            ledger.end()

    def _answer(self, number: int, received_at: float) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = parse_path(self.path)
        if target is None:
            self._send(404, {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}}, {})
            return
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        exchange = _Exchange(
            number=number, received_at=received_at, target=target, body=body if isinstance(body, dict) else {}
        )
        try:
            self._authorize()
            fault = self.model_server.take_fault()
            self._pass_time()
            if fault is not None and fault.action not in _BROKEN_STREAM:
                self._fail(exchange, fault)
                return
            self._serve(exchange, body, fault)
        except RefusedError as refused:
            self._fail(exchange, refused.fault)

    def _authorize(self) -> None:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        expected = self.model_server.token
        if scheme != "Bearer" or not token or (expected is not None and token != expected):
            raise RefusedError(
                Fault.google_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
            )

    def _pass_time(self) -> None:
        if self.model_server.dials.latency_seconds > 0:
            self.model_server.stopping.wait(self.model_server.dials.latency_seconds)

    def _serve(self, exchange: _Exchange, body: Any, fault: Fault | None) -> None:
        server, target = self.model_server, exchange.target
        check(body, target.model, counting=target.counts_tokens)
        tokens = count_tokens(body)
        if target.counts_tokens:
            self._record(exchange, 200, None, tokens, 0)
            self._send(200, {"input_tokens": tokens}, {"request-id": exchange.request_id})
            return
        if not target.model.startswith("claude-"):
            said = f"Publisher Model `publishers/anthropic/models/{target.model}` was not found."
            raise RefusedError(Fault.google_error(404, "NOT_FOUND", said))
        limit = server.dials.context_tokens
        if limit is not None and tokens > limit:
            raise RefusedError(Fault.invalid(f"prompt is too long: {tokens} tokens > {limit} maximum"))
        message = self._message(exchange, tokens)
        self._record(exchange, 200, message["stop_reason"], tokens, message["usage"]["output_tokens"])
        if body.get("stream") or target.streams:
            self._stream(message, exchange.request_id, fault)
        else:
            self._send(200, message, {"request-id": exchange.request_id})

    def _message(self, exchange: _Exchange, tokens: int) -> dict[str, Any]:
        server, dials = self.model_server, self.model_server.dials
        try:
            # A test's own code: whatever it raises must reach the test as an answer and not hang its client.
            payload = server.answer_with(exchange.body)
        except Exception as error:
            said = f"answer_with raised {type(error).__name__}: {error}"
            raise RefusedError(Fault(status=500, type="api_error", message=said)) from error
        message = message_of(payload, exchange.body, exchange.target.model, dials, exchange.number)
        cached = dials.cache_read_tokens + dials.cache_write_tokens
        message["usage"] = {
            "input_tokens": max(0, tokens - cached),
            "cache_creation_input_tokens": dials.cache_write_tokens,
            "cache_read_input_tokens": dials.cache_read_tokens,
            **message["usage"],
        }
        return message

    def _fail(self, exchange: _Exchange, fault: Fault) -> None:
        match fault.action:
            case Action.HANG:
                self._record(exchange, 0, None, 0, 0)
                self.model_server.stopping.wait()
                self._cut()
            case Action.CUT:
                self._record(exchange, 0, None, 0, 0)
                self._cut()
            case Action.GARBAGE:
                self._record(exchange, 200, None, 0, 0)
                self._send_bytes(200, b"<html>sign in</html>", "text/html", {})
            case _:
                self._record(exchange, fault.status, None, 0, 0)
                headers = {"request-id": exchange.request_id}
                if fault.retry_after is not None:
                    headers["Retry-After"] = fault.retry_after
                self._send(fault.status, fault.body(exchange.request_id), headers)

    def _record(
        self, exchange: _Exchange, status: int, stop: str | None, input_tokens: int, output_tokens: int
    ) -> None:
        target = exchange.target
        self.model_server.books.add(
            LedgerRecord(
                received_at=exchange.received_at,
                decided_at=time.time(),
                method="count_tokens" if target.counts_tokens else "messages",
                model=str(exchange.body.get("model", "")) if target.counts_tokens else target.model,
                project=target.project,
                region=target.region,
                work_item=exchange.work_item,
                status=status,
                stop_reason=stop,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                streamed=bool(exchange.body.get("stream")) or target.streams,
                request_id=exchange.request_id,
            )
        )

    def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        self._send_bytes(status, json.dumps(body, ensure_ascii=False).encode(), "application/json", headers)

    def _send_bytes(self, status: int, data: bytes, media_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, message: dict[str, Any], request_id: str, fault: Fault | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("request-id", request_id)
        self.end_headers()
        events = list(events_of(message))
        for event in events if fault is None else events[: len(events) // 2]:
            self._event(event["type"], event)
        if fault is not None and fault.action is Action.FAIL_STREAM:
            self._event("error", fault.body(request_id))
        if fault is not None and fault.action is Action.CUT_STREAM:
            self._cut()
            return
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, name: str, data: Any) -> None:
        text = f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
