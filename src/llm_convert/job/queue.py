"""What a task works on next: its own share, then what others have not begun, and what is held by others again later.

No store and no calls: positions and times in, positions out.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

LOOK_AGAIN_SECONDS = 2.0
"""How often an item that somebody else works on is looked at."""


class WorkQueue:
    """Positions in the plan.

    Args:
        own: this task's share; each of them ends here.
        own_wait_seconds: how long an own item that somebody else holds is waited for.
        foreign_wait_seconds: the same for an item of another task: a lease, after which it is free if its holder died.
    """

    def __init__(self, own: Iterable[int], *, own_wait_seconds: float, foreign_wait_seconds: float) -> None:
        self._fresh = deque(own)
        self._own = frozenset(self._fresh)
        self._own_wait, self._foreign_wait = own_wait_seconds, foreign_wait_seconds
        self._later: list[tuple[float, int]] = []
        self._give_up_at: dict[int, float] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing is left, now or later."""
        return not self._fresh and not self._later

    def take(self, now: float) -> int | None:
        """The next position to work on; None when there is none now."""
        if self._later and self._later[0][0] <= now:
            return heapq.heappop(self._later)[1]
        return self._fresh.popleft() if self._fresh else None

    def seconds_until_next(self, now: float) -> float | None:
        """How long until an item that was put off is due; None when there is none."""
        return max(0.0, self._later[0][0] - now) if self._later else None

    def put_off(self, position: int, now: float, *, held_seconds: float) -> bool:
        """Look at an item again later; False when it was waited for long enough."""
        wait = self._own_wait if position in self._own else self._foreign_wait
        if now >= self._give_up_at.setdefault(position, now + wait):
            return False
        heapq.heappush(self._later, (now + min(LOOK_AGAIN_SECONDS, held_seconds + 0.05), position))
        return True

    def owns(self, position: int) -> bool:
        """Whether it is of this task's share."""
        return position in self._own

    def add_foreign(self, positions: Iterable[int]) -> None:
        """Another task's share, which that task works through from its beginning: so we begin at its end."""
        self._fresh.extend(reversed(list(positions)))
