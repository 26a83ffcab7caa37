"""Generations: the time in microseconds, never the same twice."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Tells moments and numbers; safe to ask from several threads."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def generation(self) -> int:
        """Greater than every one before, also when the system's clock goes back."""
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return self._last

    @staticmethod
    def now() -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)
