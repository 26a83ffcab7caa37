"""What was spent of a budget and what is set aside: one object a budget, in whole micro-dollars."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from llm_convert.contracts.base import Contract


class OpenCall(Contract):
    """Money set aside for a call that is under way."""

    tenant: str
    microusd: int = Field(ge=0)
    """The most that it can cost."""
    expires_at: AwareDatetime
    """Past it whoever reserved is dead, and the store's ledger tells what came of the call."""


class BudgetState(Contract):
    """``spent + in_doubt + open`` never goes beyond the limit."""

    spent_microusd: int = Field(default=0, ge=0)
    in_doubt_microusd: int = Field(default=0, ge=0)
    """Of calls without a reply that may have been charged, each at the most that it can have cost."""
    open: dict[str, OpenCall] = Field(default_factory=dict)

    @property
    def gone_microusd(self) -> int:
        """What will not come back."""
        return self.spent_microusd + self.in_doubt_microusd

    @property
    def bound_microusd(self) -> int:
        """What is gone or set aside."""
        return self.gone_microusd + sum(call.microusd for call in self.open.values())
