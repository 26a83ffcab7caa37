"""``estimate`` and ``work``: what a run would cost, and what nobody knows the cost of."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from llm_convert import wiring
from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.lease import Claim
from llm_convert.claims.ledger import Ledger
from llm_convert.cli.main import main
from llm_convert.clock import SystemClock
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.work import Reply
from llm_convert.job.plan import Narrowing, plan, read_entries
from llm_convert.settings import Settings
from llm_convert.testing.model_server import ModelServer
from night import Night
from work_items import work_item


@pytest.fixture
def priced(night: Night, monkeypatch: pytest.MonkeyPatch) -> Night:
    """Three documents for a model whose calls cost something; nothing was asked yet."""
    for n in range(1, 4):
        night.drop(f"매출 {n}.csv", f"품목,판매일,금액\n샴푸,2025-11-03,{n}000\n".encode())
    night.crawl()
    with ModelServer() as server:
        environ = {
            **night.settings.to_environment(),
            **server.environment(),
            "LLM_CONVERT_PROVIDER": "vertex",
            "LLM_CONVERT_STRATEGIES": "kept,direct",
        }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return night


def estimated(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["estimate", "t1", "20251107230000", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_run_is_priced_before_its_first_call(priced: Night, capsys: pytest.CaptureFixture[str]) -> None:
    found = estimated(capsys)
    costs = found["microusd"]
    assert found["calls"] == 3
    assert 0 < costs["batch"] < costs["online"] < costs["worst"]
    assert costs["batch"] * 2 == pytest.approx(costs["online"], abs=3)
    assert costs["cached"] < costs["online"] * 1.3
    (prompt,) = found["prompts"]
    assert prompt["model"] == "claude-sonnet-4-6"
    assert 300 < prompt["input_tokens"] / 3 < 3_000


def test_a_layout_is_priced_once_where_a_program_is_written(
    priced: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directly = estimated(capsys)
    assert directly["free"] == 0
    monkeypatch.setenv("LLM_CONVERT_STRATEGIES", "kept,program,direct")
    found = estimated(capsys)
    assert (found["calls"], found["free"]) == (1, 2)
    assert found["prompts"][0]["input_tokens"] > directly["prompts"][0]["input_tokens"] / 3, "the instruction is long"


def test_what_is_answered_costs_nothing_but_under_force(priced: Night, capsys: pytest.CaptureFixture[str]) -> None:
    before = estimated(capsys)
    items = _work_items(priced)
    ledger = Ledger(priced.store, "t1", owner="o", run_id="r-01", lease_seconds=60, clock=SystemClock())
    ledger.store_reply(Reply(work_item=items[0], run_id="r-01", provider="vertex", model="m", stop_reason="tool_use"))
    after = estimated(capsys)
    assert (after["calls"], after["done"]) == (2, 1)
    assert estimated(capsys, "--force")["microusd"] == before["microusd"]


def _work_items(night: Night) -> list[str]:
    settings = Settings.from_environment()
    prompts = wiring.open_prompts(settings)
    planned = plan(
        "t1",
        read_entries(night.store, "t1", night.bsda),
        prompts,
        Narrowing.of(night.config, prompts, file_id=None, prompt_id=None),
        wiring.open_engine(settings, os.environ),
        reading="visible",
    )
    return [entry.item_id for entry in planned if entry.is_work]


def test_a_budget_that_would_not_bear_it_is_named(
    priced: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_CONVERT_BUDGET_RUN_USD", "0.000001")
    assert main(["estimate", "t1", "20251107230000"]) == 0
    assert "the budget of the run does NOT bear it" in capsys.readouterr().out


def test_a_retired_model_is_refused_with_its_successor(
    priced: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "models: {claude-sonnet-4-6: {end_of_life: 2020-01-31, successor: claude-sonnet-5-5}}", encoding="utf-8"
    )
    monkeypatch.setenv("LLM_CONVERT_PRICES", str(prices))
    assert main(["estimate", "t1", "20251107230000"]) == 78
    assert "Use claude-sonnet-5-5 instead" in capsys.readouterr().err


def test_work_lists_what_is_in_doubt(
    night: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in night.settings.to_environment().items():
        monkeypatch.setenv(name, value)
    ledger = Ledger(night.store, "t1", owner="o", run_id="r-01", lease_seconds=60, clock=SystemClock())

    async def send(number: int) -> ClaimJournal:
        item = work_item(id=f"{number}" * 32, tenant="t1")
        claim = ledger.claim(item)
        assert isinstance(claim, Claim)
        journal = ClaimJournal(ledger, claim)
        call = SentCall(
            work_item=item.id, call=1, run_id="r-01", provider="vertex", model="m", sent_at=f"2025-11-07T0{number}",
            worst_case_microusd=1_500_000,
        )  # fmt: skip
        await journal.sending(call)
        return journal

    asyncio.run(send(1))
    asyncio.run(send(2)).release()
    assert main(["work", "t1"]) == 0
    out = capsys.readouterr().out
    assert "under way" in out
    assert "1 under way; 1 in doubt, 1.500000 USD at most" in out
    assert main(["work", "t1", "--in-doubt", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["work_item"] == "2" * 32
