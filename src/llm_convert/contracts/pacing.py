"""What processes that use one quota tell each other: ``pacing/<digest>.json``."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from llm_convert.contracts.base import Contract


class PaceMember(Contract):
    """One process that uses the capacity."""

    expires_at: AwareDatetime
    accepted: float = Field(ge=0)
    """Calls a second that were answered lately."""
    demand: float = Field(ge=0)
    """Calls a second that it wants; very high when calls wait."""


class SharedRate(Contract):
    """What is known of one capacity, and who uses it now."""

    capacity: str
    rate: float | None = None
    """Calls a second for all together; None while nothing was ever refused."""
    searching: bool = False
    """The limit was met once and is not measured yet."""
    updated_at: AwareDatetime
    cut_at: AwareDatetime | None = None
    members: dict[str, PaceMember] = Field(default_factory=dict)
