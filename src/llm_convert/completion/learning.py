"""How fast a service lets us ask: learnt from what it accepts and refuses. Arithmetic over given times; no waiting.

A rate limit is a rate. At a refusal the service's own reserve is used up. What it accepted between two refusals,
divided by the time, is therefore its limit, and never too high: one refusal tells to slow down, the second how far.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FIRST_RATE = 150.0
"""Calls a second before anything has come back."""
FIRST_WINDOW = 16
"""Calls in flight before anything has come back; each answer adds one."""
HIGHEST_RATE = 100_000.0
LOWEST_RATE = 0.02
BELOW = 0.97
"""How far below the measured limit to go on."""
RARELY = 0.94
RARE_SECONDS = 1.5
"""How far a refusal cuts, at most, that comes so long after the last."""
MEASURED_SECONDS = 0.4
MEASURED_CALLS = 6
"""What a measurement needs at least."""
SEARCHING_GROWTH = 0.8
"""Of the rate, a second, until the limit is met again and measured."""
SLOWEST_GROWTH = 0.02
FASTEST_GROWTH = 0.25
"""Of the rate, a second; it doubles with every GROWTH_SECONDS in which nothing is refused."""
GROWTH_SECONDS = 3.0


class Phase(StrEnum):
    """What is known of the limit."""

    STARTING = "starting"
    """Nothing was refused yet."""
    SEARCHING = "searching"
    """Refused, and not measured yet."""
    STEADY = "steady"
    """Measured; rising slowly, to notice when there is more."""


@dataclass(slots=True)
class Learner:
    """The learnt rate of one capacity, in calls a second.

    ``rate`` is what may be sent now; ``window`` how many may be in flight while nothing is known, else None.
    """

    now: float
    rate: float = FIRST_RATE
    ceiling: float = HIGHEST_RATE
    phase: Phase = Phase.STARTING
    window: int | None = FIRST_WINDOW
    tokens_a_call: float = 0.0
    """Running mean of what calls took."""
    refusals: int = 0
    _grown_at: float = 0.0
    _quiet_since: float = 0.0
    _anchor: float = 0.0
    """When the service's reserve was last known to be empty."""
    _accepted: int = 0
    """Sent since then and not refused."""

    def __post_init__(self) -> None:
        self._grown_at = self._quiet_since = self._anchor = self.now
        self.rate = min(self.rate, self.ceiling)

    @classmethod
    def remembering(cls, now: float, rate: float, *, ceiling: float = HIGHEST_RATE) -> Learner:
        """One that starts from what was learnt before."""
        return cls(now=now, rate=min(rate, ceiling), ceiling=ceiling, phase=Phase.STEADY, window=None)

    def sent(self) -> None:
        """A call was sent; it counts as accepted unless it is refused."""
        self._accepted += 1

    def answered(self, tokens: int) -> None:
        """A call was answered."""
        self.tokens_a_call += (tokens - self.tokens_a_call) * (0.05 if self.tokens_a_call else 1.0)
        if self.phase is Phase.STARTING and self.window is not None:
            self.window += 1
            # Answers come back: from here the window alone bounds the start, and the answers raise it.
            self.rate = min(self.ceiling, HIGHEST_RATE)

    def refused(self, now: float) -> None:
        """A call was refused that belongs to an episode already known: it only was not accepted."""
        self._accepted = max(0, self._accepted - 1)
        self.refusals += 1
        self._quiet_since = now

    def cut(self, now: float, *, sent_rate: float) -> None:
        """The first refusal of an episode.

        Args:
            now: monotonic seconds.
            sent_rate: what was really sent lately, a second; a window may have kept it far below ``rate``.
        """
        self.refused(now)
        measured = self.measured(now)
        if self.phase is Phase.STARTING:
            self.rate, self.window, self.phase = min(self.rate, sent_rate) / 2, None, Phase.SEARCHING
        elif measured is not None:
            # A refusal that comes alone after a while tells of an unlucky moment more than of a rate far too high.
            gently = RARELY * self.rate if now - self._anchor >= RARE_SECONDS else self.rate / 2
            self.rate = min(0.99 * self.rate, max(BELOW * measured, gently))
            self.phase = Phase.STEADY
        else:
            self.rate *= 0.6 if self.phase is Phase.SEARCHING else 0.85
        self.rate = max(LOWEST_RATE, self.rate)
        self._anchor, self._accepted = now, 0
        self._grown_at = now

    def measured(self, now: float) -> float | None:
        """What was accepted a second since the reserve was last empty; None while that is too little to tell."""
        seconds = now - self._anchor
        if seconds < MEASURED_SECONDS or self._accepted < MEASURED_CALLS or self.phase is Phase.STARTING:
            return None
        return self._accepted / seconds

    def grow(self, now: float, *, wanted: bool) -> None:
        """Rise a little for the time that has passed, when more was wanted than the rate allowed."""
        seconds, self._grown_at = now - self._grown_at, now
        if not wanted or self.phase is Phase.STARTING or seconds <= 0:
            return
        quiet = min(now - self._quiet_since, 60.0)
        growth = min(FASTEST_GROWTH, SLOWEST_GROWTH * 2.0 ** (quiet // GROWTH_SECONDS))
        if self.phase is Phase.SEARCHING:
            growth = SEARCHING_GROWTH
        self.rate = min(self.ceiling, self.rate * (1 + growth * min(seconds, 1.0)))
