"""Any interleaving of owners, renewals, expiries, crashes and force, over a real store, against a few dicts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from llm_convert.claims.lease import Claim, Held, LeaseLostError
from llm_convert.claims.ledger import Ledger
from llm_convert.contracts.work import Cause, Failure, Reply, Result, WorkItem
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.clock import FakeClock
from work_items import work_item

TENANT, LEASE = "t", 100.0
OWNERS, ITEMS = ("a", "b", "c"), ("1" * 32, "2" * 32)


def item(item_id: str) -> WorkItem:
    return work_item(id=item_id)


class Ledgers(RuleBasedStateMachine):
    claims = Bundle("claims")

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        store = LocalObjectStore(Path(self.folder.name))
        self.ledgers = {
            owner: Ledger(store, TENANT, owner=owner, run_id="r", lease_seconds=LEASE, clock=self.clock)
            for owner in OWNERS
        }
        self.holding: dict[str, Claim] = {}
        """By item: the newest claim that was given, as its owner knows it."""
        self.replies: dict[str, Reply] = {}
        self.results: dict[str, Result] = {}
        self.failures: dict[str, Failure] = {}
        self.count = 0

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def seconds_left(self, item_id: str) -> float:
        held = self.holding.get(item_id)
        return held.lease.seconds_left(self.clock.now()) if held else 0.0

    def is_current(self, claim: Claim) -> bool:
        held = self.holding.get(claim.item.id)
        return held is not None and held.lease.continues(claim.lease)

    @rule(target=claims, owner=st.sampled_from(OWNERS), item_id=st.sampled_from(ITEMS))
    def claim(self, owner, item_id):
        before, left = self.holding.get(item_id), self.seconds_left(item_id)
        answer = self.ledgers[owner].claim(item(item_id))
        if left > 0 and before.lease.owner != owner:
            assert answer == Held(owner=before.lease.owner, run_id="r", seconds_left=left)
            return before
        assert isinstance(answer, Claim)
        expected = 1 if before is None else before.lease.attempt + (left <= 0)
        assert (answer.lease.owner, answer.lease.attempt) == (owner, expected)
        self.holding[item_id] = answer
        return answer

    @rule(target=claims, claim=claims)
    def renew(self, claim):
        try:
            renewed = self.ledgers[claim.lease.owner].renew(claim)
        except LeaseLostError:
            assert not self.is_current(claim)
            return claim
        assert self.is_current(claim)
        assert renewed.lease.seconds_left(self.clock.now()) >= LEASE
        self.holding[claim.item.id] = renewed
        return renewed

    @rule(claim=claims)
    def release(self, claim):
        self.ledgers[claim.lease.owner].release(claim)
        if self.is_current(claim):
            del self.holding[claim.item.id]

    @rule(claim=consumes(claims))
    def crash(self, claim):
        """The owner forgets his claim; the store does not."""

    @rule(seconds=st.sampled_from([1.0, LEASE / 2, LEASE, 3 * LEASE]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(owner=st.sampled_from(OWNERS), item_id=st.sampled_from(ITEMS), force=st.booleans())
    def store_reply(self, owner, item_id, force):
        self.count += 1
        reply = Reply(work_item=item_id, run_id=f"{self.count}", provider="p", model="m", stop_reason="end")
        stored = self.ledgers[owner].store_reply(reply, replace=force)
        assert stored == (force or item_id not in self.replies)
        if stored:
            self.replies[item_id] = reply

    @rule(claim=claims, good=st.booleans())
    def finish(self, claim, good):
        self.count += 1
        shared = {"item": claim.item, "run_id": f"{self.count}"}
        outcome = (
            Result(**shared, bsda="20251107", provider="p", model="m", strategy="s", table="t", rows=())
            if good
            else Failure(**shared, cause=Cause.DEFECT)
        )
        item_id, current = claim.item.id, self.is_current(claim)
        try:
            standing = self.ledgers[claim.lease.owner].finish(claim, outcome)
        except LeaseLostError:
            assert not current
            return
        assert current
        del self.holding[item_id]
        if item_id not in self.results:
            if good:
                self.results[item_id] = outcome
            else:
                self.failures[item_id] = outcome
        if item_id in self.results:
            self.failures.pop(item_id, None)
        assert standing == self.results.get(item_id, self.failures.get(item_id))

    @rule(claim=claims)
    def force(self, claim):
        if self.is_current(claim):
            self.ledgers[claim.lease.owner].reset(claim.item.id)
            for kept in (self.replies, self.results, self.failures):
                kept.pop(claim.item.id, None)

    @invariant()
    def the_ledger_tells_what_the_model_tells(self):
        if not hasattr(self, "ledgers"):
            return
        for item_id in ITEMS:
            ledger = self.ledgers["a"]
            assert ledger.reply(item_id) == self.replies.get(item_id)
            assert ledger.result(item_id) == self.results.get(item_id)
            assert ledger.failure(item_id) == self.failures.get(item_id)

    @invariant()
    def nobody_else_can_claim_what_is_held(self):
        if not hasattr(self, "ledgers"):
            return
        for item_id in ITEMS:
            left = self.seconds_left(item_id)
            if left > 0:
                holder = self.holding[item_id].lease.owner
                for owner in set(OWNERS) - {holder}:
                    assert self.ledgers[owner].claim(item(item_id)) == Held(owner=holder, run_id="r", seconds_left=left)


Ledgers.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLedgers = Ledgers.TestCase
