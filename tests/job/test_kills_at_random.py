"""The job killed again and again, run again and raced, against the model server's own account of what it answered."""

from __future__ import annotations

import os
import random
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
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.report import Report
from llm_convert.contracts.work import Result
from llm_convert.objects import find_model, read_model
from llm_convert.testing.model_server import ModelServer
from night import Night

DOCUMENTS = 24
AMOUNT = "품목,판매일,금액\n샴푸{n},2025-11-03,{n}000\n"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answers as a model that reads the one line of the sample would."""
    text = request["messages"][0]["content"][0]["text"]
    sheet = text.split("cite a cell as ")[1].split("!A1")[0]
    item, day, amount = next(line for line in text.splitlines() if line.startswith("2\t")).split("\t")[1:4]
    return {
        "rows": [
            {
                "item": {"value": item, "at": [f"{sheet}!A2"]},
                "sold_on": {"value": day, "at": [f"{sheet}!B2"]},
                "amount": {"value": int(amount), "at": [f"{sheet}!C2"]},
            }
        ]
    }


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=answer) as running:
        running.dials.latency_seconds = 0.15
        yield running


@pytest.fixture
def drive(night: Night, server: ModelServer) -> Night:
    night.environ = {
        **server.environment(),
        "LLM_CONVERT_CONCURRENCY": "3",
        "LLM_CONVERT_LEASE_SECONDS": "6",
        "LLM_CONVERT_STRATEGIES": "kept,direct",
    }
    for n in range(1, DOCUMENTS + 1):
        night.drop(f"매출 {n:02d}.csv", AMOUNT.format(n=n).encode())
    night.step("crawler")
    night.step("fileid_mapping")
    return night


def start(night: Night, run_id: str, *, index: int = 0, count: int = 1, attempt: int = 0) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        **night.settings.to_environment(),
        **night.environ,
        "TENANT_CODE": "t1",
        "BSDA": night.bsda,
        "LLM_CONVERT_RUN_ID": run_id,
        "CLOUD_RUN_TASK_INDEX": str(index),
        "CLOUD_RUN_TASK_COUNT": str(count),
        "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
        "CLOUD_RUN_EXECUTION": f"job-{run_id}",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "llm_convert.job"], env=environ, stdout=subprocess.DEVNULL, text=True
    )


def results(night: Night) -> dict[str, Result]:
    found = {}
    for info in night.store.list("tenants/t1/work/"):
        item_id, _, name = info.key.removeprefix("tenants/t1/work/").partition("/")
        result = find_model(night.store, info.key, Result) if name == "result.json" else None
        if result is not None:
            found[item_id] = result
    return found


def answered(server: ModelServer) -> Counter[str]:
    """By work item, how often the server answered, and so was paid."""
    return Counter(record.work_item for record in server.ledger if record.status == 200 and record.work_item)


def check_the_account(night: Night, server: ModelServer) -> None:
    """Every answer beyond the first of an item is one that stands in doubt, and every item has its rows once."""
    found, paid = results(night), answered(server)
    assert len(found) == DOCUMENTS
    amounts = sorted(int(str(result.rows[0].values["amount"])) for result in found.values())
    assert amounts == [1000 * n for n in range(1, DOCUMENTS + 1)]
    for item_id, result in found.items():
        in_doubt: tuple[SentCall, ...] = result.in_doubt
        assert len({call.id for call in in_doubt}) == len(in_doubt), "listed once"
        assert paid[item_id] - 1 <= len(in_doubt), "answered, kept, and paid again"
        assert result.usage.calls == 1
    left = list(open_calls(night.store, "t1", SystemClock().now()))
    assert all(open_call.in_doubt for open_call in left), "nothing is under way any more"
    assert len(left) == sum(len(result.in_doubt) for result in found.values())


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_points_until_it_is_done(drive: Night, server: ModelServer, seed: int) -> None:
    chance = random.Random(seed)
    for run in range(1, 40):
        job = start(drive, f"night-{run:02d}")
        try:
            code = job.wait(timeout=chance.uniform(0.9, 1.6) if run < 12 else 60)
        except subprocess.TimeoutExpired:
            job.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            job.wait(timeout=30)
            continue
        if code == 0:
            break
    assert code == 0
    check_the_account(drive, server)
    report = read_model(drive.store, keys.report("t1", drive.bsda, f"night-{run:02d}"), Report)
    assert sum(item.rows for item in report.items) == DOCUMENTS
    assert sum(answered(server).values()) - DOCUMENTS <= 3 * (run - 1), "no more than was in flight at each kill"


def test_two_executions_that_race_pay_once_and_report_the_same(drive: Night, server: ModelServer) -> None:
    one, other = start(drive, "one-01"), start(drive, "other-01")
    assert [one.wait(timeout=60), other.wait(timeout=60)] == [0, 0]
    assert set(answered(server).values()) == {1}
    check_the_account(drive, server)
    reports = [
        Report.from_json(drive.store.read(keys.report("t1", drive.bsda, run)).data) for run in ("one-01", "other-01")
    ]
    assert [[(i.document, i.outcome, i.rows) for i in report.items] for report in reports] == [
        [(f"매출 {n:02d}.csv", "SUCCEEDED", 1) for n in range(1, DOCUMENTS + 1)]
    ] * 2
    assert sum(report.usage.calls for report in reports) == DOCUMENTS


def test_a_lost_task_is_taken_over_by_the_others(drive: Night, server: ModelServer) -> None:
    tasks = [start(drive, "tasks-01", index=index, count=3) for index in range(3)]
    deadline = time.monotonic() + 30
    while server.received < 6 and time.monotonic() < deadline:
        time.sleep(0.02)
    tasks[1].kill()
    assert [tasks[0].wait(timeout=60), tasks[2].wait(timeout=60)] == [0, 0]
    tasks[1].wait(timeout=10)
    check_the_account(drive, server)
    report = read_model(drive.store, keys.report("t1", drive.bsda, "tasks-01"), Report)
    assert [item.document for item in report.items] == [f"매출 {n:02d}.csv" for n in range(1, DOCUMENTS + 1)]
    assert sum(item.rows for item in report.items) == DOCUMENTS
    again = start(drive, "tasks-01", index=1, count=3, attempt=1)
    assert again.wait(timeout=60) == 0
    assert sum(answered(server).values()) <= DOCUMENTS + 3
