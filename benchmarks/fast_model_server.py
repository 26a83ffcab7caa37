"""A small and fast stand-in for Claude's API on 127.0.0.1, for measuring clients: one process, asyncio, no framework.

    python benchmarks/fast_model_server.py [--port 0] [--max-seconds 3600] [--max-requests 5000000]

It prints ``{"port": ...}`` and answers ``POST /v1/messages`` and Vertex AI's ``...:rawPredict`` with one call of the
tool that the request asks for, after a latency, or with 429 where a token bucket is empty. A document's marker, such as
DOC-000042, says what it is about: by marker it counts what it answered, which is what a real service would charge,
whether or not the client is still there to hear it. ``GET /stats`` and ``POST /reset`` are for whoever measures.
"""

import argparse
import asyncio
import json
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, fields

MARKER = re.compile(rb"DOC-\d{6}")
CHOSEN_TOOL = re.compile(rb'"tool_choice"\s*:\s*\{[^{}]*"name"\s*:\s*"([A-Za-z0-9_-]+)"')
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
INPUT = {
    "rows": [
        {
            "item": {"value": "샴푸 @MARK@", "at": ["@MARK@!A2"]},
            "sold_on": {"value": "2025-11-03", "at": ["@MARK@!B2"]},
            "amount": {"value": 1000, "at": ["@MARK@!C2"]},
        }
    ]
}


def _message(block: dict, stop_reason: str) -> bytes:
    message = {
        "id": "msg_@MARK@",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [block],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 700, "output_tokens": 90},
    }
    return json.dumps(message, ensure_ascii=False).encode()


ANSWER = _message({"type": "tool_use", "id": "toolu_@MARK@", "name": "@TOOL@", "input": INPUT}, "tool_use")
IN_WORDS = _message({"type": "text", "text": json.dumps(INPUT, ensure_ascii=False)}, "end_turn")
"""For those who ask for no tool."""
REFUSAL = json.dumps(
    {"type": "error", "error": {"type": "rate_limit_error", "message": "This request would exceed the rate limit."}}
).encode()
JUST_NOW_SECONDS = 0.25
"""What was answered so lately may lie unread at the client."""
NONE = b"DOC-none"
"""Of calls that are about no document, such as a client's trial."""
REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 429: b"Too Many Requests"}


@dataclass(slots=True)
class Dials:
    """How the service behaves."""

    latency: float = 0.2
    """Seconds until an answer."""
    refusal_latency: float = 0.02
    """Seconds until a refusal."""
    rate: float = 0.0
    """Calls a second that are answered; 0: all."""
    burst: float = 5.0
    """Calls that an idle second or more saves up."""
    retry_after: int | None = None
    """Told with each refusal."""


