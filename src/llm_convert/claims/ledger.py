"""The ledger of one tenant's work items.

What holds whatever is killed at whatever moment:

- of many claimers of one item, one has it; the others learn who does and for how long;
- the first reply that was paid for stays, and the first result stays;
- an item with a result is done, whatever else lies beside it.

The window that remains: a process that is stopped for longer than its lease, between two instructions, may call the
model while the item's next owner does too. Two replies are then paid; one is kept. Clocks of different machines must
differ by less than the lease, or a claim is taken over too early, with the same consequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from llm_convert.claims import lease as leases
from llm_convert.claims.lease import Claim, Held, Lease, LeaseLostError
from llm_convert.contracts import keys
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.work import Failure, Reply, Result, WorkItem
from llm_convert.errors import ObjectNotFoundError, PreconditionFailedError
from llm_convert.objects import create_model, find_model, overwrite, remove
from llm_convert.ports import Clock, ObjectStore


class Ledger:
    """Claims, replies, results and failures of work items.

    Args:
        store: where they lie.
        tenant: whose they are.
        owner: who claims; another for every process, such as its execution, task and attempt. An owner's own claims are
            his again after a restart, so two processes that share a name would both hold them.
        run_id: of the run that claims.
        lease_seconds: how long a claim holds after its last renewal.
        clock: tells when a lease has run out.
    """

    def __init__(
        self, store: ObjectStore, tenant: str, *, owner: str, run_id: str, lease_seconds: float, clock: Clock
    ) -> None:
        self._store = store
        self._tenant = tenant
        self._owner = owner
        self._run_id = run_id
        self._lease_seconds = lease_seconds
        self._clock = clock

    def claim(self, item: WorkItem) -> Claim | Held:
        """Claim an item that nobody holds, whose lease has run out, or that this owner holds already.

        Look at ``result`` and ``reply`` after it, not only before: the last owner may have finished in between.
        """
        fresh = leases.following(
            None, owner=self._owner, run_id=self._run_id, now=self._clock.now(), seconds=self._lease_seconds
        )
        assert isinstance(fresh, Lease)
        claim = self._put(item, fresh, over=None)
        if claim is not None:
            return claim
        while True:
            standing, version = self._standing(item.id)
            now = self._clock.now()
            lease = leases.following(
                standing, owner=self._owner, run_id=self._run_id, now=now, seconds=self._lease_seconds
            )
            if isinstance(lease, Held):
                return lease
            if standing is not None:
                lease = lease.model_copy(update={"in_doubt": self._in_doubt(standing)})
            claim = self._put(item, lease, over=version)
            if claim is not None:
                return claim
            # Somebody was faster; look again at what is there now.

    def renew(self, claim: Claim) -> Claim:
        """The claim with a lease that holds anew.

        Raises:
            LeaseLostError: somebody else has it.
        """
        return self.note(claim, lambda lease: lease)

    def note(self, claim: Claim, change: Callable[[Lease], Lease]) -> Claim:
        """Change what the claim says of its calls, and renew it.

        Args:
            claim: as its owner knows it; it may have been renewed since.
            change: from the lease as it stands to the one to write.

        Raises:
            LeaseLostError: somebody else has it; nothing was written.
        """
        while True:
            lease = leases.renewed(change(claim.lease), now=self._clock.now(), seconds=self._lease_seconds)
            noted = self._put(claim.item, lease, over=claim.version)
            if noted is not None:
                return noted
            claim = self._as_it_stands(claim)

    def release(self, claim: Claim) -> None:
        """Give the claim back, so that anybody may have it at once. A claim that was lost is left to its new owner.

        Calls that no reply came of stay written down.
        """
        while True:
            in_doubt = self._in_doubt(claim.lease)
            try:
                if in_doubt:
                    left = claim.lease.left(self._clock.now()).model_copy(update={"call": None, "in_doubt": in_doubt})
                    key = self._key(claim.item.id, "claim")
                    self._store.replace(key, left.to_json(), if_version=claim.version)
                else:
                    self._store.delete(self._key(claim.item.id, "claim"), if_version=claim.version)
            except PreconditionFailedError:
                try:
                    claim = self._as_it_stands(claim)
                except LeaseLostError:
                    return
            else:
                return

    def let_go(self, call: SentCall, *, in_doubt: bool) -> None:
        """End the lease under which a call was sent, whoever held it: what came of the call is known.

        Nothing happens where the lease is gone, or is of another call.

        Args:
            call: as it was noted.
            in_doubt: no reply came of it and it may have been charged.
        """
        while True:
            lease, version = self._standing(call.work_item)
            if lease is None or version is None or lease.call != call:
                return
            doubts = (*lease.in_doubt, call) if in_doubt else lease.in_doubt
            left = lease.left(self._clock.now()).model_copy(update={"call": None, "in_doubt": doubts})
            key = self._key(call.work_item, "claim")
            try:
                if doubts:
                    self._store.replace(key, left.to_json(), if_version=version)
                else:
                    self._store.delete(key, if_version=version)
            except PreconditionFailedError:
                continue
            return

    def reply(self, item_id: str, call: int = 1) -> Reply | None:
        """What a call of the item was answered, where it was paid for."""
        return find_model(self._store, keys.reply(self._tenant, item_id, call), Reply)

    def replies(self, item_id: str) -> list[Reply]:
        """All that was answered, in order."""
        found: list[Reply] = []
        while (reply := self.reply(item_id, len(found) + 1)) is not None:
            found.append(reply)
        return found

    def store_reply(self, reply: Reply, *, replace: bool = False) -> bool:
        """Keep a reply, before anything looks into it. It asks for no lease: what is paid is kept.

        Args:
            reply: of the item and the call that it names.
            replace: put it in the place of an older one.

        Returns:
            False when one was there, which stays.
        """
        key = keys.reply(self._tenant, reply.work_item, reply.call)
        if replace:
            overwrite(self._store, key, reply.to_json())
            return True
        return create_model(self._store, key, reply)

    def result(self, item_id: str) -> Result | None:
        """The rows, when the item is done."""
        return find_model(self._store, self._key(item_id, "result"), Result)

    def failure(self, item_id: str) -> Failure | None:
        """Why the item ended without rows; None also when it has a result, which outranks any failure."""
        failure = find_model(self._store, self._key(item_id, "failure"), Failure)
        return failure if failure is None or self.result(item_id) is None else None

    def finish(self, claim: Claim, outcome: Result | Failure) -> Result | Failure:
        """End an item and give its claim back.

        A result removes an older failure, and a new failure takes an older one's place.

        Returns:
            What the item ended with: an earlier result where there is one.

        Raises:
            LeaseLostError: somebody else has the item; nothing was written.
        """
        item_id = claim.item.id
        try:
            claim = self._as_it_stands(claim)
        except LeaseLostError:
            if not any(_is_same(outcome, stored) for stored in (self.result(item_id), self.failure(item_id))):
                raise
            # This very call was cut off after it had given the claim back.
            return outcome
        earlier = find_model(self._store, self._key(item_id, "failure"), Failure)
        outcome = _with_doubts_of(earlier, outcome)
        stored = isinstance(outcome, Result) and create_model(self._store, self._key(item_id, "result"), outcome)
        standing = outcome if stored and isinstance(outcome, Result) else self.result(item_id)
        if standing is None:
            overwrite(self._store, self._key(item_id, "failure"), outcome.to_json())
        elif earlier is not None:
            remove(self._store, self._key(item_id, "failure"))
        # The ending tells what was in doubt: the claim need not.
        self.release(replace(claim, lease=claim.lease.model_copy(update={"call": None, "in_doubt": ()})))
        return standing or outcome

    def reset(self, item_id: str) -> None:
        """Forget reply, result and failure, so that the item is done, and paid, again. Hold its claim."""
        # The result goes first: what is cut off here is an item to be done, with a reply that need not be paid again.
        for name in ("result", "failure"):
            remove(self._store, self._key(item_id, name))
        # The last reply goes first: those that are left are always the first ones.
        for reply in reversed(self.replies(item_id)):
            remove(self._store, keys.reply(self._tenant, item_id, reply.call))

    def _key(self, item_id: str, name: str) -> str:
        return keys.work(self._tenant, item_id, name)

    def _put(self, item: WorkItem, lease: Lease, *, over: str | None) -> Claim | None:
        """Write a lease where none is, or over this version; None when somebody else was first."""
        key = self._key(item.id, "claim")
        try:
            if over is None:
                version = self._store.create(key, lease.to_json())
            else:
                version = self._store.replace(key, lease.to_json(), if_version=over)
        except PreconditionFailedError:
            return None
        return Claim(item=item, lease=lease, version=version)

    def _in_doubt(self, lease: Lease) -> tuple[SentCall, ...]:
        """The calls of a lease that may have been charged and that no reply is stored of."""
        call = lease.call
        if call is None:
            return lease.in_doubt
        reply = self.reply(call.work_item, call.call)
        answered = reply is not None and any(attempt.at == call.sent_at for attempt in reply.attempts[-1:])
        return lease.in_doubt if answered else (*lease.in_doubt, call)

    def _as_it_stands(self, claim: Claim) -> Claim:
        """The claim with the version that its renewals gave it. Raises LeaseLostError when somebody else has it."""
        lease, version = self._standing(claim.item.id)
        if lease is None or version is None or not lease.continues(claim.lease):
            raise LeaseLostError(claim.item.id, claim.lease.owner)
        return Claim(item=claim.item, lease=lease, version=version)

    def _standing(self, item_id: str) -> tuple[Lease | None, str | None]:
        """The lease that ``claim.json`` holds now, and its version; Nones where there is none."""
        try:
            held = self._store.read(self._key(item_id, "claim"))
        except ObjectNotFoundError:
            return None, None
        return Lease.from_json(held.data), held.version


def _with_doubts_of(earlier: Failure | None, outcome: Result | Failure) -> Result | Failure:
    """An ending takes the place of an earlier failure, and with it what that one knew to be in doubt."""
    if earlier is None or not earlier.in_doubt:
        return outcome
    return outcome.model_copy(update={"in_doubt": tuple(dict.fromkeys((*earlier.in_doubt, *outcome.in_doubt)))})


def _is_same(ending: Result | Failure, stored: Result | Failure | None) -> bool:
    """Whether this ending was stored; what it took over from an earlier one aside."""
    return stored is not None and stored.model_copy(update={"in_doubt": ending.in_doubt}) == ending
