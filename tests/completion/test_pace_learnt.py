"""Pacing against a service with a token bucket, in virtual time; and what must hold whatever happens."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run

from llm_convert.completion.bucket import Bucket
from llm_convert.completion.errors import RateLimitedError
from llm_convert.completion.learning import Learner
from llm_convert.completion.pace import LearningPace


@dataclass
class Service:
    """Takes so many calls a second, refuses the rest at once, and answers after a while."""

    limit: float | None
    burst: float
    latency: float = 0.2
    retry_after: float | None = None
    refused: int = 0
    answered_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bucket = Bucket(rate=self.limit or 1.0, burst=self.burst, now=0.0)

    async def call(self, pace: LearningPace) -> None:
        loop = asyncio.get_running_loop()
        while True:
            admission = await pace.admit(1_000)
            await asyncio.sleep(random.uniform(0.0005, 0.002))
            if self.limit is None or self.bucket.level(loop.time()) >= 1 - 1e-9:
                self.bucket.take(1.0, loop.time())
                await asyncio.sleep(self.latency)
                pace.answered(admission, tokens=1_000)
                self.answered_at.append(loop.time())
                return
            self.refused += 1
            pace.limited(admission, RateLimitedError("slow down", retry_after_seconds=self.retry_after))


def convert(service: Service, calls: int, *, in_flight: int = 64) -> tuple[float, LearningPace]:
    """Seconds that all calls took, and the pace at their end."""

    async def all_calls() -> tuple[float, LearningPace]:
        loop = asyncio.get_running_loop()
        pace = LearningPace(Learner(now=0.0), monotonic=loop.time)
        room = asyncio.Semaphore(in_flight)

        async def one() -> None:
            async with room:
                await service.call(pace)

        await asyncio.gather(*(one() for _ in range(calls)))
        return loop.time(), pace

    return run(all_calls())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("burst", "retry_after"), [(50, None), (5, None), (50, 1.0)])
def test_a_limit_without_a_word_costs_few_calls_and_is_used(seed: int, burst: int, retry_after: float | None) -> None:
    random.seed(seed)
    service = Service(limit=50.0, burst=burst, retry_after=retry_after)
    seconds, _ = convert(service, 600)
    assert len(service.answered_at) == 600
    assert service.refused <= 18
    assert seconds <= (600 - burst) / 50 / 0.9 + 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_service_without_reserve_is_not_run_into(seed: int) -> None:
    random.seed(seed)
    service = Service(limit=50.0, burst=1)
    seconds, _ = convert(service, 600)
    assert service.refused <= 18
    assert seconds <= 600 / 50 / 0.8


def test_where_nothing_is_refused_nothing_is_throttled() -> None:
    seconds, pace = convert(Service(limit=None, burst=0), 2_000)
    ideal = -(-2_000 // 64) * 0.2
    assert seconds <= ideal / 0.95
    assert not pace.is_known


def test_slow_answers_do_not_mislead() -> None:
    service = Service(limit=5.0, burst=5, latency=5.0)
    seconds, _ = convert(service, 200)
    assert service.refused <= 80
    assert seconds <= 200 / 5 / 0.8 + 5


def test_a_remembered_rate_starts_below_the_limit_and_refuses_hardly_anything() -> None:
    async def night() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        pace = LearningPace(Learner.remembering(0.0, 45.0), monotonic=loop.time)
        service = Service(limit=50.0, burst=10)
        await asyncio.gather(*(service.call(pace) for _ in range(300)))
        return service.refused, loop.time()

    refused, seconds = run(night())
    assert refused <= 6
    assert seconds <= 300 / 50 / 0.85


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["admit", "answer", "limit", "fail"]), st.floats(0, 0.5), st.integers(0, 9)),
        max_size=60,
    )
)
@settings(max_examples=100, deadline=None)
def test_whatever_happens_the_books_are_kept(steps: list[tuple[str, float, int]]) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        pace = LearningPace(Learner(now=0.0), monotonic=loop.time)
        held = []
        for action, pause, which in steps:
            if action == "admit":
                held.append(await pace.admit(100))
            elif held:
                admission = held.pop(which % len(held))
                if action == "answer":
                    pace.answered(admission, tokens=100)
                elif action == "limit":
                    pace.limited(admission, RateLimitedError("x"))
                else:
                    pace.failed(admission)
            if action != "admit" or len(held) >= 8:
                # The window of the start lets no more pass before something has come back.
                while len(held) >= 8:
                    pace.answered(held.pop(), tokens=1)
            await asyncio.sleep(pause)
            assert pace.in_flight == len(held)
            assert pace.rate > 0

    run(scenario())


def test_first_come_first_served_and_nobody_is_lost_when_one_gives_up() -> None:
    async def scenario() -> list[int]:
        loop = asyncio.get_running_loop()
        pace = LearningPace(Learner.remembering(0.0, 10.0), monotonic=loop.time)
        order: list[int] = []

        async def one(number: int) -> None:
            await pace.admit(1)
            order.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(20)]
        await asyncio.sleep(0.35)
        tasks[7].cancel()
        tasks[15].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order

    order = run(scenario())
    assert order == sorted(order)
    assert set(range(20)) - set(order) == {7, 15}


@given(
    rate=st.floats(0.1, 1_000),
    burst=st.floats(1, 100),
    takes=st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 5)), min_size=1, max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_no_window_lets_more_through_than_the_bucket_holds(
    rate: float, burst: float, takes: list[tuple[float, float]]
) -> None:
    bucket, now, passed = Bucket(rate=rate, burst=burst, now=0.0), 0.0, []
    for pause, amount in takes:
        now += pause
        now += bucket.seconds_until(amount, now)
        bucket.take(amount, now)
        passed.append((now, amount))
    for first in range(len(passed)):
        total = 0.0
        for at, amount in passed[first:]:
            total += amount
            largest = max(amount for _, amount in passed)
            assert total <= burst + rate * (at - passed[first][0]) + largest + 1e-6
