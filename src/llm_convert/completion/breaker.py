"""A circuit breaker: who fails again and again is left alone for a while, then tried by one call first."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

LONGEST_SECONDS = 600.0
"""How long an open breaker keeps calls away at most."""


class State(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One call is trying it."""


class CircuitBreaker:
    """Of one provider. Used within one event loop.

    Args:
        failures: in a row, after which it opens.
        seconds: how long it stays open the first time; twice as long each further time, up to LONGEST_SECONDS.
        monotonic: the time in seconds.
    """

    def __init__(self, *, failures: int, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._failures_allowed = failures
        self._seconds = seconds
        self._monotonic = monotonic
        self._failures = 0
        self._opened_times = 0
        self._closed_until = 0.0
        self._open = False
        self._probing = False

    @property
    def state(self) -> State:
        """How it stands now."""
        if not self._open:
            return State.CLOSED
        return State.HALF_OPEN if self._probing else State.OPEN

    def try_enter(self) -> bool:
        """Whether a call may be made now; each one that may must end in ``succeeded``, ``failed`` or ``left``."""
        if not self._open:
            return True
        if self._probing or self.seconds_left > 0:
            return False
        self._probing = True
        return True

    @property
    def seconds_left(self) -> float:
        """How long it stays open; 0 when a call may try."""
        return max(0.0, self._closed_until - self._monotonic()) if self._open else 0.0

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures = self._opened_times = 0
        self._open = self._probing = False

    def failed(self) -> None:
        """A call met an outage."""
        self._failures += 1
        if self._probing or self._failures >= self._failures_allowed:
            self._trip()

    def left(self) -> None:
        """A call ended without telling anything of the provider, such as by being cancelled."""
        self._probing = False

    def open_for(self, seconds: float) -> None:
        """Open at once, for a reason that is known to last."""
        self._open, self._probing = True, False
        self._closed_until = self._monotonic() + seconds

    def _trip(self) -> None:
        # Calls that were under way when it opened fail after it: they are the same outage and prolong nothing.
        if self._open and not self._probing:
            return
        self._opened_times += 1
        # The exponent is bounded before it is used: a night of outages must not overflow a float.
        self.open_for(min(LONGEST_SECONDS, self._seconds * 2.0 ** min(self._opened_times - 1, 20)))
