"""The order of a build's steps: each waits for all before it, for those it names, or for none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

AT_ONCE = "-"
"""In ``waitFor``: for nothing."""


def needs(steps: Any) -> list[frozenset[int]]:
    """For each step, the positions of those that must have ended before it starts."""
    positions = {step.id: position for position, step in enumerate(steps) if step.id}
    return [
        frozenset(positions[other] for other in step.wait_for if other != AT_ONCE)
        if step.wait_for
        else frozenset(range(position))
        for position, step in enumerate(steps)
    ]


def run_in_order(steps: Any, run: Callable[[int], bool], halt: Callable[[], None]) -> None:
    """Run every step as soon as it may; returns when none runs any more.

    Args:
        steps: of the build.
        run: runs the step at a position and says whether the build goes on.
        halt: ends what still runs, once a step said no.
    """
    waiting = dict(enumerate(needs(steps)))
    ended: set[int] = set()
    running: dict[Future[bool], int] = {}
    goes_on = True
    with ThreadPoolExecutor(max_workers=max(1, len(steps)), thread_name_prefix="build-step") as threads:
        while True:
            for position in [p for p, others in waiting.items() if goes_on and others <= ended]:
                del waiting[position]
                running[threads.submit(run, position)] = position
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                ended.add(running.pop(future))
                if not future.result() and goes_on:
                    goes_on = False
                    halt()
