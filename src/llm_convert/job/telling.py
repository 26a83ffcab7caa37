"""Pieces of answers on their way into the message stream: a model says a few characters, a message gathers more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from llm_convert.job.messages import MessageWriter

ENOUGH_CHARACTERS = 400
LONGEST_SECONDS = 0.5


class TokenTeller:
    """Gathers what comes of each call and tells it in pieces. Used within one event loop.

    Args:
        messages: the stream.
        now: monotonic seconds.
    """

    def __init__(self, messages: MessageWriter, *, now: Callable[[], float] = time.monotonic) -> None:
        self._messages, self._now = messages, now
        self._waiting: dict[str, list[str]] = {}
        self._told_at: dict[str, float] = {}
        self._calls: Counter[str] = Counter()
        self._pieces: Counter[str] = Counter()

    def begin(self, work_item: str) -> Callable[[str], None]:
        """A try of a work item begins; what takes its deltas."""
        self.end(work_item)
        self._calls[work_item] += 1
        self._pieces[work_item] = 0
        self._waiting[work_item] = []
        self._told_at[work_item] = self._now()
        return lambda delta: self._take(work_item, delta)

    def end(self, work_item: str) -> None:
        """The call is over: tell what is left."""
        self._tell(work_item)
        self._waiting.pop(work_item, None)

    def _take(self, work_item: str, delta: str) -> None:
        waiting = self._waiting.setdefault(work_item, [])
        waiting.append(delta)
        long = sum(map(len, waiting)) >= ENOUGH_CHARACTERS
        if long or self._now() - self._told_at.get(work_item, 0.0) >= LONGEST_SECONDS:
            self._tell(work_item)

    def _tell(self, work_item: str) -> None:
        delta = "".join(self._waiting.get(work_item, ()))
        if not delta:
            return
        self._messages.tokens(
            work_item=work_item, call=self._calls[work_item], piece=self._pieces[work_item], delta=delta
        )
        self._pieces[work_item] += 1
        self._waiting[work_item] = []
        self._told_at[work_item] = self._now()
