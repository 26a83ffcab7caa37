"""Token buckets: how many requests, and tokens of prompts, a model's quota lets through."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from llm_convert.testing.model_server.call import Call
from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.faults import RefusedError


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float

    def wait(self, amount: float, rate: float, size: float, now: float) -> float:
        """Seconds until the amount is there, 0 if it is; infinite when the bucket is too small for it."""
        self.level = min(size, self.level + (now - self.at) * rate)
        self.at = now
        # A hair's breadth of slack: who comes at the told second must not be refused for a rounding.
        short = amount - self.level - 1e-9 * size
        if short <= 0:
            return 0.0
        return short / rate if rate > 0 and amount <= size else math.inf


class Limits:
    """Buckets by service, project, region and model. Each starts full; its rate is read from the dials anew each time.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[tuple[object, ...], _Bucket] = {}

    def take(self, call: Call, dials: Dials) -> None:
        """Let a call through.

        Raises:
            RefusedError: it is over the quota, of which it has taken nothing then.
        """
        taken: list[tuple[_Bucket, float]] = []
        for what, amount, rate, size in _wanted(call, dials):
            now = self._clock()
            bucket = self._buckets.setdefault((*call.capacity, what), _Bucket(size, now))
            wait = bucket.wait(amount, rate, size, now)
            if wait:
                said = _retry_after(call, dials, wait)
                raise RefusedError(call.service.limited(what, said))
            taken.append((bucket, amount))
        for bucket, amount in taken:
            bucket.level -= amount


def _wanted(call: Call, dials: Dials) -> list[tuple[str, float, float, float]]:
    """Name, amount, rate a second and size of the buckets that a call takes from."""
    wanted = []
    if dials.requests_per_second is not None:
        rate = dials.requests_per_second
        wanted.append(("requests", 1.0, rate, max(1.0, rate if dials.burst is None else dials.burst)))
    if dials.tokens_per_minute is not None:
        size = float(dials.tokens_per_minute)
        wanted.append(("tokens", float(_tokens(call)), size / 60, size))
    return wanted


def _tokens(call: Call) -> int:
    try:
        return call.service.prompt_tokens(call)
    except (AttributeError, KeyError, TypeError):
        # The request has no form; it will be refused for that.
        return 0


def _retry_after(call: Call, dials: Dials, wait: float) -> str | None:
    says = call.service.says_retry_after if dials.retry_after is None else dials.retry_after
    return str(math.ceil(wait)) if says and math.isfinite(wait) else None
