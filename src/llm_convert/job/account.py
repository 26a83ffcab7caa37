"""What became of a run's work, line by line, on this machine's disk: a run may have 100,000 lines, memory has not.

Each line is the JSON of an ``ItemReport``, which is all that the report needs of it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import TRY_AGAIN, Outcome


@dataclass(slots=True)
class Tally:
    """Lines, counted."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    counted: int = 0
    """Work items that can fail the run: optional ones are left out."""
    failed: int = 0
    """Of the counted."""
    passing: int = 0
    """Of the failed, those that trying again may mend."""
    reused: int = 0
    rows: int = 0
    quarantined: int = 0
    strategies: Counter[str] = field(default_factory=Counter)
    """Items by the strategy that converted them."""
    drifted: int = 0
    """Items whose layout had changed from what a kept program knows."""
    in_doubt_calls: int = 0
    in_doubt_microusd: int = 0
    usage: Usage = field(default_factory=Usage)

    @classmethod
    def of(cls, items: Iterable[ItemReport]) -> Self:
        """All of these, counted."""
        tally = cls()
        for item in items:
            tally.add(item)
        return tally

    def add(self, item: ItemReport) -> None:
        """Count one more."""
        self.outcomes[item.outcome] = self.outcomes.get(item.outcome, 0) + 1
        if item.work_item is not None and not item.optional:
            self.counted += 1
            if item.outcome is Outcome.FAILED:
                self.failed += 1
                self.passing += item.cause in TRY_AGAIN
        self.reused += item.reused
        self.rows += item.rows
        self.quarantined += item.quarantined
        if item.strategy:
            self.strategies[item.strategy] += 1
        self.drifted += bool(item.drift)
        self.in_doubt_calls += item.in_doubt_calls
        self.in_doubt_microusd += item.in_doubt_microusd
        self.usage += item.usage

    @property
    def failed_fraction(self) -> float:
        """The share of failed work items; 0 when there are none."""
        return self.failed / self.counted if self.counted else 0.0


class Account:
    """Lines by position, the last word about each. Not thread-safe: the run loop owns it."""

    def __init__(self) -> None:
        # Gone with this process, whatever ends it.
        self._file = tempfile.TemporaryFile(prefix="llm-convert-lines-")  # noqa: SIM115 - closed by ``close``
        self._places: dict[int, int] = {}
        """By position, where its line begins; a line ends at its line break."""
        self._end = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, position: int) -> bool:
        return position in self._places

    def put(self, position: int, line: bytes) -> None:
        """Keep a line's JSON."""
        self._file.seek(self._end)
        self._file.write(line + b"\n")
        self._places[position] = self._end
        self._end += len(line) + 1

    def line(self, position: int) -> bytes:
        """The JSON at a position. Raises KeyError."""
        self._file.seek(self._places[position])
        return self._file.readline().rstrip(b"\n")

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """All, by position."""
        for position in sorted(self._places):
            yield position, self.line(position)

    def tally(self) -> Tally:
        """All, counted."""
        return Tally.of(ItemReport.from_json(line) for _, line in self.lines())

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()
