"""A token bucket over virtual or real time: how much may pass, by a rate and a burst. Arithmetic only."""

from __future__ import annotations


class Bucket:
    """Fills at a rate up to a burst. A take may go below zero: what is owed is waited for before the next.

    Args:
        rate: a second; it may be changed at any time.
        burst: the most that is saved up.
        now: monotonic seconds.
    """

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at = now

    def level(self, now: float) -> float:
        """What may pass now; negative when it is owed."""
        return min(self.burst, self._level + (now - self._at) * self.rate)

    def seconds_until(self, amount: float, now: float) -> float:
        """How long until this much may pass. More than the burst never gathers: then the whole burst is enough."""
        missing = min(amount, self.burst) - self.level(now)
        return max(0.0, missing / self.rate) if missing > 1e-9 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Let it pass; a negative amount gives back."""
        self._level = min(self.burst, self.level(now) - amount)
        self._at = now

    def set_rate(self, rate: float, now: float, *, burst: float | None = None) -> None:
        """Go on with another rate from now."""
        self._level = self.level(now)
        self._at = now
        self.rate = rate
        if burst is not None:
            self.burst = burst
            self._level = min(self._level, burst)
