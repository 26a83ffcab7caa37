"""How long to wait before a call is tried anew: full jitter below an exponential bound, and one bound for them all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0


class Patience:
    """The waits of one question. Made when it is asked.

    Args:
        seconds: how long it may be tried anew, from now.
        monotonic: the time in seconds.
        draw: a number in [0, 1).
    """

    def __init__(
        self,
        seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._monotonic = monotonic
        self._draw = draw
        self._until = monotonic() + seconds
        self._waits = 0

    @property
    def over(self) -> bool:
        """Whether there is no time left for another try."""
        return self._monotonic() >= self._until

    @property
    def seconds_left(self) -> float:
        """How long tries may go on."""
        return max(0.0, self._until - self._monotonic())

    def next_wait(self, asked: float | None = None) -> float:
        """Seconds before the next try; at least what the service asked for, at most what is left."""
        bound = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self._waits, 10))
        self._waits += 1
        return min(max(asked or 0.0, self._draw() * bound), self.seconds_left)
