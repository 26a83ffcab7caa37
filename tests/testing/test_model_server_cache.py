"""The model server's prompt cache, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import pytest
from model_wire import MODEL, ROWS, HandClock, own_api, vertex

from llm_convert.testing.model_server import Dials, Fault, ModelServer

MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
SYSTEM = "규칙" * 4000
TOOL: dict[str, Any] = {"name": "give_rows", "description": "d" * 6000, "input_schema": {"type": "object"}}
CLOCK = HandClock()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS, clock=CLOCK) as running:
        yield running


def text(words: str, **mark: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **mark}


def asking(document: str = "합계", *, system: str = SYSTEM, mark: dict[str, Any] = MARK, **more: Any) -> dict[str, Any]:
    return {
        "max_tokens": 100,
        "system": [text(system, **mark)],
        "tools": [TOOL],
        "messages": [{"role": "user", "content": document}],
        **more,
    }


def used(vendor: Any, body: dict[str, Any], model: str = MODEL) -> tuple[int, int, int]:
    """Read, written, and neither."""
    usage = vendor.messages.create(model=model, **body).usage
    return usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.input_tokens


def test_written_once_and_read_from_then_on(server: ModelServer) -> None:
    with vertex(server) as vendor:
        read, written, fresh = used(vendor, asking("x" * 400))
        assert (read, fresh) == (0, 100)
        assert written > 3500, "tools and system"
        assert used(vendor, asking("y" * 800)) == (written, 0, 200)
    assert [record.cache_read_tokens for record in server.ledger] == [0, written]
    assert [record.cache_write_tokens for record in server.ledger] == [written, 0]
    assert server.ledger[1].input_tokens == written + 200, "the ledger counts all of the prompt"


def test_a_stream_tells_the_same(server: ModelServer) -> None:
    with own_api(server) as vendor:
        for expected in (True, False):
            with vendor.messages.stream(model=MODEL, **asking()) as stream:
                usage = stream.get_final_message().usage
            assert bool(usage.cache_creation_input_tokens) is expected
            assert bool(usage.cache_read_input_tokens) is not expected


def test_an_entry_lives_five_minutes_after_its_last_use(server: ModelServer) -> None:
    with vertex(server) as vendor:
        _, written, _ = used(vendor, asking())
        for _ in range(3):
            CLOCK.seconds += 299
            assert used(vendor, asking())[0] == written
        CLOCK.seconds += 301
        assert used(vendor, asking())[:2] == (0, written)


def test_or_an_hour(server: ModelServer) -> None:
    with own_api(server) as vendor:
        usage = vendor.messages.create(model=MODEL, **asking(mark=HOUR)).usage
        assert usage.cache_creation is not None
        assert usage.cache_creation.ephemeral_1h_input_tokens == usage.cache_creation_input_tokens
        assert usage.cache_creation.ephemeral_5m_input_tokens == 0
        CLOCK.seconds += 3599
        assert used(vendor, asking(mark=HOUR))[0] == usage.cache_creation_input_tokens


@pytest.mark.parametrize(
    "change",
    [
        {"system": [text(SYSTEM + "!", **MARK)]},
        {"tools": [{**TOOL, "description": "d" * 5999 + "e"}]},
        {"tools": [TOOL, {"name": "more", "input_schema": {"type": "object"}}]},
    ],
)
def test_another_prefix_is_another_entry(server: ModelServer, change: dict[str, Any]) -> None:
    with vertex(server) as vendor:
        used(vendor, asking())
        assert used(vendor, {**asking(), **change})[0] == 0


def test_another_model_project_or_service_reads_nothing(server: ModelServer) -> None:
    with vertex(server) as vendor, own_api(server) as other, vertex(server, region="eu") as third:
        assert used(vendor, asking())[0] == 0
        assert used(vendor, asking(), model="claude-haiku-4-5")[0] == 0
        assert used(other, asking())[0] == 0
        assert used(third, asking())[0] == 0
        assert used(vendor, asking())[0] > 0


def test_a_short_prefix_is_not_kept(server: ModelServer) -> None:
    with vertex(server) as vendor:
        short = asking(system="s" * 4000, tools=[])
        for _ in range(2):
            assert used(vendor, short)[:2] == (0, 0)
        server.dials = Dials(cache_minimum_tokens=1000)
        assert used(vendor, short)[:2] == (0, 1000)
        assert used(vendor, short)[:2] == (1000, 0)


def test_without_a_mark_nothing_is_kept(server: ModelServer) -> None:
    with vertex(server) as vendor:
        used(vendor, asking())
        assert used(vendor, asking(mark={}))[:2] == (0, 0)


def test_two_at_once_write_both(server: ModelServer) -> None:
    server.dials = Dials(latency_seconds=0.3)
    with vertex(server) as vendor, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: used(vendor, asking()), range(4)))
        assert {read for read, _, _ in found} == {0}
        assert {written > 0 for _, written, _ in found} == {True}
        assert used(vendor, asking())[0] > 0


def test_a_refused_request_writes_nothing(server: ModelServer) -> None:
    server.dials.fail_next = [Fault.overloaded()]
    with vertex(server) as vendor:
        with pytest.raises(anthropic.APIStatusError):
            used(vendor, asking())
        assert used(vendor, asking())[0] == 0


def test_several_marks_are_several_prefixes(server: ModelServer) -> None:
    tools = [{**TOOL, **MARK}]
    with vertex(server) as vendor:
        _, first, _ = used(vendor, asking(tools=tools))
        read, written, _ = used(vendor, asking(tools=tools, system="다른 말" * 2000))
        assert 0 < read < first, "the tools alone"
        assert written > 0
        assert used(vendor, asking(tools=tools))[:2] == (first, 0)


def test_a_conversation_goes_on_from_its_earlier_mark(server: ModelServer) -> None:
    first = [{"role": "user", "content": [text("문서" * 3000, **MARK)]}]
    plain = [{"role": "user", "content": [text("문서" * 3000)]}]
    more = [*plain, {"role": "assistant", "content": "a" * 400}, {"role": "user", "content": [text("b" * 400, **MARK)]}]
    far = [{"role": "assistant", "content": [text("c")] * 21}, {"role": "user", "content": [text("d", **MARK)]}]
    with own_api(server) as vendor:
        _, written, _ = used(vendor, asking(mark={}, messages=first))
        assert used(vendor, asking(mark={}, messages=more)) == (written, 200, 0)
        assert used(vendor, asking(mark={}, messages=[*plain, *far]))[0] == 0, "more than twenty blocks back"


def test_a_mark_of_the_request_is_one_at_its_end(server: ModelServer) -> None:
    with own_api(server) as vendor:
        body = asking(mark={}, cache_control={"type": "ephemeral"})
        _, written, fresh = used(vendor, body)
        assert (written > 0, fresh) == (True, 0)
        assert used(vendor, body) == (written, 0, 0)


def test_another_choice_of_tool_makes_other_messages(server: ModelServer) -> None:
    messages = [{"role": "user", "content": [text("문서" * 3000, **MARK)]}]
    forced = {"tool_choice": {"type": "tool", "name": "give_rows"}}
    with own_api(server) as vendor:
        _, written, _ = used(vendor, asking(messages=messages))
        read, rewritten, _ = used(vendor, asking(messages=messages, **forced))
    assert read + rewritten == written
    assert rewritten == 1500


def test_the_fixed_dials_go_before(server: ModelServer) -> None:
    server.dials = Dials(cache_read_tokens=5, cache_write_tokens=7)
    with vertex(server) as vendor:
        assert used(vendor, asking())[:2] == (5, 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mark": {"cache_control": {"type": "eternal"}}}, "system.0.cache_control.type: Input should be 'ephemeral'"),
        ({"mark": {"cache_control": {"type": "ephemeral", "ttl": "2h"}}}, "system.0.cache_control.ttl"),
        ({"messages": [{"role": "user", "content": [text("x", **MARK)] * 4}]}, "A maximum of 4 blocks"),
        ({"messages": [{"role": "user", "content": [text("x", **HOUR)]}]}, "must not come after"),
    ],
)
def test_marks_that_are_refused(server: ModelServer, change: dict[str, Any], said: str) -> None:
    with own_api(server) as vendor, pytest.raises(anthropic.BadRequestError) as caught:
        used(vendor, asking(**change))
    assert said in str(caught.value)
