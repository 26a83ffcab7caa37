"""The weeks that the samples tell of. Whatever a sample holds follows from its week alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """One week from Monday to Sunday, as Korean reports count it within its month."""

    number: int
    """1 and 2 are the demo's weeks; 0 is the one before, of which only spoilt files are left."""
    monday: date
    month: int
    nth: int

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + timedelta(days=6)

    @property
    def days(self) -> tuple[date, ...]:
        """Its seven days."""
        return tuple(self.monday + timedelta(days=day) for day in range(7))

    @property
    def label(self) -> str:
        """Such as ``2025년 11월 1주차``."""
        return f"{self.monday.year}년 {self.month}월 {self.nth}주차"

    @property
    def span(self) -> str:
        """Such as ``2025.11.03 ~ 2025.11.09``."""
        return f"{self.monday:%Y.%m.%d} ~ {self.sunday:%Y.%m.%d}"

    @property
    def iso_week(self) -> int:
        """The number of the week in its year, as English reports count it."""
        return self.monday.isocalendar().week

    @property
    def written_at(self) -> datetime:
        """When its documents say that they were made: the next Monday at nine, local time."""
        return datetime.combine(self.monday + timedelta(days=7), time(9))

    def random(self, name: str) -> random.Random:
        """The source of numbers of one document."""
        return random.Random(f"{name} {self.monday.isoformat()}")  # noqa: S311 - sample figures, not secrets


WEEKS = {
    1: Week(number=1, monday=date(2025, 11, 3), month=11, nth=1),
    2: Week(number=2, monday=date(2025, 11, 10), month=11, nth=2),
}
WEEK_BEFORE = Week(number=0, monday=date(2025, 10, 27), month=10, nth=5)
