"""The engine over scripted providers: who is asked next, what is written down, what is set aside and settled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run

from llm_convert.clock import SystemClock
from llm_convert.completion.backoff import Patience
from llm_convert.completion.breaker import LONGEST_SECONDS, CircuitBreaker, State
from llm_convert.completion.engine import Engine
from llm_convert.completion.errors import (
    CallTimeoutError,
    ConnectionLostError,
    DailyLimitError,
    NoProviderAnsweredError,
    OverloadedError,
    QuotaZeroError,
    RateLimitedError,
    ServerFaultError,
    UnsupportedByProviderError,
)
from llm_convert.completion.link import Link
from llm_convert.completion.unlimited import UnpacedCapacities
from llm_convert.completion.warmup import WarmUp
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.document import Document, TextPage
from llm_convert.contracts.prompt import ModelTier, OutputField, OutputSchema, Prompt
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Reply, WorkItemError
from llm_convert.errors import ConfigurationError
from llm_convert.ports import CompletionRequest, TextContent

PROMPT = Prompt(
    prompt_id="p", file_ids=("*",), instructions="x", output=OutputSchema(table="t", fields=(OutputField(name="a"),))
)
FAULTS = {
    "limited": lambda: RateLimitedError("slow down"),
    "overloaded": lambda: OverloadedError("busy"),
    "timeout": lambda: CallTimeoutError("silence"),
    "cut": lambda: ConnectionLostError("cut"),
    "server": lambda: ServerFaultError("fault"),
    "no quota": lambda: QuotaZeroError("none"),
    "daily": lambda: DailyLimitError("tomorrow"),
    "wrong": lambda: ConfigurationError("no key", remedy="Set a key."),
    "unsupported": lambda: UnsupportedByProviderError("no pictures"),
    "refused": lambda: WorkItemError(Cause.TOO_LARGE, "too long"),
}


def request(number: int = 1) -> CompletionRequest:
    page = TextPage(name="page 1", lines=("x",))
    return CompletionRequest(
        work_item=f"{number:032d}",
        run_id="r-01",
        prompt=PROMPT,
        document=Document(name="d.txt", sha256="0" * 64, kind="txt", parts=(page,)),
        system="s",
        content=(TextContent(text="x"),),
        tool_name="give_rows",
        tool_schema={},
        max_output_tokens=100,
    )


@dataclass
class Scripted:
    """Does what its script says, one word a call; answers when the script is over."""

    name: str
    script: list[str] = field(default_factory=list)
    cached: bool = False
    asked: int = 0
    seconds: float = 0.01

    def model(self, tier: ModelTier) -> str:
        return f"{self.name}-{tier.value}"

    def capacity(self, tier: ModelTier) -> str:
        return f"{self.name}/{tier.value}"

    def worst_case_microusd(self, request: CompletionRequest) -> int:
        return 100

    def caches(self, request: CompletionRequest) -> bool:
        return self.cached

    async def complete(self, request: CompletionRequest) -> Reply:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        word = self.script.pop(0) if self.script else "answer"
        if word in FAULTS:
            raise FAULTS[word]()
        return Reply(
            work_item=request.work_item, run_id="r-01", provider=self.name, model=self.model(request.tier),
            stop_reason="tool_use", answer={"rows": []}, usage=Usage(calls=1, cost_microusd=7),
        )  # fmt: skip

    async def close(self) -> None:
        pass


class Books:
    """Journal and purse in one: what was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.aside: dict[str, int] = {}
        self.spent = self.doubtful = 0

    async def sending(self, call: SentCall) -> None:
        assert call.id in self.aside, "sent before anything was set aside for it"
        self.told.append(("sending", call.id))

    async def unanswered(self, call: SentCall, *, may_be_billed: bool) -> None:
        self.told.append(("in doubt" if may_be_billed else "unanswered", call.id))

    async def answered(self, reply: Reply) -> None:
        self.told.append(("answered", ""))

    async def reserve(self, call_id: str, microusd: int, *, holds: timedelta | None = None) -> None:
        assert call_id not in self.aside
        self.aside[call_id] = microusd

    async def settle(self, call_id: str, microusd: int) -> None:
        del self.aside[call_id]
        self.spent += microusd

    async def leave_in_doubt(self, call_id: str) -> None:
        self.doubtful += self.aside.pop(call_id)

    async def close(self) -> None:
        pass


def engine(providers: Sequence[Scripted], books: Books, *, retry: float = 300.0, warm: bool = False) -> Engine:
    loop = asyncio.get_running_loop()
    paces = UnpacedCapacities(loop.time)
    links = [
        Link(
            provider,
            CircuitBreaker(failures=3, seconds=10, monotonic=loop.time),
            paces=paces,
            purse=books,
            call_timeout_seconds=60,
            clock=SystemClock(),
        )
        for provider in providers
    ]
    return Engine(
        links,
        paces=paces,
        purse=books,
        patience=lambda: Patience(retry, monotonic=loop.time, draw=lambda: 0.5),
        warm_up=WarmUp(lives_seconds=300, monotonic=loop.time) if warm else None,
    )


def ask(*providers: Scripted, retry: float = 300.0) -> tuple[Reply, Books]:
    async def question() -> tuple[Reply, Books]:
        books = Books()
        return await engine(providers, books, retry=retry).ask(request(), books), books

    return run(question())


