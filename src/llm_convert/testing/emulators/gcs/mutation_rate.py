"""How often one object may be created, changed and deleted: a bucket of tokens for each name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from llm_convert.testing.emulators.gcs.dials import Dials
from llm_convert.testing.emulators.gcs.errors import too_often


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class MutationRate:
    """What the dials allow. Used under the storage's lock.

    Args:
        dials: tells the dials as they stand.
    """

    def __init__(self, dials: Callable[[], Dials]) -> None:
        self._dials = dials
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self.refused = 0

    def take(self, bucket: str, name: str) -> None:
        """One change of an object. Raises RefusedError with 429 when it comes too soon."""
        dials = self._dials()
        rate, most = dials.object_writes_per_second, max(1.0, float(dials.object_writes_at_once))
        if rate <= 0:
            return
        now = time.monotonic()
        found = self._buckets.setdefault((bucket, name), _Bucket(tokens=most, at=now))
        found.tokens, found.at = min(most, found.tokens + rate * (now - found.at)), now
        if found.tokens < 1:
            self.refused += 1
            raise too_often(bucket, name)
        found.tokens -= 1
