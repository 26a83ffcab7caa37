from __future__ import annotations

import pytest

from llm_convert.claims.lease import Claim, Held, LeaseLostError
from llm_convert.claims.ledger import Ledger
from llm_convert.contracts.work import Cause, Failure, Reply, Result, Row
from llm_convert.errors import EXIT_TRY_AGAIN, ConfigurationError, PreconditionFailedError, exit_code_of
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.clock import FakeClock
from work_items import work_item

TENANT, LEASE = "c8cd3500", 300.0
ITEM = work_item(tenant=TENANT)


def reply(text="paid") -> Reply:
    return Reply(work_item=ITEM.id, run_id="r", provider="p", model="m", stop_reason="end", text=text)


def result(amount=1) -> Result:
    rows = (Row(values={"amount": amount}, at={"amount": ("Sheet1!A1",)}),)
    return Result(
        item=ITEM, run_id="r", bsda="20251107140000", provider="p", model="m", strategy="direct", table="t", rows=rows
    )


def failure(detail="once") -> Failure:
    return Failure(item=ITEM, run_id="r", cause=Cause.UNAVAILABLE, detail=detail)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore(tmp_path)


@pytest.fixture
def ledger_of(store, clock):
    return lambda owner, on=store: Ledger(on, TENANT, owner=owner, run_id="r", lease_seconds=LEASE, clock=clock)


@pytest.fixture
def a(ledger_of):
    return ledger_of("a")


@pytest.fixture
def b(ledger_of):
    return ledger_of("b")


def names(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / f"tenants/{TENANT}/items/{ITEM.id}").glob("*"))


class TestClaims:
    def test_the_first_has_it_and_the_second_is_told(self, a, b, clock):
        claim = a.claim(ITEM)
        assert isinstance(claim, Claim)
        clock.advance(100)
        assert b.claim(ITEM) == Held(owner="a", run_id="r", seconds_left=200)

    def test_an_expired_lease_is_taken_over(self, a, b, clock):
        lost = a.claim(ITEM)
        clock.advance(LEASE)
        taken = b.claim(ITEM)
        assert isinstance(taken, Claim)
        assert (taken.lease.owner, taken.lease.attempt) == ("b", 2)
        with pytest.raises(LeaseLostError) as caught:
            a.renew(lost)
        assert (caught.value.owner, caught.value.item_id) == ("a", ITEM.id)
        assert exit_code_of(caught.value) == EXIT_TRY_AGAIN
        a.release(lost)
        assert isinstance(a.claim(ITEM), Held)

    def test_a_renewed_lease_holds_anew(self, a, b, clock):
        claim = a.claim(ITEM)
        clock.advance(LEASE - 1)
        a.renew(claim)
        clock.advance(LEASE - 1)
        assert b.claim(ITEM) == Held(owner="a", run_id="r", seconds_left=1)

    def test_a_lease_that_ran_out_and_that_nobody_took_is_renewed(self, a, b, clock):
        claim = a.claim(ITEM)
        clock.advance(2 * LEASE)
        a.renew(claim)
        assert isinstance(b.claim(ITEM), Held)

    def test_a_claim_from_before_its_renewal_is_still_the_claim(self, a, b, clock):
        """A heartbeat may renew at the moment at which the work is finished."""
        old = a.claim(ITEM)
        clock.advance(10)
        a.renew(old)
        assert a.renew(old).lease.owner == "a"
        assert a.finish(old, failure()) == failure()
        assert isinstance(b.claim(ITEM), Claim)

    def test_an_owner_claims_his_own_again(self, ledger_of, a, b, clock):
        before = a.claim(ITEM)
        clock.advance(1)
        again = ledger_of("a").claim(ITEM)
        assert isinstance(again, Claim)
        assert again.lease.attempt == 1
        with pytest.raises(LeaseLostError):
            a.renew(before)
        a.release(again)
        assert isinstance(b.claim(ITEM), Claim)

    def test_a_released_item_is_free_at_once(self, a, b, tmp_path):
        a.release(a.claim(ITEM))
        assert names(tmp_path) == []
        assert isinstance(b.claim(ITEM), Claim)

    def test_a_tenant_that_is_no_code_is_refused(self, store, clock):
        ledger = Ledger(store, "../other", owner="a", run_id="r", lease_seconds=1, clock=clock)
        with pytest.raises(ConfigurationError, match="is no code"):
            ledger.claim(ITEM)


