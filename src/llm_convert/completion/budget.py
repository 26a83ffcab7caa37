"""What one budget's state becomes by what happens to calls. Data in, data out: no store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from llm_convert.contracts.budget import BudgetState, OpenCall


class Kind(StrEnum):
    """What happens to a call's money."""

    RESERVE = "reserve"
    SETTLE = "settle"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that happens to one call."""

    kind: Kind
    call_id: str
    microusd: int = 0
    """For RESERVE the most that it can cost, for SETTLE what it did cost."""
    expires_at: datetime | None = None
    """For RESERVE until when the call may be under way; None: as long as calls usually may."""


class Refusal(StrEnum):
    """Why a reservation was not made."""

    FOR_NOW = "for_now"
    """What is set aside for other calls stands in the way; most of it will come back."""
    FOR_GOOD = "for_good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One budget: where it lies, and how much it may be."""

    key: str
    limit_microusd: int
    name: str
    """For people: ``the run``, ``tenant c8cd3500 in 2026-11``."""
    setting: str
    """What raises it."""


def applied(
    state: BudgetState, changes: Iterable[Change], *, limit_microusd: int, tenant: str, expires_at: datetime
) -> tuple[BudgetState, dict[str, Refusal]]:
    """The state after some changes in order, and the reservations that were refused.

    A reservation that stands already stays as it is, and settling what is not open does nothing: repeating a change
    changes nothing.
    """
    spent, in_doubt, calls = state.spent_microusd, state.in_doubt_microusd, dict(state.open)
    bound = state.bound_microusd
    refused: dict[str, Refusal] = {}
    for change in changes:
        if change.kind is Kind.RESERVE:
            if change.call_id in calls:
                continue
            if bound + change.microusd > limit_microusd:
                fits = spent + in_doubt + change.microusd <= limit_microusd
                refused[change.call_id] = Refusal.FOR_NOW if fits else Refusal.FOR_GOOD
                continue
            until = change.expires_at or expires_at
            calls[change.call_id] = OpenCall(tenant=tenant, microusd=change.microusd, expires_at=until)
            bound += change.microusd
            continue
        call = calls.pop(change.call_id, None)
        if call is None:
            continue
        gone = change.microusd if change.kind is Kind.SETTLE else call.microusd
        bound += gone - call.microusd
        if change.kind is Kind.SETTLE:
            spent += gone
        else:
            in_doubt += gone
    return BudgetState(spent_microusd=spent, in_doubt_microusd=in_doubt, open=calls), refused


def reconciled(
    state: BudgetState, now: datetime, *, cost_of: Callable[[str, OpenCall], int | None]
) -> tuple[BudgetState, int]:
    """The state without the calls of the dead, and how many there were.

    Args:
        state: as it stands.
        now: aware.
        cost_of: what the store's ledger says of a call: its cost, or None where no reply was kept.
    """
    spent, in_doubt, calls = state.spent_microusd, state.in_doubt_microusd, dict(state.open)
    expired = [call_id for call_id, call in calls.items() if call.expires_at <= now]
    for call_id in expired:
        call = calls.pop(call_id)
        cost = cost_of(call_id, call)
        if cost is None:
            in_doubt += call.microusd
        else:
            spent += cost
    return BudgetState(spent_microusd=spent, in_doubt_microusd=in_doubt, open=calls), len(expired)
