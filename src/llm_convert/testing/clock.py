"""A clock that a test owns."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Time stands still until ``advance`` or ``sleep`` moves it. Threads may share one.

    Args:
        start: the first ``now``; aware.
    """

    def __init__(self, start: datetime = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start must be aware, found {start.isoformat()}")
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()
        self.slept: list[float] = []
        """Every wait that was asked for, in seconds."""

    def now(self) -> datetime:
        """Aware, UTC."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Record the wait and jump over it."""
        with self._lock:
            self.slept.append(seconds)
            self._now += timedelta(seconds=max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move the time on; a negative number moves it back, as a clock that is set does."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
