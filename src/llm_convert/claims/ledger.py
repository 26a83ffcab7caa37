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

from llm_convert.claims import lease as leases
from llm_convert.claims.lease import Claim, Held, Lease, LeaseLostError
from llm_convert.contracts import keys
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
        while True:
            standing, version = self._standing(item.id)
            now = self._clock.now()
            lease = leases.following(
                standing, owner=self._owner, run_id=self._run_id, now=now, seconds=self._lease_seconds
            )
            if isinstance(lease, Held):
                return lease
            claim = self._put(item, lease, over=version)
            if claim is not None:
                return claim
            # Somebody was faster; look again at what is there now.

    def renew(self, claim: Claim) -> Claim:
        """The claim with a lease that holds anew.

        Raises:
            LeaseLostError: somebody else has it.
        """
        while True:
            lease = leases.renewed(claim.lease, now=self._clock.now(), seconds=self._lease_seconds)
            renewed = self._put(claim.item, lease, over=claim.version)
            if renewed is not None:
                return renewed
            claim = self._as_it_stands(claim)

    def release(self, claim: Claim) -> None:
        """Give the claim back, so that anybody may have it at once. A claim that was lost is left to its new owner."""
        while True:
            try:
                self._store.delete(self._key(claim.item.id, "claim"), if_version=claim.version)
            except PreconditionFailedError:
                try:
                    claim = self._as_it_stands(claim)
                except LeaseLostError:
                    return
            else:
                return

    def reply(self, item_id: str) -> Reply | None:
        """The reply that was paid for."""
        return find_model(self._store, self._key(item_id, "reply"), Reply)

    def store_reply(self, reply: Reply, *, replace: bool = False) -> bool:
        """Keep a reply, before anything looks into it. It asks for no lease: what is paid is kept.

        Args:
            reply: of the item that it names.
            replace: put it in the place of an older one.

        Returns:
            False when one was there, which stays.
        """
        key = self._key(reply.work_item, "reply")
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
            if outcome not in (self.result(item_id), self.failure(item_id)):
                raise
            # This very call was cut off after it had given the claim back.
            return outcome
        if isinstance(outcome, Result):
            create_model(self._store, self._key(item_id, "result"), outcome)
        standing = self.result(item_id)
        if standing is None:
            overwrite(self._store, self._key(item_id, "failure"), outcome.to_json())
        else:
            remove(self._store, self._key(item_id, "failure"))
        self.release(claim)
        return standing or outcome

    def reset(self, item_id: str) -> None:
        """Forget reply, result and failure, so that the item is done, and paid, again. Hold its claim."""
        # The result goes first: what is cut off here is an item to be done, with a reply that need not be paid again.
        for name in ("result", "failure", "reply"):
            remove(self._store, self._key(item_id, name))

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
