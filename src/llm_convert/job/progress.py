"""How far a run is: counts, and an estimate of the time left from the pace so far."""

from __future__ import annotations

import time
from collections.abc import Callable

from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.usage import Usage

TELL_SECONDS = 0.5
"""How often progress is told; whoever reads it looks less often."""


class Progress:
    """Counts what ends. Not thread-safe: the run loop owns it."""

    def __init__(self, total: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = 0
        self.rows = 0
        self.usage = Usage()
        self._worked = 0
        self._monotonic = monotonic
        self._started = self._told = monotonic()

    def add(self, item: ItemReport) -> None:
        """Count one ended item."""
        self.done += 1
        self.rows += item.rows
        self.usage = self.usage + item.usage
        self._worked += not item.reused

    def take_turn(self) -> bool:
        """Whether it is time to tell of it again: after a while, and at the end."""
        now = self._monotonic()
        if self.done < self.total and now - self._told < TELL_SECONDS:
            return False
        self._told = now
        return True

    @property
    def seconds_left(self) -> float | None:
        """From the items that were worked on; None before there is one. Reused items take no time and tell nothing."""
        if self.done == self.total:
            return 0.0
        if not self._worked:
            return None
        pace = (self._monotonic() - self._started) / self._worked
        return round(pace * (self.total - self.done), 1)
