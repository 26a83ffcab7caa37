"""What the engine needs beside providers: pace and purse. Protocols, so that each can be left out or replaced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from llm_convert.completion.errors import ProviderUnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The right to send one call now."""

    number: int
    admitted_at: float
    """Monotonic seconds."""
    tokens: int
    """What it was admitted for, in and out together."""


class Pace(Protocol):
    """How fast one capacity may be asked. Used within one event loop."""

    async def admit(self, tokens: int) -> Admission:
        """Wait for the turn of a call of about so many tokens."""

    def answered(self, admission: Admission, *, tokens: int) -> None:
        """It was answered, and took so many tokens."""

    def limited(self, admission: Admission, error: ProviderUnavailableError) -> None:
        """It was refused as too fast, or as one too many for a busy model."""

    def failed(self, admission: Admission) -> None:
        """It failed for a reason that says nothing about the pace, or was given up."""


class Paces(Protocol):
    """The pace of each capacity."""

    def of(self, capacity: str) -> Pace:
        """The one pace of a capacity; the same for every caller."""

    async def close(self) -> None:
        """Give back what was shared, and remember what was learnt."""


class Purse(Protocol):
    """What may still be spent. Reserved before sending, settled after."""

    async def reserve(self, call_id: str, microusd: int, *, holds: timedelta | None = None) -> None:
        """Set this much aside. Raises BudgetExceededError when a budget can't bear it.

        Args:
            holds: how long the call may be under way; None: as long as a call online.
        """

    async def settle(self, call_id: str, microusd: int) -> None:
        """It cost this much; what is left of the reservation is free again. 0: it was not made."""

    async def leave_in_doubt(self, call_id: str) -> None:
        """No reply came and it may have been charged: the reservation stays spent."""

    async def close(self) -> None:
        """Write down what is not written yet."""
