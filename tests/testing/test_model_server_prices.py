"""What the model server charges, reckoned here by hand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from model_wire import ASK, HTTP, MODEL, ROWS, own_api, vertex

from llm_convert.testing.model_server import Dials, Fault, ModelServer
from llm_convert.testing.model_server.dials import Action
from llm_convert.testing.model_server.prices import Tariff
from llm_convert.testing.model_server.tokens import Tokens

PRICES: dict[str, dict[str, Decimal]] = {MODEL: {"usd_input": Decimal(3), "usd_output": Decimal(15)}}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS, prices=PRICES) as running:
        yield running


@pytest.mark.parametrize(
    ("tokens", "region", "batch", "more", "microusd"),
    [
        (Tokens(prompt=1000, output=100), "global", False, {}, 4500),
        (Tokens(prompt=1000, output=100), "asia-northeast3", False, {}, 4950),
        (Tokens(prompt=1000, output=100), "global", True, {}, 2250),
        (Tokens(prompt=1000, output=100), "eu", True, {}, 2475),
        (Tokens(prompt=1000, cache_read=1000), "global", False, {}, 300),
        (Tokens(prompt=1000, cache_write=1000), "global", False, {}, 3750),
        (Tokens(prompt=1000, cache_write=1000, cache_write_long=1000), "global", False, {}, 6000),
        (Tokens(prompt=1000, cache_read=400, cache_write=200, output=2), "global", False, {}, 2100),
        (Tokens(prompt=1000, cache_read=1000), "global", False, {"cache_read": "0.05"}, 150),
        (Tokens(prompt=1001, output=1), "global", False, {"long_prompt_above": 1000, "long_prompt_factor": 5}, 15090),
        (Tokens(prompt=1000, output=1), "global", False, {"long_prompt_above": 1000, "long_prompt_factor": 5}, 3015),
        (Tokens(prompt=1), "global", False, {"usd_input": "0.5"}, 1),
        (Tokens(prompt=1), "global", False, {"usd_input": "0.4"}, 0),
    ],
)
def test_the_arithmetic(tokens: Tokens, region: str, batch: bool, more: dict[str, Any], microusd: int) -> None:
    tariff = Tariff({MODEL: {**PRICES[MODEL], **more}})
    assert tariff.microusd(MODEL, region, tokens, batch=batch) == microusd
    assert tariff.microusd(f"{MODEL}@20250929", region, tokens, batch=batch) == microusd
    assert tariff.microusd("other", region, tokens, batch=batch) == 0


def test_a_misspelt_price_is_refused() -> None:
    with pytest.raises(ValueError, match="usd_in not known"):
        ModelServer(prices={MODEL: {"usd_in": 3}})


def test_answers_are_charged_and_nothing_else(server: ModelServer) -> None:
    with vertex(server) as vendor, own_api(server) as other:
        usage = vendor.messages.create(model=MODEL, **ASK).usage
        each = usage.input_tokens * 3 + usage.output_tokens * 15
        assert server.charged_microusd == each
        vendor.messages.count_tokens(model=MODEL, messages=ASK["messages"])
        server.dials.fail_next = [500, Fault.of(Action.LOSE)]
        for _ in range(2):
            with pytest.raises(Exception, match=r"500|Connection"):
                vendor.messages.create(model=MODEL, **ASK)
        assert server.charged_microusd == 2 * each, "a lost answer is paid for, a refusal is not"
        usage = other.messages.create(model=MODEL, **ASK, inference_geo="us").usage
        third = round((usage.input_tokens * 3 + usage.output_tokens * 15) * 1.1)
        assert [record.charged_microusd for record in server.ledger] == [each, 0, 0, each, third]


def test_what_the_cache_did_is_charged_at_its_price(server: ModelServer) -> None:
    server.dials = Dials(cache_minimum_tokens=10)
    body = {**ASK, "system": [{"type": "text", "text": "s" * 400, "cache_control": {"type": "ephemeral"}}]}
    with vertex(server) as vendor:
        first, second = (vendor.messages.create(model=MODEL, **body).usage for _ in range(2))
    written, out = first.cache_creation_input_tokens or 0, first.output_tokens * 15
    assert server.ledger[0].charged_microusd == int(
        first.input_tokens * 3 + written * Decimal("3.75") + out + Decimal("0.5")
    )
    assert second.cache_read_input_tokens == written
    assert server.ledger[1].charged_microusd == int(
        second.input_tokens * 3 + written * Decimal("0.3") + out + Decimal("0.5")
    )


def test_other_services_are_charged_when_their_model_has_a_price() -> None:
    with ModelServer(prices={"house": {"usd_input": 1, "usd_output": 2, "cache_read": "0.5"}}) as server:
        server.dials = Dials(cache_read_tokens=4)
        body = {"model": "house", "messages": [{"role": "user", "content": "x" * 400}]}
        headers = {"Authorization": "Bearer k"}
        found = HTTP.post(f"{server.url}/openai/v1/chat/completions", headers=headers, json=body).json()["usage"]
        assert server.charged_microusd == 96 + 2 + found["completion_tokens"] * 2
