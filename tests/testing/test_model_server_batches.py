"""Message batches of the model server, by Anthropic's client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from model_wire import ASK, MODEL, ROWS, own_api

from llm_convert.testing.model_server import Dials, Fault, ModelServer, text_of
from llm_convert.testing.model_server.dials import Action

PRICES: dict[str, dict[str, str]] = {MODEL: {"usd_input": "3", "usd_output": "15"}}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: {**ROWS, "clarify": text_of(request)}, prices=PRICES) as running:
        yield running


@pytest.fixture
def batches(server: ModelServer) -> Iterator[Any]:
    with own_api(server) as vendor:
        yield vendor.messages.batches


def requests(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "custom_id": f"id-{number}",
            "params": {
                **ASK,
                "model": MODEL,
                "messages": [{"role": "user", "content": f"document {number}"}],
                "metadata": {"user_id": f"item-{number}"},
                **more,
            },
        }
        for number in range(count)
    ]


def ended(batches: Any, name: str) -> Any:
    until = time.monotonic() + 10
    while (found := batches.retrieve(name)).processing_status != "ended":
        assert time.monotonic() < until, found
        time.sleep(0.01)
    return found


def results(batches: Any, name: str) -> dict[str, Any]:
    found = [(one.custom_id, one.result) for one in batches.results(name)]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_made_watched_and_read(server: ModelServer, batches: Any) -> None:
    server.dials = Dials(batch_seconds=0.2)
    made = batches.create(requests=requests(30))
    assert (made.processing_status, made.request_counts.processing, made.results_url) == ("in_progress", 30, None)
    assert (made.expires_at - made.created_at).total_seconds() == 24 * 3600
    with pytest.raises(anthropic.AnthropicError):
        batches.results(made.id)
    assert server.charged_microusd == 0
    found = ended(batches, made.id)
    assert (found.request_counts.succeeded, found.request_counts.processing) == (30, 0)
    assert found.ended_at is not None
    told = results(batches, made.id)
    for number in range(30):
        message = told[f"id-{number}"].message
        assert message.content[0].input["clarify"] == f"document {number}"
    order = [one.custom_id for one in batches.results(made.id)]
    assert order != sorted(order, key=lambda name: int(name[3:])), "not in the order of the requests"
    assert order == [one.custom_id for one in batches.results(made.id)]


def test_the_ledger_has_each_request_at_half_its_price(server: ModelServer, batches: Any) -> None:
    made = batches.create(requests=requests(3))
    ended(batches, made.id)
    first, *others = server.ledger
    assert (first.method, first.status, first.charged_microusd) == ("batches", 200, 0)
    assert {(record.method, record.status, record.batch, record.model) for record in others} == {
        ("batch", 200, made.id, MODEL)
    }
    assert sorted(record.work_item or "" for record in others) == ["item-0", "item-1", "item-2"]
    for record in others:
        full = record.input_tokens * 3 + record.output_tokens * 15
        assert record.charged_microusd == (full + 1) // 2
    assert len({record.request_id for record in server.ledger}) == 4
    assert server.received == 1, "only the making counts: looking is free"


def test_each_request_has_a_fate_of_its_own(server: ModelServer, batches: Any) -> None:
    fates: dict[str, Fault | str] = {"id-0": "expired", "id-1": Fault.overloaded(), "id-2": Fault.rate_limited()}
    server.dials = Dials(batch_fate=lambda custom_id, params: fates.get(custom_id))
    broken = {"custom_id": "broken", "params": {"model": MODEL, "messages": []}}
    streams = {"custom_id": "streams", "params": {**requests(1)[0]["params"], "stream": True}}
    made = batches.create(requests=[*requests(5), broken, streams])
    counts = ended(batches, made.id).request_counts
    assert (counts.succeeded, counts.errored, counts.expired, counts.canceled) == (2, 4, 1, 0)
    told = results(batches, made.id)
    assert told["id-0"].type == "expired"
    kinds = {name: told[name].error.error.type for name in ("id-1", "id-2", "broken", "streams")}
    assert kinds == {
        "id-1": "overloaded_error",
        "id-2": "rate_limit_error",
        "broken": "invalid_request_error",
        "streams": "invalid_request_error",
    }
    paid = [record for record in server.ledger if record.charged_microusd]
    assert len(paid) == 2
    refused = [record for record in server.ledger if record.method == "batch" and record.status != 200]
    assert sorted(record.status for record in refused) == [400, 400, 429, 529]
    assert len({told[name].error.request_id for name in kinds}) == 4


def test_an_answering_callable_that_raises_ends_its_request_alone(server: ModelServer, batches: Any) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if "document 1" in text_of(request):
            raise KeyError("sheet")
        return ROWS

    server.answer_with = answer
    made = batches.create(requests=requests(3))
    assert ended(batches, made.id).request_counts.errored == 1
    assert "answer_with raised KeyError" in results(batches, made.id)["id-1"].error.error.message


def test_cancelled_half_way_a_part_is_done_and_paid(server: ModelServer, batches: Any) -> None:
    server.dials = Dials(batch_seconds=1.0)
    made = batches.create(requests=requests(40))
    time.sleep(0.3)
    cancelled = batches.cancel(made.id)
    assert (cancelled.processing_status, cancelled.cancel_initiated_at is not None) == ("canceling", True)
    counts = ended(batches, made.id).request_counts
    assert counts.succeeded + counts.canceled == 40
    assert 0 < counts.canceled < 40
    assert 0 < counts.succeeded < 40
    kinds = [result.type for result in results(batches, made.id).values()]
    assert kinds.count("canceled") == counts.canceled
    assert [record.method for record in server.ledger].count("batch") == counts.succeeded
    with pytest.raises(anthropic.BadRequestError):
        batches.cancel(made.id)


def test_a_lost_making_is_found_by_listing(server: ModelServer, batches: Any) -> None:
    server.dials.fail_next = [Fault.of(Action.LOSE), Fault.of(Action.CUT), 529]
    with pytest.raises(anthropic.APIConnectionError):
        batches.create(requests=requests(2), extra_headers={"idempotency-key": "one"})
    for error in (anthropic.APIConnectionError, anthropic.InternalServerError):
        with pytest.raises(error):
            batches.create(requests=requests(2), extra_headers={"idempotency-key": "one"})
    assert len(list(batches.list())) == 1, "what was lost was made, what was cut off or refused was not"
    batches.create(requests=requests(2), extra_headers={"idempotency-key": "one"})
    assert len(list(batches.list())) == 2, "no header makes it the same batch"
    assert [record.status for record in server.ledger if record.method == "batches"] == [200, 0, 529, 200]


def test_pages_have_the_newest_first(server: ModelServer, batches: Any) -> None:
    names = [batches.create(requests=requests(1)).id for _ in range(5)][::-1]
    assert [found.id for found in batches.list(limit=2)] == names, "the client turns the pages"
    page = batches.list(limit=2)
    assert ([found.id for found in page.data], page.has_more) == (names[:2], True)
    assert (page.first_id, page.last_id) == (names[0], names[1])
    page = batches.list(limit=2, before_id=names[3])
    assert ([found.id for found in page.data], page.has_more) == (names[1:3], True)
    assert not batches.list(limit=2, after_id=names[2]).has_more
    with pytest.raises(anthropic.BadRequestError):
        batches.list(limit=1001)
    with pytest.raises(anthropic.NotFoundError):
        batches.list(after_id="msgbatch_none")


def test_an_ended_batch_can_be_deleted(server: ModelServer, batches: Any) -> None:
    server.dials = Dials(batch_seconds=0.1)
    made = batches.create(requests=requests(1))
    with pytest.raises(anthropic.BadRequestError):
        batches.delete(made.id)
    ended(batches, made.id)
    assert batches.delete(made.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(made.id)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ([], anthropic.BadRequestError, "requests: Field required"),
        (requests(1) * 2, anthropic.BadRequestError, "is not unique"),
        ([{"custom_id": "에러", "params": {}}], anthropic.BadRequestError, "requests.0.custom_id"),
        ([{"custom_id": "x" * 65, "params": {}}], anthropic.BadRequestError, "requests.0.custom_id"),
        ([{"custom_id": "x"}], anthropic.BadRequestError, "requests.0.params"),
        (requests(11), anthropic.BadRequestError, "at most 10 items"),
        (requests(2, system="x" * 50_000), anthropic.APIStatusError, "maximum size of 100000 bytes"),
    ],
)
def test_batches_that_are_refused(
    server: ModelServer, batches: Any, body: Any, error: type[anthropic.APIStatusError], said: str
) -> None:
    server.dials = Dials(batch_requests=10, batch_bytes=100_000)
    with pytest.raises(error) as caught:
        batches.create(requests=body)
    assert said in str(caught.value)
    assert list(batches.list()) == []


def test_looking_fails_by_a_dial_of_its_own(server: ModelServer, batches: Any) -> None:
    made = batches.create(requests=requests(1))
    server.dials.fail_next_poll = [500, 429]
    for error in (anthropic.InternalServerError, anthropic.RateLimitError):
        with pytest.raises(error):
            batches.retrieve(made.id)
    server.token = "another"
    with pytest.raises(anthropic.AuthenticationError):
        batches.retrieve(made.id)


def test_the_cache_works_within_a_batch(server: ModelServer, batches: Any) -> None:
    marked = [{"type": "text", "text": "s" * 8000, "cache_control": {"type": "ephemeral"}}]
    ended(batches, batches.create(requests=requests(1, system=marked)).id)
    ended(batches, batches.create(requests=requests(5, system=marked)).id)
    assert [record.cache_read_tokens > 0 for record in server.ledger if record.batch] == [False] + [True] * 5


def test_a_large_batch_does_not_hold_other_calls(server: ModelServer, batches: Any) -> None:
    made = batches.create(requests=requests(3000))
    with own_api(server) as vendor:
        started = time.monotonic()
        vendor.messages.create(model=MODEL, **ASK)
        assert time.monotonic() - started < 1
    assert ended(batches, made.id).request_counts.succeeded == 3000