class TestReplies:
    def test_the_first_paid_reply_stays(self, a, b):
        assert a.reply(ITEM.id) is None
        assert a.store_reply(reply("first"))
        assert not b.store_reply(reply("second"))
        assert b.reply(ITEM.id) == reply("first")

    def test_force_puts_another_in_its_place(self, a):
        a.store_reply(reply("first"))
        assert a.store_reply(reply("second"), replace=True)
        assert a.reply(ITEM.id) == reply("second")


class TestOutcomes:
    def test_a_result_stays_and_its_claim_goes(self, a, tmp_path):
        a.store_reply(reply())
        assert a.finish(a.claim(ITEM), result()) == result()
        assert a.result(ITEM.id) == result()
        assert names(tmp_path) == ["reply.json", "result.json"]

    def test_a_failure_gives_way_to_the_next_and_to_a_result(self, a, tmp_path):
        a.finish(a.claim(ITEM), failure("once"))
        a.finish(a.claim(ITEM), failure("twice"))
        assert a.failure(ITEM.id) == failure("twice")
        a.finish(a.claim(ITEM), result())
        assert a.failure(ITEM.id) is None
        assert names(tmp_path) == ["result.json"]

    def test_a_result_is_never_replaced(self, a):
        a.finish(a.claim(ITEM), result(1))
        assert a.finish(a.claim(ITEM), result(2)) == result(1)
        assert a.finish(a.claim(ITEM), failure()) == result(1)
        assert (a.result(ITEM.id), a.failure(ITEM.id)) == (result(1), None)

    def test_who_lost_the_lease_writes_nothing(self, a, b, clock, tmp_path):
        lost = a.claim(ITEM)
        clock.advance(LEASE)
        taken = b.claim(ITEM)
        for outcome in (result(1), failure()):
            with pytest.raises(LeaseLostError):
                a.finish(lost, outcome)
        assert names(tmp_path) == ["claim.json"]
        b.finish(taken, result(2))
        with pytest.raises(LeaseLostError):
            a.finish(lost, result(1))
        assert a.result(ITEM.id) == result(2)

    @pytest.mark.parametrize("outcome", [result(), failure()])
    def test_finishing_twice_the_same_is_fine(self, a, outcome):
        """The answer to the first may have been lost on its way."""
        claim = a.claim(ITEM)
        assert a.finish(claim, outcome) == outcome
        assert a.finish(claim, outcome) == outcome

    def test_a_result_outranks_a_failure_that_was_written_late(self, a, store):
        a.finish(a.claim(ITEM), result())
        store.create(f"tenants/{TENANT}/items/{ITEM.id}/failure.json", failure().to_json())
        assert a.failure(ITEM.id) is None

    def test_reset_forgets_everything_but_the_claim(self, a, b, tmp_path):
        a.store_reply(reply())
        a.finish(a.claim(ITEM), failure())
        a.finish(a.claim(ITEM), result())
        claim = a.claim(ITEM)
        a.reset(ITEM.id)
        a.reset(ITEM.id)
        assert names(tmp_path) == ["claim.json"]
        assert a.store_reply(reply("again"))
        assert a.finish(claim, result(2)) == result(2)


class LostAnswer:
    """A store whose client repeats its first write, because the answer was lost, and then meets its own work."""

    def __init__(self, store):
        self._store = store
        self._lost = False

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if self._lost or name not in {"create", "replace", "delete"}:
            return method

        def twice(*arguments, **options):
            self._lost = True
            method(*arguments, **options)
            return method(*arguments, **options)

        return twice


class TestARepeatedWriteIsKnownForOnesOwn:
    def test_claim(self, store, ledger_of):
        with pytest.raises(PreconditionFailedError):
            LostAnswer(store).create("k", b"")
        claim = ledger_of("a", LostAnswer(store)).claim(ITEM)
        assert isinstance(claim, Claim)
        assert claim.lease.attempt == 1

    def test_renew(self, store, ledger_of, b, clock):
        claim = ledger_of("a").claim(ITEM)
        clock.advance(LEASE)
        ledger_of("a", LostAnswer(store)).renew(claim)
        assert b.claim(ITEM) == Held(owner="a", run_id="r", seconds_left=LEASE)

    def test_release(self, store, ledger_of, b):
        ledger_of("a", LostAnswer(store)).release(ledger_of("a").claim(ITEM))
        assert isinstance(b.claim(ITEM), Claim)

    def test_result(self, store, ledger_of, a):
        assert ledger_of("a", LostAnswer(store)).finish(a.claim(ITEM), result()) == result()
        assert a.result(ITEM.id) == result()
