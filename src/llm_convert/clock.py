"""The clock of this machine. Whoever needs time is given a ``ports.Clock``, so that tests own it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait; nothing for a number that is not positive."""
        time.sleep(max(0.0, seconds))
