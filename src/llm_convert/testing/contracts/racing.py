"""Many threads that do one thing at one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def race(runners: int, run: Callable[[int], T]) -> list[T]:
    """Call ``run`` with 0 up to ``runners`` from as many threads, all let go at once; the answers in that order."""
    gate = threading.Barrier(runners)

    def waiting(number: int) -> T:
        gate.wait(timeout=30)
        return run(number)

    with ThreadPoolExecutor(max_workers=runners) as pool:
        return list(pool.map(waiting, range(runners)))
