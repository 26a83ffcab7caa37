"""Calls that fail, wait, or lose their answer, on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from llm_convert.testing.emulators.google_api.errors import ApiError, LostResponseError


@dataclass(slots=True, kw_only=True)
class Faults:
    """Dials of every service; change them while it runs, and the next call meets them."""

    latency_seconds: float = 0.0
    """Before each call is looked at."""
    fail_next: dict[str, list[str | int]] = field(default_factory=dict)
    """Method, such as ``GetExecution`` or ``*``, to the statuses that its next calls end with, before any effect.

    A status is a gRPC name (``UNAVAILABLE``) or an HTTP number (503)."""
    lose_next: dict[str, int] = field(default_factory=dict)
    """Method or ``*`` to how many of its next calls take effect without an answer: the connection is cut."""
    lose_every: int = 0
    """Every n-th call of any method takes effect without an answer; 0: none."""
    missing_permissions: set[str] = field(default_factory=set)
    """IAM permissions that the caller lacks, such as ``run.jobs.run``."""
    _calls: int = field(default=0, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def fail(self, method: str) -> None:
        """Raises ApiError when a dial says that this call fails."""
        with self._lock:
            for key in (method, "*"):
                if self.fail_next.get(key):
                    raise ApiError.of(self.fail_next[key].pop(0))

    def lose(self, method: str) -> None:
        """Raises LostResponseError when a dial says that this call's answer gets lost."""
        with self._lock:
            self._calls += 1
            if self.lose_every and self._calls % self.lose_every == 0:
                raise LostResponseError(method)
            for key in (method, "*"):
                if self.lose_next.get(key, 0) > 0:
                    self.lose_next[key] -= 1
                    raise LostResponseError(method)
