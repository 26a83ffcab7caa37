"""One rate among many processes: fair shares, one cut for an episode, and real members on one store."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run

from llm_convert.clock import SystemClock
from llm_convert.completion.bucket import Bucket
from llm_convert.completion.errors import RateLimitedError
from llm_convert.completion.paces import SharedPace, SharedPaces
from llm_convert.completion.shares import REMEMBERED, advanced, divided, joined, member_of
from llm_convert.contracts.pacing import SharedRate
from llm_convert.stores.local import LocalObjectStore

NOW = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)


@given(
    rate=st.floats(0.1, 1_000),
    demands=st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.floats(0, 2_000), min_size=1, max_size=12),
)
def test_shares_add_up_and_are_max_min_fair(rate: float, demands: dict[str, float]) -> None:
    shares = divided(rate, demands)
    assert sum(shares.values()) <= rate * (1 + 1e-9) + 1e-9
    assert min(shares.values()) >= 0
    for name, share in shares.items():
        if share < demands[name] * (1 - 1e-9) - 1e-9:
            assert all(share >= other * (1 - 1e-6) - 1e-6 for other in shares.values()), (
                "nobody has more than who wants"
            )


def state(rate: float | None, members: int, *, cut: float | None = None) -> SharedRate:
    news = {f"m{n}": member_of(accepted=5.0, wanted=True, now=NOW, lease_seconds=30) for n in range(members)}
    cut_at = None if cut is None else NOW - timedelta(seconds=cut)
    return SharedRate(capacity="c", rate=rate, members=news, updated_at=NOW, cut_at=cut_at)


def test_a_refusal_cuts_to_what_all_together_got() -> None:
    after = advanced(state(60.0, 10, cut=30), NOW, refused=True, known=None)
    assert after.rate is not None
    assert 48 <= after.rate <= 50
    assert after.cut_at == NOW


def test_quiet_time_raises_it_for_all_once() -> None:
    later = NOW + timedelta(seconds=1)
    after = advanced(state(50.0, 20, cut=1), later, refused=False, known=None)
    assert after.rate is not None
    assert 50.5 < after.rate < 52
    assert advanced(after, later, refused=False, known=None).rate == after.rate


def test_the_dead_leave_and_old_knowledge_fades() -> None:
    later = NOW + timedelta(seconds=60)
    assert joined(state(50.0, 3), "c", later).members == {}
    assert joined(state(50.0, 3), "c", later).rate == 45.0
    assert joined(state(50.0, 3), "c", NOW + REMEMBERED + timedelta(minutes=1)).rate is None


def test_a_store_that_fails_never_stops_the_work(tmp_path: Path) -> None:
    async def night() -> int:
        blocked = tmp_path / "file"
        blocked.write_text("a file where a folder is needed", encoding="utf-8")
        paces = SharedPaces(LocalObjectStore(blocked / "store"), member="m", clock=SystemClock())
        pace = paces.of("vertex/p/r/m")
        for _ in range(20):
            pace.answered(await pace.admit(1), tokens=1)
        await paces.close()
        return 20

    assert asyncio.run(asyncio.wait_for(night(), 10)) == 20


def test_four_members_share_one_quota_fairly_and_remember_it(tmp_path: Path) -> None:
    """On a real store and in real time, against a bucket that all of them meet."""
    limit, seconds, members = 60.0, 6.0, 4
    bucket = Bucket(rate=limit, burst=limit, now=time.monotonic())
    answered = [0] * members

    async def member(number: int, until: float) -> None:
        paces = SharedPaces(LocalObjectStore(tmp_path), member=f"m{number}", clock=SystemClock())
        pace = paces.of("vertex/p/r/m")

        async def work() -> None:
            while time.monotonic() < until:
                try:
                    admission = await asyncio.wait_for(pace.admit(1), max(0.01, until - time.monotonic()))
                except TimeoutError:
                    return
                if bucket.level(time.monotonic()) < 1:
                    pace.limited(admission, RateLimitedError("slow down"))
                    continue
                bucket.take(1.0, time.monotonic())
                await asyncio.sleep(0.1)
                pace.answered(admission, tokens=1)
                answered[number] += 1

        await asyncio.gather(*(work() for _ in range(8)))
        await paces.close()

    async def night() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(member(number, until) for number in range(members)))

    asyncio.run(night())
    fairness = sum(answered) ** 2 / (members * sum(count**2 for count in answered))
    assert fairness >= 0.9
    assert sum(answered) >= 0.6 * limit * seconds
    kept = [SharedRate.from_json(path.read_bytes()) for path in (tmp_path / "pacing").iterdir()]
    assert [found.members for found in kept] == [{}]
    assert kept[0].rate is not None


@dataclass(frozen=True)
class Told:
    """What came of a night."""

    answered: list[int]
    refused: int

    @property
    def fairness(self) -> float:
        """Jain's."""
        return sum(self.answered) ** 2 / (len(self.answered) * sum(count**2 for count in self.answered))

    @property
    def wasted(self) -> float:
        return self.refused / (self.refused + sum(self.answered))


