"""A stream's events, however they are cut, make the message that was sent; anything else is refused in our words."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.completion.providers.claude_reply import NotUnderstoodError, spoken_of
from llm_convert.completion.providers.claude_stream import Assembly
from llm_convert.testing.model_server.answers import events_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=100)),
    st.builds(
        lambda given: {"type": "tool_use", "id": "t", "name": "give_rows", "input": given},
        st.dictionaries(st.text(max_size=5), JSON, max_size=4),
    ),
    st.just({"type": "thinking", "thinking": "", "signature": "c2ln"}),
)


def message(content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "message",
        "content": content,
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {"input_tokens": 9, "cache_read_input_tokens": 2, "output_tokens": 7},
    }


@given(st.lists(BLOCKS, max_size=4))
def test_whole_and_streamed_say_the_same(content: list[dict[str, Any]]) -> None:
    whole = message(content)
    assembly = Assembly()
    for event in events_of(whole):
        assembly.add(event)
    assert spoken_of(assembly.message(), "give_rows") == spoken_of(whole, "give_rows")


@given(st.lists(BLOCKS, min_size=1, max_size=3), st.data())
def test_a_broken_stream_has_no_stop_reason(content: list[dict[str, Any]], data: st.DataObject) -> None:
    events = list(events_of(message(content)))
    assembly = Assembly()
    for event in events[: data.draw(st.integers(1, len(events) - 2))]:
        assembly.add(event)
    assert spoken_of(assembly.message(), "give_rows").stop_reason == ""


EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message_start", "content_block_start", "content_block_delta", "message_delta", "new"])},
    optional={"message": JSON, "index": JSON, "content_block": JSON, "delta": JSON, "usage": JSON},
)


@given(st.lists(EVENTS, max_size=5))
def test_any_events_are_understood_or_refused(events: list[dict[str, Any]]) -> None:
    assembly = Assembly()
    with suppress(NotUnderstoodError):
        for event in events:
            assembly.add(event)
        spoken_of(assembly.message(), "give_rows")


@given(
    JSON | st.fixed_dictionaries({"content": JSON, "usage": JSON}, optional={"stop_reason": JSON, "stop_details": JSON})
)
def test_any_message_is_understood_or_refused(found: Any) -> None:
    with suppress(NotUnderstoodError):
        assert spoken_of(found, "give_rows").tokens.input_tokens >= 0


def test_an_empty_stream() -> None:
    with pytest.raises(NotUnderstoodError, match="empty stream"):
        Assembly().message()
