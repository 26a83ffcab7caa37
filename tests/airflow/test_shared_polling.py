"""The poller that all waiting triggers of a process share, in real event loops."""

import asyncio
import contextlib
import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.airflow import polling
from llm_convert.airflow.polling import MOST_REFUSALS, Poller, Standing, standing_of
from llm_convert.contracts.launch import ExecutionHandle, ExecutionState, ExecutionStatus
from llm_convert.errors import ConfigurationError, MissingExtraError, UnavailableError

RUNNING, DONE = (ExecutionStatus(state=state) for state in (ExecutionState.RUNNING, ExecutionState.SUCCEEDED))


def handle(number):
    return ExecutionHandle(backend="b", name=f"e{number}")


class Platform:
    """A watch with dials: what is over, what is refused, and what fails next."""

    def __init__(self):
        self.over, self.refused, self.failing = set(), set(), []
        self.calls, self.opened, self.closed = [], 0, 0

    def open(self):
        self.opened += 1
        return self

    async def statuses(self, handles):
        self.calls.append(len(handles))
        await asyncio.sleep(0.001)
        if self.failing:
            raise self.failing.pop()
        names = {handle.name for handle in handles}
        if names & self.refused:
            raise ConfigurationError("no permission")
        return {name: DONE if name in self.over else RUNNING for name in names}

    async def close(self):
        self.closed += 1


@pytest.fixture
def platform():
    return Platform()


async def until_over(platform, number, *, place="p", poll_seconds=0.02):
    async with standing_of(
        handle(number), place=place, open_watch=platform.open, poll_seconds=poll_seconds
    ) as standing:
        while not standing.over and not standing.unaskable:
            await standing.news(5)
        return standing


def test_two_hundred_that_wait_cost_one_call_an_interval(platform, monkeypatch):
    monkeypatch.setattr(polling, "SECONDS_PER_WAITING", 0.0005)

    async def play():
        waiting = [asyncio.create_task(until_over(platform, number)) for number in range(200)]
        await asyncio.sleep(1.05)
        platform.over = {f"e{number}" for number in range(200)}
        return await asyncio.gather(*waiting)

    standings = asyncio.run(play())
    assert all(standing.status == DONE for standing in standings)
    assert 5 <= len(platform.calls) <= 13, "each 0.1 s, for 200 of 0.5 ms"
    assert set(platform.calls[1:]) == {200}
    assert (platform.opened, platform.closed) == (1, 1)


def test_other_places_have_their_own_poller(platform):
    platform.over = {"e1", "e2"}

    async def play():
        await asyncio.gather(until_over(platform, 1, place="p"), until_over(platform, 2, place="q"))

    asyncio.run(play())
    assert (platform.opened, platform.calls) == (2, [1, 1])


def test_a_poller_ends_when_nobody_waits_and_another_begins_later(platform):
    platform.over = {"e1"}

    async def play():
        for _ in range(2):
            await until_over(platform, 1)
            await asyncio.sleep(0.1)
            assert polling._pollers[asyncio.get_running_loop()] == {}
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(play())
    assert (platform.opened, platform.closed) == (2, 2)
    gc.collect()
    assert loop() is None, "a closed event loop is held"


def test_who_is_cancelled_is_asked_for_no_longer(platform):
    async def play():
        first, second = (asyncio.create_task(until_over(platform, number)) for number in (1, 2))
        await asyncio.sleep(0.1)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        await asyncio.sleep(0.1)
        platform.over = {"e2"}
        await second

    asyncio.run(play())
    assert platform.calls[1] == 2
    assert platform.calls[-1] == 1


def test_one_that_is_refused_harms_no_other(platform, monkeypatch):
    monkeypatch.setattr(polling, "SECONDS_PER_WAITING", 0.0)
    platform.refused, platform.over = {"e3"}, {f"e{number}" for number in range(20) if number != 3}

    async def play():
        return await asyncio.gather(*(until_over(platform, number) for number in range(20)))

    standings = asyncio.run(play())
    assert [standing.handle.name for standing in standings if standing.unaskable] == ["e3"]
    assert [standing.handle.name for standing in standings if not standing.over] == ["e3"]
    assert standings[3].unaskable == "no permission"


def test_passing_errors_are_told_and_survived_however_many(platform, monkeypatch):
    monkeypatch.setattr(polling, "LONGEST_PAUSE_SECONDS", 0.01)
    platform.failing = [UnavailableError("away"), TimeoutError()] * MOST_REFUSALS
    platform.over = {"e1"}
    standing = asyncio.run(until_over(platform, 1, poll_seconds=0.01))
    assert (standing.over, standing.unaskable, standing.trouble) == (True, "", "")


def test_a_missing_package_is_told_at_once():
    def refuse():
        raise MissingExtraError("google-cloud-run", "gcp")

    async def play():
        async with standing_of(handle(1), place="p", open_watch=refuse, poll_seconds=60) as standing:
            await standing.news(5)
            return standing

    assert "pip install" in asyncio.run(play()).unaskable


@given(waiting=st.integers(1, 2000), errors=st.integers(0, 10_000), asked=st.floats(0.01, 600, allow_nan=False))
@settings(max_examples=50, deadline=None)
def test_however_many_wait_few_questions_are_asked(waiting, errors, asked):
    poller = Poller(Platform, forget=lambda: None)
    poller._standings = {Standing(handle=handle(number), poll_seconds=asked) for number in range(waiting)}
    poller._errors_in_a_row = errors
    assert min(max(asked, waiting * 0.01), 60) <= poller.pause_seconds <= max(60, asked)
