"""Budgets: never exceeded, exact in the end, kept over kills, shared by processes that race."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.clock import SystemClock
from llm_convert.completion.budget import Change, Kind, Refusal, Scope, applied, reconciled
from llm_convert.completion.errors import BudgetExceededError
from llm_convert.completion.purse import SharedPurse
from llm_convert.contracts.budget import BudgetState
from llm_convert.errors import StoreError
from llm_convert.ports import ObjectStore
from llm_convert.stores.gcs import GcsObjectStore
from llm_convert.stores.local import LocalObjectStore
from llm_convert.testing.clock import FakeClock
from llm_convert.testing.emulators.gcs import Dials, GcsEmulator

NOW = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)


def scope(limit: int, key: str = "budgets/2025-11.json") -> Scope:
    return Scope(key=key, limit_microusd=limit, name="all tenants in 2025-11", setting="LLM_CONVERT_BUDGET_MONTH_USD")


def purse(
    store: ObjectStore, *scopes: Scope, clock=None, wait: float = 5.0, known=None, apart: float = 0.0
) -> SharedPurse:
    return SharedPurse(
        store,
        lambda _now: scopes,
        tenant="t1",
        lease_seconds=60,
        cost_of=lambda call_id, _call: (known or {}).get(call_id),
        clock=clock or SystemClock(),
        wait_seconds=wait,
        seconds_between_writes=apart,
    )


def state_of(store: ObjectStore, key: str = "budgets/2025-11.json") -> BudgetState:
    return BudgetState.from_json(store.read(key).data)


CHANGES = st.lists(
    st.builds(
        Change,
        kind=st.sampled_from(Kind),
        call_id=st.sampled_from(["a", "b", "c", "d", "e"]),
        microusd=st.integers(min_value=0, max_value=60),
    ),
    max_size=30,
)


class TestOneBudget:
    @given(changes=CHANGES, limit=st.integers(min_value=0, max_value=150))
    @settings(max_examples=300, deadline=None)
    def test_what_is_bound_never_exceeds_the_limit(self, changes: list[Change], limit: int) -> None:
        state, worst = BudgetState(), {}
        for change in changes:
            if change.kind is Kind.SETTLE:
                # No call costs more than the most it can cost.
                change = Change(
                    kind=change.kind,
                    call_id=change.call_id,
                    microusd=min(change.microusd, worst.get(change.call_id, 0)),
                )
            before = state
            state, refused = applied(state, [change], limit_microusd=limit, tenant="t1", expires_at=LATER)
            if change.kind is Kind.RESERVE and change.call_id not in before.open and not refused:
                worst[change.call_id] = change.microusd
            assert state.bound_microusd <= limit
            assert (change.call_id in refused) == (
                change.kind is Kind.RESERVE
                and change.call_id not in before.open
                and before.bound_microusd + change.microusd > limit
            )

    @given(changes=CHANGES)
    @settings(max_examples=200, deadline=None)
    def test_repeating_a_change_changes_nothing(self, changes: list[Change]) -> None:
        once = twice = BudgetState()
        for change in changes:
            once, _ = applied(once, [change], limit_microusd=100, tenant="t1", expires_at=LATER)
            twice, _ = applied(twice, [change, change], limit_microusd=100, tenant="t1", expires_at=LATER)
        assert once == twice

    def test_a_refusal_tells_whether_waiting_may_help(self) -> None:
        state, _ = applied(
            BudgetState(),
            [Change(kind=Kind.RESERVE, call_id="a", microusd=60)],
            limit_microusd=100,
            tenant="t1",
            expires_at=LATER,
        )
        asked = [
            Change(kind=Kind.RESERVE, call_id="b", microusd=50),
            Change(kind=Kind.RESERVE, call_id="c", microusd=101),
        ]
        _, refused = applied(state, asked, limit_microusd=100, tenant="t1", expires_at=LATER)
        assert refused == {"b": Refusal.FOR_NOW, "c": Refusal.FOR_GOOD}

    def test_calls_of_the_dead_cost_what_the_ledger_says_and_else_the_most(self) -> None:
        asked = [Change(kind=Kind.RESERVE, call_id=name, microusd=20) for name in "ab"]
        state, _ = applied(BudgetState(), asked, limit_microusd=100, tenant="t1", expires_at=NOW)
        state, found = reconciled(state, LATER, cost_of=lambda call_id, _call: {"a": 7}.get(call_id))
        assert found == 2
        assert (state.spent_microusd, state.in_doubt_microusd, state.open) == (7, 20, {})


class TestAPurse:
    def test_money_is_set_aside_settled_and_left_in_doubt(self, tmp_path: Path) -> None:
        store = LocalObjectStore(tmp_path)

        async def spend() -> None:
            mine = purse(store, scope(100))
            await mine.reserve("a", 50)
            await mine.reserve("b", 50)
            assert state_of(store).bound_microusd == 100
            await mine.settle("a", 10)
            await mine.leave_in_doubt("b")
            await mine.close()

        asyncio.run(spend())
        assert state_of(store) == BudgetState(spent_microusd=10, in_doubt_microusd=50)

    def test_a_call_that_could_go_beyond_is_refused_with_the_figures(self, tmp_path: Path) -> None:
        async def spend() -> None:
            mine = purse(LocalObjectStore(tmp_path), scope(1_500_000))
            await mine.reserve("a", 1_000_000)
            await mine.settle("a", 1_000_000)
            with pytest.raises(BudgetExceededError) as refused:
                await mine.reserve("b", 600_000)
            for fact in ("1.500000", "1.000000 is spent", "0.600000", "LLM_CONVERT_BUDGET_MONTH_USD"):
                assert fact in str(refused.value)

        asyncio.run(spend())

    def test_it_waits_for_others_before_it_refuses(self, tmp_path: Path) -> None:
        async def spend() -> None:
            mine = purse(LocalObjectStore(tmp_path), scope(100))
            await mine.reserve("a", 80)
            waiting = asyncio.create_task(mine.reserve("b", 80))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            await mine.settle("a", 5)
            await asyncio.wait_for(waiting, 5)

        asyncio.run(spend())

    def test_of_two_budgets_both_bear_a_call_or_none(self, tmp_path: Path) -> None:
        store = LocalObjectStore(tmp_path)
        wide, narrow = scope(100, "wide.json"), scope(10, "narrow.json")

        async def spend() -> None:
            mine = purse(store, wide, narrow)
            with pytest.raises(BudgetExceededError):
                await mine.reserve("a", 50)
            await mine.reserve("b", 10)
            await mine.close()

        asyncio.run(spend())
        assert state_of(store, "wide.json").bound_microusd == 10
        assert list(state_of(store, "narrow.json").open) == ["b"]

    def test_a_reservation_that_is_given_up_is_given_back(self, tmp_path: Path) -> None:
        store = LocalObjectStore(tmp_path)

        async def spend() -> None:
            mine = purse(store, scope(1_000))
            for number in range(20):
                asking = asyncio.create_task(mine.reserve(f"call {number}", 10))
                await asyncio.sleep(random.uniform(0, 0.004))
                asking.cancel()
                if await asyncio.gather(asking, return_exceptions=True) == [None]:
                    await mine.settle(f"call {number}", 0)
            await mine.close()

        asyncio.run(spend())
        assert state_of(store).bound_microusd == 0

    def test_a_dead_process_leaves_its_reservations_to_the_ledger(self, tmp_path: Path) -> None:
        store, clock = LocalObjectStore(tmp_path), FakeClock()

        async def die() -> None:
            dead = purse(store, scope(100), clock=clock)
            await dead.reserve("answered", 40)
            await dead.reserve("in flight", 40)

        async def go_on() -> None:
            mine = purse(store, scope(100), clock=clock, wait=0.0, known={"answered": 3})
            with pytest.raises(BudgetExceededError):
                await mine.reserve("c", 50)
            clock.advance(61)
            await mine.reserve("c", 50)
            await mine.close()

        asyncio.run(die())
        asyncio.run(go_on())
        state = state_of(store)
        assert (state.spent_microusd, state.in_doubt_microusd, state.bound_microusd) == (3, 40, 93)


class TestInABucket:
    """An object of a bucket bears few writes a second; here five, so that the tests are quick."""

    @pytest.fixture
    def gcs(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsEmulator]:
        with GcsEmulator(
            dials=Dials(object_writes_per_second=5, object_writes_at_once=2), buckets=["budgets"]
        ) as emulator:
            for name, value in emulator.environment().items():
                monkeypatch.setenv(name, value)
            yield emulator

    def test_many_calls_share_few_writes_and_none_comes_too_soon(self, gcs: GcsEmulator) -> None:
        store, keys = GcsObjectStore("budgets"), ["run.json", "tenant.json", "month.json"]

        async def spend() -> float:
            mine = purse(store, *(scope(10_000, key) for key in keys), apart=0.25)

            async def call(number: int) -> None:
                await mine.reserve(f"{number}", 100)
                await asyncio.sleep(number / 100)
                await mine.settle(f"{number}", 7)

            began = time.monotonic()
            await asyncio.gather(*(call(number) for number in range(60)))
            await mine.close()
            return time.monotonic() - began

        seconds = asyncio.run(spend())
        assert [state_of(store, key) for key in keys] == [BudgetState(spent_microusd=420)] * 3
        assert gcs.refused_writes == 0
        assert seconds < 5

    def test_a_settlement_is_waited_for_by_nobody_but_the_end(self, gcs: GcsEmulator) -> None:
        store = GcsObjectStore("budgets")

        async def spend() -> None:
            mine = purse(store, scope(100), apart=0.5)
            await mine.reserve("a", 50)
            began = time.monotonic()
            await mine.settle("a", 10)
            assert time.monotonic() - began < 0.2
            assert state_of(store).bound_microusd == 50
            await mine.close()

        asyncio.run(spend())
        assert state_of(store) == BudgetState(spent_microusd=10)

    def test_processes_that_meet_in_one_object_all_come_to_their_turn(self, gcs: GcsEmulator) -> None:
        store = GcsObjectStore("budgets")

        async def spend() -> None:
            purses = [purse(store, scope(10_000), apart=0.25) for _ in range(4)]

            async def call(number: int) -> None:
                mine = purses[number % 4]
                await mine.reserve(f"{number}", 100)
                await mine.settle(f"{number}", 7)

            await asyncio.gather(*(call(number) for number in range(40)))
            await asyncio.gather(*(mine.close() for mine in purses))

        asyncio.run(spend())
        assert state_of(store) == BudgetState(spent_microusd=280)


class BrokenStore(LocalObjectStore):
    """Its disk is full as long as it is told so."""

    full = False

    def replace(self, key: str, data: bytes, *, if_version: str) -> str:
        if self.full:
            raise StoreError("the disk is full", remedy="")
        return super().replace(key, data, if_version=if_version)


def test_what_could_not_be_settled_is_left_to_the_ledger(tmp_path: Path) -> None:
    store, clock = BrokenStore(tmp_path), FakeClock()

    async def spend() -> None:
        mine = purse(store, scope(100), clock=clock, known={"a": 4})
        await mine.reserve("a", 60)
        store.full = True
        await mine.settle("a", 4)
        await mine.close()
        with pytest.raises(StoreError):
            await mine.reserve("b", 10)
        store.full = False
        clock.advance(61)
        await mine.reserve("c", 90)
        await mine.close()

    asyncio.run(spend())
    assert (state_of(store).spent_microusd, list(state_of(store).open)) == (4, ["c"])


def _spend_all(root: str, number: int) -> None:
    async def spend() -> None:
        mine = purse(LocalObjectStore(Path(root)), scope(40_000), wait=30)

        async def call(name: str) -> None:
            await mine.reserve(name, 1_000)
            await asyncio.sleep(random.uniform(0, 0.01))
            await mine.settle(name, 111)

        await asyncio.gather(*(call(f"{number}/{n}") for n in range(50)))
        await mine.close()

    asyncio.run(spend())


def test_processes_that_race_spend_exactly_what_they_cost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_spend_all, args=(str(tmp_path), number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert state_of(LocalObjectStore(tmp_path)) == BudgetState(spent_microusd=4 * 50 * 111)
