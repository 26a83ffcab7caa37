"""Whatever JSON the model server is sent, it is answered: with a refusal, or as any other request."""

from __future__ import annotations

import copy
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_wire import ASK, MODEL, ROWS

from llm_convert.testing.model_server import Dials, ModelServer

MARK = {"cache_control": {"type": "ephemeral"}}
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}}
TURNS = [
    {"role": "user", "content": [{"type": "text", "text": "합계", **MARK}, IMAGE]},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "give_rows", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "no"}]},
]
CLAUDE = {
    **ASK,
    "messages": TURNS,
    "system": [{"type": "text", "text": "s", **MARK}],
    "tools": [{"name": "give_rows", "strict": True, "input_schema": CLOSED}],
    "output_config": {"format": {"type": "json_schema", "schema": CLOSED}},
    "metadata": {"user_id": "x"},
    "thinking": {"type": "disabled"},
    "stream": False,
}
CHAT = [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "x"}]}]
FUNCTION = {"type": "function", "function": {"name": "give_rows", "parameters": CLOSED}}
BODIES: dict[str, dict[str, Any]] = {
    f"/v1/projects/p/locations/eu/publishers/anthropic/models/{MODEL}:rawPredict": {"anthropic_version": "v", **CLAUDE},
    "/v1/messages": {"model": MODEL, **CLAUDE},
    "/v1/messages/count_tokens": {"model": MODEL, "messages": TURNS, "tools": CLAUDE["tools"]},
    "/v1/messages/batches": {"requests": [{"custom_id": "a", "params": {"model": MODEL, **CLAUDE}}]},
    "/v1/projects/p/locations/eu/batchPredictionJobs": {
        "displayName": "x",
        "model": f"publishers/anthropic/models/{MODEL}",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b/x"]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://b/y"}},
    },
    "/openai/v1/chat/completions": {
        "model": "m",
        "messages": CHAT,
        "max_tokens": 9,
        "tools": [FUNCTION],
        "tool_choice": {"type": "function", "function": {"name": "give_rows"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": CLOSED}},
        "stream_options": {"include_usage": True},
        "user": "x",
        "stream": True,
    },
    "/api/chat": {"model": "qwen3:8b", "messages": CHAT, "format": CLOSED, "options": {"num_ctx": 9, "num_predict": 9}},
}
HEADERS = {"Authorization": "Bearer t", "anthropic-version": "2026-10-21"}
ODD = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3) | st.sampled_from([[], {}, [1], {"a": 1}])


@pytest.fixture(scope="module")
def line() -> Iterator[http.client.HTTPConnection]:
    storage = ({"gs://b/x": b""}.__getitem__, {}.__setitem__)
    with ModelServer(answer_with=lambda request: ROWS, storage=storage, dials=Dials(batch_jobs=10_000)) as server:
        opened = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=5)
        yield opened
        opened.close()


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield before
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from places(part, (*before, name))


def replaced(body: Any, place: tuple[Any, ...], odd: Any) -> Any:
    if not place:
        return odd
    changed = copy.deepcopy(body)
    found = changed
    for name in place[:-1]:
        found = found[name]
    found[place[-1]] = odd
    return changed


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("path", BODIES)
def test_it_is_answered(line: http.client.HTTPConnection, path: str, data: st.DataObject) -> None:
    body = BODIES[path]
    for _ in range(data.draw(st.integers(1, 2))):
        body = replaced(body, data.draw(st.sampled_from(list(places(body)))), data.draw(ODD))
    line.request("POST", path, json.dumps(body), HEADERS)
    answer = line.getresponse()
    said = answer.read()
    assert answer.status < 500, (body, said)