class FarStore(LocalObjectStore):
    """Takes about one write a second of one object, as members believe of every store but files."""

    url = "gs://far/away"


@dataclass(frozen=True)
class LoopClock:
    """The loop's own time after a beginning."""

    begins: datetime

    def now(self) -> datetime:
        return self.begins + timedelta(seconds=asyncio.get_running_loop().time())

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps by it")


MEMBERS, WORKERS = 8, 64


def a_night(store: LocalObjectStore, *, begins: datetime, limit: float, latency: float, seconds: float = 60) -> Told:
    """Eight members on one quota with a second's reserve, in virtual time."""

    random.seed(0)

    async def scene() -> Told:
        now = asyncio.get_running_loop().time
        bucket, told, chance = Bucket(rate=limit, burst=limit, now=0.0), [0] * MEMBERS, random.Random(0)
        refused = 0

        async def member(number: int) -> None:
            paces = SharedPaces(store, member=f"m{number}", clock=LoopClock(begins), monotonic=now)
            pace = paces.of("vertex/p/r/m")
            await asyncio.sleep(chance.uniform(0, 1))

            async def work() -> None:
                nonlocal refused
                while now() < seconds:
                    try:
                        admission = await asyncio.wait_for(pace.admit(1), max(0.01, seconds - now()))
                    except TimeoutError:
                        return
                    if bucket.level(now()) < 1:
                        await asyncio.sleep(0.03)
                        refused += 1
                        pace.limited(admission, RateLimitedError("slow down"))
                        continue
                    bucket.take(1.0, now())
                    told[number] += 1
                    await asyncio.sleep(latency * chance.uniform(0.6, 1.4))
                    pace.answered(admission, tokens=1)

            await asyncio.gather(*(work() for _ in range(WORKERS)))
            await paces.close()

        await asyncio.gather(*(member(number) for number in range(MEMBERS)))
        return Told(told, refused)

    return run(scene())


@pytest.mark.parametrize("kind", [LocalObjectStore, FarStore])
def test_many_members_whom_nothing_limits_soon_work_at_full_width(tmp_path: Path, kind: type[LocalObjectStore]) -> None:
    """Answers take long and raise the window; hearing of the others must not take that back."""
    told = a_night(kind(tmp_path), begins=NOW, limit=2_000, latency=8)
    assert told.refused == 0
    assert sum(told.answered) >= 0.6 * MEMBERS * WORKERS * 60 / 8


@pytest.mark.parametrize(("latency", "wasted"), [(0.5, 0.2), (4.0, 0.12)])
def test_a_far_store_is_waited_for_without_being_refused_all_the_while(
    tmp_path: Path, latency: float, wasted: float
) -> None:
    """The members hear of each other every ten seconds: each must slow down by itself until then."""
    store = FarStore(tmp_path)
    first = a_night(store, begins=NOW, limit=80, latency=latency)
    second = a_night(store, begins=NOW + timedelta(hours=1), limit=80, latency=latency)
    assert first.wasted <= wasted
    assert second.wasted <= 0.08
    assert sum(first.answered) >= 0.75 * 80 * 60
    assert sum(second.answered) >= 0.93 * 80 * 60
    assert min(first.fairness, second.fairness) >= 0.96


def test_nothing_is_shared_where_there_is_no_quota(tmp_path: Path) -> None:
    paces = SharedPaces(LocalObjectStore(tmp_path), member="m", clock=SystemClock())
    assert not isinstance(paces.of(""), SharedPace)
    assert paces.of("a") is paces.of("a")
