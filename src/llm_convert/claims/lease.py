"""What a claim says, and what a moment in time makes of it. No store and no clock: data in, data out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from llm_convert.contracts.base import Contract
from llm_convert.contracts.calls import SentCall
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
    call: SentCall | None = None
    """The latest call that was to be sent. Without a stored reply to it nobody knows whether it was charged."""
    in_doubt: tuple[SentCall, ...] = ()
    """Earlier calls, of this owner and of those before, that no reply came of and that may have been charged."""

    def seconds_left(self, now: datetime) -> float:
        """How long it still holds; 0 or less when it does not."""
        return (self.expires_at - now).total_seconds()

    def continues(self, earlier: Lease) -> bool:
        """Whether this is that lease, renewed or not: renewals and calls keep whose it is and since when."""
        return (self.owner, self.run_id, self.attempt, self.claimed_at) == (
            earlier.owner,
            earlier.run_id,
            earlier.attempt,
            earlier.claimed_at,
        )

    def left(self, now: datetime) -> Lease:
        """The lease given back with calls that must not be forgotten: it is over, and keeps them."""
        return self.model_copy(update={"expires_at": min(self.expires_at, now)})


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


def is_superseded(lease: Lease, *, owner: str, run_id: str) -> bool:
    """Whether a lease's owner is known to be dead, because the platform started this one in its place.

    An owner is ``run id/task/attempt/execution``. A task starts its next attempt when the last one has ended, and a
    launch's next run when the last one's execution is over.
    """
    if lease.run_id == run_id:
        theirs, ours = lease.owner.split("/"), owner.split("/")
        same_task = len(theirs) == len(ours) == 4 and (theirs[0], theirs[1], theirs[3]) == (ours[0], ours[1], ours[3])
        return same_task and int(theirs[2]) < int(ours[2])
    their_key, _, their_number = lease.run_id.rpartition("-")
    our_key, _, our_number = run_id.rpartition("-")
    numbered = their_number.isdigit() and our_number.isdigit()
    return numbered and their_key == our_key and int(their_number) < int(our_number)


def following(standing: Lease | None, *, owner: str, run_id: str, now: datetime, seconds: float) -> Lease | Held:
    """The lease that an owner may put in the place of this one; Held while somebody else's still holds.

    An owner's own lease that still holds keeps its attempt: it is the same try, claimed again. Whoever takes over adds
    to ``in_doubt`` what the ledger has no reply to.
    """
    attempt = 1
    if standing is not None:
        left = standing.seconds_left(now)
        if left > 0 and standing.owner != owner and not is_superseded(standing, owner=owner, run_id=run_id):
            return Held(owner=standing.owner, run_id=standing.run_id, seconds_left=left)
        attempt = standing.attempt if left > 0 else standing.attempt + 1
    expires_at = now + timedelta(seconds=seconds)
    return Lease(owner=owner, run_id=run_id, attempt=attempt, claimed_at=now, expires_at=expires_at)


def renewed(lease: Lease, *, now: datetime, seconds: float) -> Lease:
    """The same lease, holding from now on; it never ends earlier than before."""
    return lease.model_copy(update={"expires_at": max(lease.expires_at, now + timedelta(seconds=seconds))})