class TestWhoIsAskedNext:
    @pytest.mark.parametrize("word", ["no quota", "daily", "wrong", "unsupported"])
    def test_what_will_not_change_moves_on_at_once(self, word: str) -> None:
        first, second = Scripted("first", [word]), Scripted("second")
        reply, _ = ask(first, second)
        assert (reply.provider, first.asked) == ("second", 1)
        assert [attempt.provider for attempt in reply.attempts] == ["first", "second"]
        assert reply.attempts[-1].outcome == "answered"

    @pytest.mark.parametrize("word", ["overloaded", "server"])
    def test_what_may_pass_is_tried_twice(self, word: str) -> None:
        first, second = Scripted("first", [word] * 9), Scripted("second")
        reply, _ = ask(first, second)
        assert (reply.provider, first.asked) == ("second", 2)

    def test_a_single_provider_is_tried_as_long_as_patience_lasts(self) -> None:
        only = Scripted("only", ["server"] * 6)
        reply, books = ask(only)
        assert [attempt.outcome for attempt in reply.attempts] == ["server"] * 6 + ["answered"]
        assert (books.spent, books.doubtful, books.aside) == (7, 0, {})

    def test_calls_that_may_be_charged_are_not_tried_for_ever(self) -> None:
        only = Scripted("only", ["timeout"] * 99)
        with pytest.raises(NoProviderAnsweredError) as ended:
            ask(only)
        assert only.asked == 3
        assert [attempt.may_be_billed for attempt in ended.value.attempts] == [True] * 3

    def test_a_document_that_is_refused_is_no_outage(self) -> None:
        first, second = Scripted("first", ["refused"]), Scripted("second")
        with pytest.raises(WorkItemError):
            ask(first, second)
        assert second.asked == 0

    def test_when_none_is_configured_rightly_each_is_named(self) -> None:
        with pytest.raises(ConfigurationError, match=r"first: no key.*second: no key.*Set a key"):
            ask(Scripted("first", ["wrong"]), Scripted("second", ["wrong"]))

    def test_patience_ends_with_the_account_of_what_was_tried(self) -> None:
        with pytest.raises(NoProviderAnsweredError, match=r"no answer from only in .* tries; the last: busy") as ended:
            ask(Scripted("only", ["overloaded"] * 999), retry=60)
        assert len(ended.value.attempts) > 3

    def test_without_retries_the_first_fault_ends_it(self) -> None:
        only = Scripted("only", ["server"])
        with pytest.raises(NoProviderAnsweredError):
            ask(only, retry=0)
        assert only.asked == 1


class TestTheBooks:
    @given(
        first=st.lists(st.sampled_from(sorted(FAULTS)), max_size=8),
        second=st.lists(st.sampled_from(sorted(FAULTS)), max_size=8),
    )
    @settings(max_examples=150, deadline=None)
    def test_every_call_is_told_settled_and_written_down(self, first: list[str], second: list[str]) -> None:
        providers = [Scripted("first", first), Scripted("second", second)]

        async def question() -> tuple[Books, Reply | None]:
            books = Books()
            try:
                return books, await engine(providers, books).ask(request(), books)
            except Exception:  # noqa: BLE001 - whatever it ends in, the books must be right
                return books, None

        books, reply = run(question())
        words = [word for word, _ in books.told]
        assert books.aside == {}
        assert words[::2] == ["sending"] * (len(words) // 2), "told before each call, and once after it"
        assert words.count("answered") == (reply is not None)
        assert sum(provider.asked for provider in providers) == len(words) // 2
        assert books.doubtful == 100 * words.count("in doubt")
        if reply is not None:
            assert len(reply.attempts) == len(words) // 2
            assert words[-1] == "answered"

    def test_a_call_that_is_broken_off_stays_in_doubt(self) -> None:
        async def question() -> Books:
            books = Books()
            asking = asyncio.create_task(engine([Scripted("only", seconds=60)], books).ask(request(), books))
            await asyncio.sleep(1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            return books

        books = run(question())
        assert [word for word, _ in books.told] == ["sending", "in doubt"]
        assert (books.doubtful, books.aside) == (100, {})


class TestWarmUp:
    def test_one_call_goes_first_and_the_others_follow_its_answer(self) -> None:
        async def night() -> list[int]:
            books, provider, seen = Books(), Scripted("only", cached=True, seconds=2), []
            asking = engine([provider], books, warm=True)
            tasks = [asyncio.create_task(asking.ask(request(number), books)) for number in range(5)]
            for _ in range(3):
                await asyncio.sleep(1.5)
                seen.append(provider.asked)
            await asyncio.gather(*tasks)
            return seen

        assert run(night()) == [1, 5, 5]

    def test_a_first_call_that_hangs_holds_nobody_up_for_long(self) -> None:
        async def night() -> float:
            loop, warm_up = asyncio.get_running_loop(), None
            warm_up = WarmUp(lives_seconds=300, wait_seconds=20, monotonic=loop.time)
            assert await warm_up.enter("p")
            assert not await warm_up.enter("p")
            return loop.time()

        assert run(night()) == pytest.approx(20, abs=0.1)


class TestBreaker:
    @given(st.lists(st.sampled_from(["fail", "succeed", "leave", "wait"]), max_size=80))
    @settings(max_examples=200, deadline=None)
    def test_it_opens_after_failures_in_a_row_and_lets_one_try(self, events: list[str]) -> None:
        now = 0.0
        breaker = CircuitBreaker(failures=3, seconds=10, monotonic=lambda: now)
        in_a_row = 0
        for event in events:
            if event == "wait":
                now += 7
                continue
            entered = breaker.try_enter()
            if not entered:
                assert breaker.state is not State.CLOSED
                continue
            if breaker.state is State.HALF_OPEN:
                assert not breaker.try_enter(), "only one tries"
            if event == "fail":
                in_a_row += 1
                breaker.failed()
                assert (breaker.state is State.OPEN) == (in_a_row >= 3)
            elif event == "succeed":
                in_a_row = 0
                breaker.succeeded()
                assert breaker.state is State.CLOSED
            else:
                breaker.left()
            assert breaker.seconds_left <= LONGEST_SECONDS
