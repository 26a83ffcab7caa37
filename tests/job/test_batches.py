"""First calls by batches: half the price, found again after any crash, and online what does not come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from llm_convert.claims.open_calls import open_calls
from llm_convert.clock import SystemClock
from llm_convert.contracts import keys
from llm_convert.contracts.calls import BatchRecord
from llm_convert.contracts.report import Report
from llm_convert.contracts.work import Outcome
from llm_convert.objects import remove
from llm_convert.testing.model_server import Fault, ModelServer
from llm_convert.testing.model_server.dials import Action
from night import Night

DOCUMENTS = 12
PRICES = {
    "claude-sonnet-4-6": {"usd_input": "3", "usd_output": "15"},
    "claude-opus-5-5": {"usd_input": "4", "usd_output": "20"},
}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    text = request["messages"][0]["content"][0]["text"]
    sheet = text.split("cite a cell as ")[1].split("!A1")[0]
    item, day, amount = next(line for line in text.splitlines() if line.startswith("2\t")).split("\t")[1:4]
    cells = {"item": (item, "A2"), "sold_on": (day, "B2"), "amount": (int(amount), "C2")}
    return {"rows": [{name: {"value": value, "at": [f"{sheet}!{at}"]} for name, (value, at) in cells.items()}]}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=answer, prices=PRICES) as running:
        yield running


@pytest.fixture
def drive(night: Night, server: ModelServer) -> Night:
    night.environ = {
        **server.environment("anthropic"),
        "LLM_CONVERT_PROVIDER": "anthropic",
        "LLM_CONVERT_STRATEGIES": "kept,direct",
        "LLM_CONVERT_BATCH": "on",
        "LLM_CONVERT_LEASE_SECONDS": "6",
    }
    fill(night)
    return night


def fill(night: Night) -> None:
    for n in range(1, DOCUMENTS + 1):
        night.drop(f"매출 {n:02d}.csv", f"품목,판매일,금액\n샴푸{n},2025-11-03,{n}000\n".encode())
    night.crawl()


def answered(server: ModelServer) -> Counter[str]:
    return Counter(record.work_item for record in server.ledger if record.status == 200 and record.work_item)


def check(night: Night, server: ModelServer, report: Report) -> None:
    """Every row is there, nothing was paid twice, our books are the server's, and nothing is left behind."""
    assert {item.outcome for item in report.items} == {Outcome.SUCCEEDED}
    assert sum(item.rows for item in report.items) == DOCUMENTS
    assert answered(server) == {item.work_item: 1 for item in report.items}
    assert list(night.store.list(keys.batches("t1"))) == []
    assert list(open_calls(night.store, "t1", SystemClock().now())) == []


def methods(server: ModelServer) -> set[str]:
    return {record.method for record in server.ledger if record.status == 200}


def test_half_the_price_and_the_same_rows(drive: Night, server: ModelServer) -> None:
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    assert code == 0
    check(drive, server, report)
    assert report.usage.cost_microusd == server.charged_microusd
    assert sum(item.usage.cost_microusd for item in report.items) == server.charged_microusd
    again, _ = drive.job(LLM_CONVERT_RUN_ID="other-01")
    assert again.usage.calls == 0


def start(night: Night, run_id: str) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        **night.settings.to_environment(),
        **night.environ,
        "TENANT_CODE": "t1",
        "BSDA": night.bsda,
        "LLM_CONVERT_RUN_ID": run_id,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "llm_convert.job"], env=environ, stdout=subprocess.DEVNULL, text=True
    )


def test_a_batch_that_is_found_again_goes_on_file_and_is_replayed(drive: Night, server: ModelServer) -> None:
    on_file(drive)
    server.dials.batch_seconds = 2
    job = start(drive, "batch-01")
    wait_for_batch(drive)
    job.kill()
    job.wait(timeout=20)
    report, _ = drive.job(LLM_CONVERT_RUN_ID="batch-02")
    check(drive, server, report)
    check_replayed(drive, server)