class Books:
    """What was asked, answered and refused since the last reset."""

    def __init__(self, dials: Dials) -> None:
        self.dials = dials
        self.paid: Counter[str] = Counter()
        self.paid_at: dict[str, float] = {}
        self.refused = 0
        self.in_flight: Counter[str] = Counter()
        self.peak = 0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self._open = 0
        self._level, self._filled_at = dials.burst, time.monotonic()

    def begin(self, marker: str) -> bool:
        """Count a call in; whether it is answered."""
        now = time.monotonic()
        self.first_at = self.first_at or now
        self.in_flight[marker] += 1
        self._open += 1
        self.peak = max(self.peak, self._open)
        return self._passes(now)

    def _passes(self, now: float) -> bool:
        rate = self.dials.rate
        if not rate:
            return True
        self._level = min(self.dials.burst, self._level + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True

    def end(self, marker: str, *, answered: bool) -> None:
        """Count a call out."""
        self._open -= 1
        self.in_flight[marker] -= 1
        if self.in_flight[marker] <= 0:
            del self.in_flight[marker]
        if answered and marker != NONE.decode():
            self.paid[marker] += 1
            self.last_at = self.paid_at[marker] = time.monotonic()
        elif not answered:
            self.refused += 1

    def stats(self, *, by_marker: bool) -> dict:
        """The account as JSON."""
        seconds = self.last_at - self.first_at if self.first_at and self.last_at else 0.0
        found = {
            "paid": self.paid.total(),
            "documents": len(self.paid),
            "refused": self.refused,
            "peak_in_flight": self.peak,
            "seconds": seconds,
            "in_flight": sorted(self.in_flight),
        }
        if not by_marker:
            return found
        since = time.monotonic() - JUST_NOW_SECONDS
        just_now = sorted(marker for marker, at in self.paid_at.items() if at >= since)
        return {**found, "just_now": just_now, "by_marker": dict(self.paid)}


class Service:
    """The books, the bounds, and what the connections share."""

    def __init__(self, max_requests: int) -> None:
        self.books = Books(Dials())
        self.stop = asyncio.Event()
        self._left = max_requests

    def count(self) -> None:
        """One request less until the server ends by itself."""
        self._left -= 1
        if self._left <= 0:
            self.stop.set()

    def reset(self, body: bytes) -> None:
        """New books, with these dials."""
        known = {field.name for field in fields(Dials)}
        given = json.loads(body or b"{}")
        if given.keys() - known:
            raise ValueError(f"unknown dials {sorted(given.keys() - known)}")
        self.books = Books(Dials(**given))


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, as HTTP/1.1 keeps it alive."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._data = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._take()

    def _take(self) -> None:
        """The next whole request, if there is one."""
        if self._busy:
            return
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._data[:end]
        length = LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._data) < size:
            return
        body, self._data, self._busy = self._data[end + 4 : size], self._data[size:], True
        self._service.count()
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        self._route(method, path, body)

    def _route(self, method: bytes, path: bytes, body: bytes) -> None:
        bare = path.partition(b"?")[0]
        if method == b"POST" and (bare.endswith(b"/v1/messages") or bare.endswith(b":rawPredict")):
            self._ask(body)
        elif method == b"GET" and bare == b"/stats":
            self._answer(200, json.dumps(self._service.books.stats(by_marker=b"markers=1" in path)).encode())
        elif method == b"POST" and bare == b"/reset":
            self._reset(body)
        else:
            self._answer(404, b'{"type": "error", "error": {"type": "not_found_error", "message": "no such path"}}')

    def _reset(self, body: bytes) -> None:
        try:
            self._service.reset(body)
        except (ValueError, TypeError) as error:
            self._answer(400, json.dumps({"error": str(error)}).encode())
        else:
            self._answer(200, b"{}")

    def _ask(self, body: bytes) -> None:
        found = MARKER.search(body)
        marker = found[0] if found else NONE
        books = self._service.books
        passes = books.begin(marker.decode())
        after = books.dials.latency if passes else books.dials.refusal_latency
        asyncio.get_running_loop().call_later(after, self._reply, books, marker, body if passes else None)

    def _reply(self, books: Books, marker: bytes, body: bytes | None) -> None:
        books.end(marker.decode(), answered=body is not None)
        if body is None:
            wait = books.dials.retry_after
            self._answer(429, REFUSAL, b"" if wait is None else b"retry-after: %d\r\n" % wait)
            return
        tool = CHOSEN_TOOL.search(body)
        answer = ANSWER.replace(b"@TOOL@", tool[1]) if tool else IN_WORDS
        self._answer(200, answer.replace(b"@MARK@", marker))

    def _answer(self, status: int, body: bytes, headers: bytes = b"") -> None:
        if self._transport is not None:
            head = (
                b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nrequest-id: req_1\r\n%b\r\n"
            )
            self._transport.write(head % (status, REASONS[status], len(body), headers) + body)
        self._busy = False
        if self._data:
            self._take()


async def serve(port: int, max_seconds: float, max_requests: int) -> None:
    """Answer until a signal, or one of the bounds."""
    service, loop = Service(max_requests), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop.set)
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", port, backlog=1024)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    try:
        await asyncio.wait_for(service.stop.wait(), max_seconds)
    except TimeoutError:
        sys.stderr.write(f"stopped after {max_seconds:g} s\n")
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--max-seconds", type=float, default=3600.0)
    parser.add_argument("--max-requests", type=int, default=5_000_000)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.max_seconds, options.max_requests))


if __name__ == "__main__":
    main()
