"""Quotas of the model server: buckets that fill with a clock of the test's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from model_wire import ASK, MODEL, ROWS, HandClock, own_api, vertex

from llm_convert.testing.model_server import Dials, ModelServer

CLOCK = HandClock()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS, clock=CLOCK) as running:
        yield running


def statuses(vendor: Any, count: int, model: str = MODEL, **more: Any) -> list[int]:
    found = []
    for _ in range(count):
        try:
            vendor.messages.create(**{**ASK, **more}, model=model)
            found.append(200)
        except anthropic.APIStatusError as error:
            found.append(error.status_code)
    return found


def test_a_burst_passes_and_then_the_rate(server: ModelServer) -> None:
    server.dials = Dials(requests_per_second=2, burst=3)
    with vertex(server) as vendor:
        assert statuses(vendor, 5) == [200, 200, 200, 429, 429]
        CLOCK.seconds += 0.5
        assert statuses(vendor, 2) == [200, 429]
        CLOCK.seconds += 60
        assert statuses(vendor, 4) == [200, 200, 200, 429]
    assert [record.status for record in server.ledger].count(429) == 4
    assert {record.input_tokens for record in server.ledger if record.status == 429} == {0}


def test_each_model_and_each_service_has_its_own_quota(server: ModelServer) -> None:
    server.dials = Dials(requests_per_second=1)
    with vertex(server) as first, own_api(server) as second, vertex(server, region="eu") as third:
        for vendor in (first, second, third):
            assert statuses(vendor, 2) == [200, 429]
            assert statuses(vendor, 2, model="claude-haiku-4-5") == [200, 429]


def test_tokens_are_counted_by_the_minute_and_a_refusal_takes_none(server: ModelServer) -> None:
    with vertex(server) as vendor:
        vendor.messages.create(**ASK, model=MODEL)
        each = server.ledger[0].input_tokens
        server.dials = Dials(tokens_per_minute=2 * each, requests_per_second=1000)
        assert statuses(vendor, 3) == [200, 200, 429]
        CLOCK.seconds += 30
        assert statuses(vendor, 2) == [200, 429]
        long = [{"role": "user", "content": "x" * each * 40}]
        CLOCK.seconds += 600
        assert statuses(vendor, 1, messages=long) == [429], "it never fits"
        assert statuses(vendor, 2) == [200, 200]


@pytest.mark.parametrize(
    ("connect", "said", "kind", "waits"),
    [
        (vertex, None, "RESOURCE_EXHAUSTED", None),
        (own_api, None, "rate_limit_error", "4"),
        (vertex, True, "RESOURCE_EXHAUSTED", "4"),
        (own_api, False, "rate_limit_error", None),
    ],
)
def test_the_refusal_has_the_form_of_the_service(
    server: ModelServer, connect: Any, said: bool | None, kind: str, waits: str | None
) -> None:
    server.dials = Dials(requests_per_second=0.25, retry_after=said)
    with connect(server) as vendor:
        vendor.messages.create(**ASK, model=MODEL)
        with pytest.raises(anthropic.RateLimitError) as caught:
            vendor.messages.create(**ASK, model=MODEL)
    error = caught.value.response.json()["error"]
    assert error.get("status") == kind or error.get("type") == kind
    assert caught.value.response.headers.get("retry-after") == waits
    CLOCK.seconds += 4
    with connect(server) as vendor:
        assert statuses(vendor, 1) == [200], "what it told was true"


def test_a_refusal_may_come_late(server: ModelServer) -> None:
    server.dials = Dials(requests_per_second=1, refusal_seconds=0.2)
    with vertex(server) as vendor:
        assert statuses(vendor, 1) == [200]
        started = time.monotonic()
        assert statuses(vendor, 1) == [429]
        assert time.monotonic() - started >= 0.2


def test_counting_tokens_takes_no_quota(server: ModelServer) -> None:
    server.dials = Dials(requests_per_second=1)
    with vertex(server) as vendor:
        for _ in range(3):
            assert vendor.messages.count_tokens(model=MODEL, messages=ASK["messages"]).input_tokens > 0
        assert statuses(vendor, 1) == [200]