def on_file(night: Night) -> None:
    night.environ |= {"LLM_CONVERT_RECORDINGS": str(night.home / "recordings"), "LLM_CONVERT_RECORD": "true"}


def check_replayed(night: Night, server: ModelServer) -> None:
    """The same night again with nothing but what is on file: neither replies nor results, and no server."""
    before = server.received
    for info in list(night.store.list("tenants/t1/items/")):
        remove(night.store, info.key)
    night.environ |= {"LLM_CONVERT_PROVIDER": "recorded", "LLM_CONVERT_BATCH": "off"}
    replayed, code = night.job(LLM_CONVERT_RUN_ID="replay-01", LLM_CONVERT_BUDGET_RUN_USD="0")
    assert code == 0
    assert sum(item.rows for item in replayed.items) == DOCUMENTS
    assert (replayed.usage.calls, replayed.usage.cost_microusd) == (DOCUMENTS, 0)
    brought = [record for record in server.ledger if record.method == "batch"]
    assert replayed.usage.tokens == sum(record.input_tokens + record.output_tokens for record in brought) > 0
    assert server.received == before


def wait_for_batch(night: Night) -> None:
    """Until the service's name for a batch is in the store."""
    until = time.monotonic() + 30
    while not any(
        BatchRecord.from_json(night.store.read(info.key).data).handle
        for info in night.store.list(keys.batches("t1"))
        if info.key.count("/") == 3
    ):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("later", ["on", "off"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_batch_is_found_again_after_a_kill(
    drive: Night, server: ModelServer, number: signal.Signals, later: str
) -> None:
    server.dials.batch_seconds = 5
    job = start(drive, "batch-01")
    wait_for_batch(drive)
    job.send_signal(number)
    job.wait(timeout=20)
    drive.environ["LLM_CONVERT_BATCH"] = later
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-02")
    assert code == 0
    check(drive, server, report)


@pytest.mark.parametrize("action", [Action.CUT, Action.GARBAGE, Action.LOSE])
def test_a_batch_whose_making_was_not_answered_is_found(drive: Night, server: ModelServer, action: Action) -> None:
    server.dials.fail_next = [Fault.of(action)]
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    assert code == 0
    check(drive, server, report)


def test_errors_while_polling_start_nothing(drive: Night, server: ModelServer) -> None:
    server.dials.fail_next_poll = [500, 503, Fault.of(Action.CUT)]
    report, _ = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    check(drive, server, report)


def test_what_fails_or_expires_goes_online(drive: Night, server: ModelServer) -> None:
    fates = iter([Fault.overloaded(), "expired", Fault.invalid("messages: no")])
    server.dials.batch_fate = lambda _id, _body: next(fates, None)
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    assert code == 0
    check(drive, server, report)
    assert report.usage.cost_microusd == server.charged_microusd


def test_what_is_not_back_by_the_deadline_goes_online(drive: Night, server: ModelServer) -> None:
    server.dials.batch_seconds = 6
    drive.environ["LLM_CONVERT_BATCH_WAIT_SECONDS"] = "2"
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    assert code == 0
    check(drive, server, report)
    assert report.usage.cost_microusd == server.charged_microusd


def test_a_batch_keeps_within_the_budget(drive: Night, server: ModelServer) -> None:
    drive.environ["LLM_CONVERT_BUDGET_RUN_USD"] = "0.5"
    drive.environ["LLM_CONVERT_MAX_OUTPUT_TOKENS"] = "8000"
    report, _ = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    # Each may cost six cents and more at its worst: some go with the batch, the others online one after the other.
    assert server.charged_microusd == report.usage.cost_microusd <= 500_000
    check(drive, server, report)


def test_a_service_without_batches_is_asked_online(drive: Night, server: ModelServer) -> None:
    server.dials.fail_next = [Fault(status=404, type="not_found_error", message="no batches here")]
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    assert code == 0
    check(drive, server, report)
