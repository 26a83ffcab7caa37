"""Calls under any interleaving of owners, crashes and expiries: each without a reply is listed once, no other ever."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.lease import Held, LeaseLostError
from llm_convert.claims.ledger import Ledger
from llm_convert.claims.open_calls import open_calls
from llm_convert.contracts.calls import Attempt, SentCall
from llm_convert.contracts.work import Cause, Failure, Reply
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.clock import FakeClock
from work_items import work_item

TENANT, LEASE = "t", 100.0
OWNERS = ("a", "b", "c")
ITEM = work_item()


class Calls(RuleBasedStateMachine):
    """One item, several owners, each with the journal of the claim that it believes to hold."""

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.store = LocalObjectStore(Path(self.folder.name))
        self.ledgers = {
            owner: Ledger(self.store, TENANT, owner=owner, run_id="r", lease_seconds=LEASE, clock=self.clock)
            for owner in OWNERS
        }
        self.journals: dict[str, ClaimJournal] = {}
        self.sent: dict[str, SentCall] = {}
        """By owner, the call whose end that owner has not seen."""
        self.unanswered: dict[str, SentCall] = {}
        """By id, all that were sent, and neither answered nor known to be free of charge."""
        self.replies = 0

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(owner=st.sampled_from(OWNERS))
    def claim(self, owner):
        claim = self.ledgers[owner].claim(ITEM)
        if not isinstance(claim, Held):
            self.journals[owner] = ClaimJournal(self.ledgers[owner], claim)
            self.sent.pop(owner, None)

    @rule(owner=st.sampled_from(OWNERS))
    def send(self, owner):
        if owner not in self.journals or owner in self.sent:
            return
        self.clock.advance(0.001)
        call = SentCall(
            work_item=ITEM.id,
            call=self.replies + 1,
            run_id="r",
            provider="p",
            model="m",
            sent_at=self.clock.now().isoformat(),
            worst_case_microusd=5,
        )
        try:
            asyncio.run(self.journals[owner].sending(call))
        except LeaseLostError:
            del self.journals[owner]
            return
        self.sent[owner] = self.unanswered[call.id] = call

    @rule(owner=st.sampled_from(OWNERS))
    def answer(self, owner):
        """The reply comes, whoever holds the claim by now; of two to the same call the first stays."""
        call = self.sent.pop(owner, None)
        if call is None:
            return
        attempt = Attempt(provider="p", model="m", at=call.sent_at)
        reply = Reply(
            work_item=ITEM.id,
            run_id="r",
            provider="p",
            model="m",
            stop_reason="tool_use",
            call=call.call,
            attempts=(attempt,),
        )
        asyncio.run(self.journals[owner].answered(reply))
        kept = self.ledgers[owner].reply(ITEM.id, call.call)
        if kept is not None and kept.attempts[-1].at == call.sent_at:
            self.unanswered.pop(call.id)
            self.replies = max(self.replies, call.call)

    @rule(owner=st.sampled_from(OWNERS), billed=st.booleans())
    def fail(self, owner, billed):
        call = self.sent.pop(owner, None)
        if call is None:
            return
        try:
            asyncio.run(self.journals[owner].unanswered(call, may_be_billed=billed))
        except LeaseLostError:
            # Whoever took over has listed it already, and can't know that it was free.
            del self.journals[owner]
            return
        if not billed:
            self.unanswered.pop(call.id)

    @rule(owner=st.sampled_from(OWNERS))
    def let_go(self, owner):
        """As the end of a batch: whoever learns that a call brought nothing ends its lease."""
        call = self.sent.get(owner)
        if call is not None:
            self.ledgers["a"].let_go(call, in_doubt=True)

    @rule(owner=st.sampled_from(OWNERS))
    def release(self, owner):
        journal = self.journals.pop(owner, None)
        self.sent.pop(owner, None)
        if journal is not None:
            journal.release()

    @rule(owner=st.sampled_from(OWNERS))
    def crash(self, owner):
        self.journals.pop(owner, None)
        self.sent.pop(owner, None)

    @precondition(lambda self: hasattr(self, "journals"))
    @rule(owner=st.sampled_from(OWNERS))
    def fail_the_item(self, owner):
        if owner in self.sent or owner not in self.journals:
            return
        journal = self.journals.pop(owner)
        try:
            journal.finish(Failure(item=ITEM, run_id="r", cause=Cause.UNAVAILABLE))
        except LeaseLostError:
            return

    @rule(seconds=st.sampled_from([1.0, LEASE, 3 * LEASE]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @invariant()
    def every_call_without_a_reply_is_listed_once_and_no_other(self):
        if not hasattr(self, "store"):
            return
        listed = [found.call.id for found in open_calls(self.store, TENANT, self.clock.now())]
        assert sorted(listed) == sorted(self.unanswered)


Calls.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestCalls = Calls.TestCase
