"""What a claim says, and what a moment in time makes of it. No store and no clock: data in, data out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from llm_convert.contracts.base import Contract
from llm_convert.contracts.work import WorkItem
from llm_convert.errors import UnavailableError


class Lease(Contract):
    """``claim.json``: who works on an item, and until when that holds."""

    owner: str
    run_id: str
    attempt: int
    """1 for the first owner; each takeover of an expired lease adds one."""
    claimed_at: AwareDatetime
    expires_at: AwareDatetime

    def seconds_left(self, now: datetime) -> float:
        """How long it still holds; 0 or less when it does not."""
        return (self.expires_at - now).total_seconds()

    def continues(self, earlier: Lease) -> bool:
        """Whether this is that lease, renewed or not: a renewal keeps everything but the end."""
        return self.model_copy(update={"expires_at": earlier.expires_at}) == earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to do one work item, as long as its lease holds."""

    item: WorkItem
    lease: Lease
    version: str
    """Of ``claim.json`` when this was written; a renewal gives it another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Somebody else works on the item."""

    owner: str
    run_id: str
    seconds_left: float


class LeaseLostError(UnavailableError):
    """The lease ran out and somebody else took the item over, or it was given back."""

    def __init__(self, item_id: str, owner: str) -> None:
        self.item_id = item_id
        self.owner = owner
        super().__init__(
            f"{owner!r} no longer holds the claim on work item {item_id}",
            remedy="Leave the item to its new owner; raise LLM_CONVERT_LEASE_SECONDS if calls take longer than that.",
        )


def following(standing: Lease | None, *, owner: str, run_id: str, now: datetime, seconds: float) -> Lease | Held:
    """The lease that an owner may put in the place of this one; Held while somebody else's still holds.

    An owner's own lease that still holds keeps its attempt: it is the same try, claimed again.
    """
    attempt = 1
    if standing is not None:
        left = standing.seconds_left(now)
        if left > 0 and standing.owner != owner:
            return Held(owner=standing.owner, run_id=standing.run_id, seconds_left=left)
        attempt = standing.attempt if left > 0 else standing.attempt + 1
    expires_at = now + timedelta(seconds=seconds)
    return Lease(owner=owner, run_id=run_id, attempt=attempt, claimed_at=now, expires_at=expires_at)


def renewed(lease: Lease, *, now: datetime, seconds: float) -> Lease:
    """The same lease, holding from now on; it never ends earlier than before."""
    return lease.model_copy(update={"expires_at": max(lease.expires_at, now + timedelta(seconds=seconds))})
