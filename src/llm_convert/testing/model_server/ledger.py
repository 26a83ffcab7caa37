"""The server's own books: what it received, what it answered, with how many tokens and at what price."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRecord:
    """One request and what became of it."""

    received_at: float
    """Unix time in seconds."""
    decided_at: float
    """Unix time in seconds; just before the answer is written. The client may be gone by then and still pays."""
    method: str
    """``messages`` or ``count_tokens``; ``batches`` for the making of a batch, ``batch`` for each of its requests."""
    model: str
    project: str
    region: str
    work_item: str | None
    """From the request's ``metadata.user_id``."""
    status: int
    """HTTP status of the answer; 0 when the server hung or cut the connection."""
    stop_reason: str | None
    input_tokens: int
    """Billed, unless they were only counted; what the cache read or wrote included."""
    output_tokens: int
    streamed: bool
    request_id: str
    service: str = "vertex"
    """``vertex``, ``anthropic``, ``openai`` or ``ollama``."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    """Both within ``input_tokens``."""
    charged_microusd: int = 0
    """By the prices that the server was given."""
    batch: str | None = None
    """The batch that the request was part of."""


class Ledger:
    """Records of all requests in the order in which they were decided. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[LedgerRecord] = []
        self._received = 0
        self._numbers = 0
        self._in_flight = 0
        self._peak = 0

    def begin(self) -> int:
        """Count a request in; its number."""
        with self._lock:
            self._received += 1
            self._numbers += 1
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
            return self._numbers

    def number(self) -> int:
        """A number for what is not counted as received; no other has it."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    def end(self) -> None:
        """Count a request out."""
        with self._lock:
            self._in_flight -= 1

    def add(self, record: LedgerRecord) -> None:
        """Write a record."""
        with self._lock:
            self._records.append(record)

    @property
    def records(self) -> tuple[LedgerRecord, ...]:
        """The records so far."""
        with self._lock:
            return tuple(self._records)

    @property
    def received(self) -> int:
        """Requests received, those that are still open included."""
        with self._lock:
            return self._received

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were open at once."""
        with self._lock:
            return self._peak
