"""The promise of the room: killed at any store operation, before or after it took effect, a reply is never paid twice.

Only the call that was in flight, whose reply had not reached the store, is made again.
"""

from __future__ import annotations

import itertools

import pytest

from llm_convert.claims.lease import Claim
from llm_convert.claims.ledger import Ledger
from llm_convert.contracts.work import Reply, Result
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.clock import FakeClock
from work_items import work_item

LEASE = 10.0
ITEM = work_item()


class KilledError(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


class MortalStore:
    """A store whose process is killed at its n-th operation, before or after the effect."""

    def __init__(self, store, *, dies_at: int, after: bool):
        self._store = store
        self._left = dies_at
        self._after = after

    def __getattr__(self, name):
        def operation(*arguments, **options):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise KilledError
            try:
                return getattr(self._store, name)(*arguments, **options)
            finally:
                if self._left == 0:
                    raise KilledError

        return operation


def work(store, owner: str, clock: FakeClock, paid: list[str]) -> None:
    """What a job does with one item."""
    ledger = Ledger(store, "t", owner=owner, run_id=owner, lease_seconds=LEASE, clock=clock)
    claim = ledger.claim(ITEM)
    assert isinstance(claim, Claim)
    if ledger.result(ITEM.id) is not None:
        ledger.release(claim)
        return
    reply = ledger.reply(ITEM.id)
    if reply is None:
        paid.append(owner)
        reply = Reply(work_item=ITEM.id, run_id=owner, provider="p", model="m", stop_reason="end")
        ledger.store_reply(reply)
    claim = ledger.renew(claim)
    made_of = {"item": ITEM, "provider": "p", "model": "m", "strategy": "direct", "table": "t", "rows": ()}
    ledger.finish(claim, Result(run_id=reply.run_id, bsda="20251107140000", **made_of))


def killed_at(folder, dies_at: int, *, after: bool) -> tuple[bool, bool, list[str], Ledger]:
    store, clock, paid = LocalObjectStore(folder), FakeClock(), []
    killed = False
    try:
        work(MortalStore(store, dies_at=dies_at, after=after), "first", clock, paid)
    except KilledError:
        killed = True
    ledger = Ledger(store, "t", owner="reader", run_id="r", lease_seconds=LEASE, clock=clock)
    reply_was_safe = ledger.reply(ITEM.id) is not None
    clock.advance(LEASE)
    work(store, "second", clock, paid)
    return killed, reply_was_safe, paid, ledger


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_killed_at_any_operation(tmp_path, after):
    safe = []
    for dies_at in itertools.count(1):
        killed, reply_was_safe, paid, ledger = killed_at(tmp_path / f"{dies_at}", dies_at, after=after)
        first_payer = "first" if reply_was_safe else "second"
        assert ledger.reply(ITEM.id).run_id == first_payer
        assert ledger.result(ITEM.id).run_id == first_payer
        assert paid.count("second") == (0 if reply_was_safe else 1)
        safe.append(reply_was_safe)
        if not killed:
            break
    assert len(safe) > 8, "the kills did not reach beyond the claim"
    assert False in safe
    assert True in safe
