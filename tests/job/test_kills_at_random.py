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
from llm_convert.contracts.work import Reply, Result
from llm_convert.objects import find_model, read_model
from llm_convert.programs import ProgramStore
from llm_convert.testing.model_server import ModelServer, programs
from night import Night

LAYOUTS = "가나다라마바"
OF_A_LAYOUT = 4
"""Documents: three sheets that look alike, and a letter, which no program is written for."""
DOCUMENTS = len(LAYOUTS) * OF_A_LAYOUT
KILLS = 10
DEFAULT = "kept,program,direct"


def program(layout: str) -> dict[str, Any]:
    fields = {"item": {"column": f"^품목{layout}$"}, "sold_on": {"column": f"^판매일{layout}$"}, "amount": {}}
    return {"tables": [{"anchor": f"^품목{layout}$", "values": f"^금액{layout}$", "fields": fields}]}


def layout_of(n: int) -> str | None:
    """Of the document of a number, from 1; None: it is a letter."""
    place, of_four = divmod(n - 1, OF_A_LAYOUT)
    return LAYOUTS[place] if of_four < OF_A_LAYOUT - 1 else None


def name_of(n: int) -> str:
    return f"매출 {n:02d}.{'csv' if layout_of(n) else 'txt'}"


def document(n: int) -> bytes:
    layout = layout_of(n)
    if layout is None:
        return f"편지\n샴푸{n} 2025-11-03 {n}000원\n".encode()
    return f"품목{layout},판매일{layout},금액{layout}\n샴푸{n},2025-11-03,{n}000\n".encode()


def rows(request: dict[str, Any]) -> dict[str, Any]:
    """Answers as a model that reads the one line of the sample would."""
    text = request["messages"][0]["content"][0]["text"]
    second = next(line for line in text.splitlines() if line.startswith("2\t"))
    item, day, amount = second.replace("\t", " ").removesuffix("원").split()[1:]
    part, _, place = text.split("; cite a ")[1].split("\n")[0].split(" as ")[1].partition("!")
    at = [f"{part}!{column}2" for column in "ABC"] if place == "A1" else [f"{part}!line 2"] * 3
    claims = zip(("item", "sold_on", "amount"), (item, day, int(amount)), at, strict=True)
    return {"rows": [{name: {"value": value, "at": [address]} for name, value, address in claims}]}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    written = {f"판매일{layout}": program(layout) for layout in LAYOUTS}
    with ModelServer(answer_with=programs(written, otherwise=rows)) as running:
        running.dials.latency_seconds = 0.15
        yield running


@pytest.fixture
def drive(night: Night, server: ModelServer) -> Night:
    night.environ = {
        **server.environment(),
        "LLM_CONVERT_CONCURRENCY": "3",
        "LLM_CONVERT_LEASE_SECONDS": "6",
        "LLM_CONVERT_STRATEGIES": DEFAULT,
    }
    for n in range(1, DOCUMENTS + 1):
        night.drop(name_of(n), document(n))
    night.crawl()
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
    for info in night.store.list("tenants/t1/items/"):
        item_id, _, name = info.key.removeprefix("tenants/t1/items/").partition("/")
        result = find_model(night.store, info.key, Result) if name == "result.json" else None
        if result is not None:
            found[item_id] = result
    return found


def answered(server: ModelServer) -> Counter[str]:
    """By work item, how often the server answered, and so was paid."""
    return Counter(record.work_item for record in server.ledger if record.status == 200 and record.work_item)


def replies(night: Night) -> list[Reply]:
    """All that were kept."""
    kept = [info.key for info in night.store.list("tenants/t1/items/") if "/reply" in info.key]
    return [read_model(night.store, key, Reply) for key in kept]


def check_the_account(night: Night, server: ModelServer, *, in_flight: int) -> None:
    """Every answer that was not kept stands in doubt, and every document has its rows once.

    Args:
        in_flight: how many calls may have been on their way when their process died.
    """
    found, paid = results(night), answered(server)
    assert len(found) == DOCUMENTS
    kept = Counter(reply.work_item for reply in replies(night))
    assert max(kept.values()) == 1
    for item_id, result in found.items():
        in_doubt: tuple[SentCall, ...] = result.in_doubt
        assert len({call.id for call in in_doubt}) == len(in_doubt), "listed once"
        assert paid[item_id] - kept[item_id] <= len(in_doubt), "answered, kept, and paid again"
        assert result.usage.calls == kept[item_id]
    assert not paid.keys() - found.keys()
    doubts = sum(len(result.in_doubt) for result in found.values())
    assert doubts <= in_flight, "what came back is in doubt no more"
    left = list(open_calls(night.store, "t1", SystemClock().now()))
    assert all(open_call.in_doubt for open_call in left), "nothing is under way any more"
    assert sorted(one.call.id for one in left) == sorted(call.id for one in found.values() for call in one.in_doubt)


def check_the_layouts(night: Night, *, writers: int = 1) -> None:
    """One program a layout is kept, and was paid for once by each process that wrote at the same time."""
    layout = {result.item.id: layout_of(int(result.item.document_name[3:5])) for result in results(night).values()}
    written = Counter(layout[reply.work_item] for reply in replies(night) if reply.purpose == "program")
    assert set(written) == set(LAYOUTS)
    assert max(written.values()) <= writers, "a layout was paid for again"
    assert len(ProgramStore(night.store, "t1").all()) == len(LAYOUTS)


def check_the_tables(night: Night) -> None:
    """What lands is what an undisturbed run lands."""
    for name in ("fileid_mapping_hai", "filter", "converter", "tag"):
        night.step(name, "email")
    landed = [(row["item"], str(row["sold_on"]), int(row["amount"])) for row in night.rows("sales")]
    assert sorted(landed) == sorted((f"샴푸{n}", "2025-11-03", 1000 * n) for n in range(1, DOCUMENTS + 1))


def ended_or_killed(job: subprocess.Popen[str], server: ModelServer, chance: random.Random) -> int | None:
    """The job's exit code; None where it was stopped, at any moment around its first calls."""
    calls, until = server.received + chance.randrange(4), time.monotonic() + 60
    while server.received < calls and job.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    try:
        return job.wait(timeout=chance.uniform(0, 0.4))
    except subprocess.TimeoutExpired:
        job.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        job.wait(timeout=30)
        return None


@pytest.mark.parametrize(("seed", "strategies"), [(1, "kept,direct"), (2, DEFAULT)])
def test_killed_at_random_points_until_it_is_done(
    drive: Night, server: ModelServer, seed: int, strategies: str
) -> None:
    drive.environ["LLM_CONVERT_STRATEGIES"] = strategies
    chance = random.Random(seed)
    for run in range(1, KILLS + 2):
        job = start(drive, f"night-{run:02d}")
        code = ended_or_killed(job, server, chance) if run <= KILLS else job.wait(timeout=60)
        if code == 0:
            break
    assert code == 0
    check_the_account(drive, server, in_flight=3 * (run - 1))
    report = read_model(drive.store, keys.report("t1", drive.bsda, f"night-{run:02d}"), Report)
    assert sum(item.rows for item in report.items) == DOCUMENTS
    check_the_bill(drive, report)
    if strategies == DEFAULT:
        check_the_layouts(drive)
    check_the_tables(drive)


def check_the_bill(drive: Night, report: Report) -> None:
    """The one report that is there tells all that was paid, by killed runs too."""
    paid = [reply.usage for reply in replies(drive)]
    assert report.usage.calls == len(paid)
    assert report.usage.cost_microusd == sum(usage.cost_microusd for usage in paid)


def test_two_executions_that_race_pay_once_and_report_the_same(drive: Night, server: ModelServer) -> None:
    one, other = start(drive, "one-01"), start(drive, "other-01")
    assert [one.wait(timeout=60), other.wait(timeout=60)] == [0, 0]
    assert set(answered(server).values()) == {1}
    check_the_account(drive, server, in_flight=0)
    check_the_layouts(drive, writers=2)
    reports = [
        Report.from_json(drive.store.read(keys.report("t1", drive.bsda, run)).data) for run in ("one-01", "other-01")
    ]
    assert [[(i.document, i.outcome, i.rows) for i in report.items] for report in reports] == [
        [(name_of(n), "SUCCEEDED", 1) for n in range(1, DOCUMENTS + 1)]
    ] * 2
    assert sum(report.usage.calls for report in reports) == len(replies(drive))


def test_a_lost_task_is_taken_over_by_the_others(drive: Night, server: ModelServer) -> None:
    tasks = [start(drive, "tasks-01", index=index, count=3) for index in range(3)]
    deadline = time.monotonic() + 30
    while server.received < 6 and time.monotonic() < deadline:
        time.sleep(0.02)
    tasks[1].kill()
    assert [tasks[0].wait(timeout=60), tasks[2].wait(timeout=60)] == [0, 0]
    tasks[1].wait(timeout=10)
    check_the_account(drive, server, in_flight=3)
    check_the_layouts(drive, writers=3)
    report = read_model(drive.store, keys.report("t1", drive.bsda, "tasks-01"), Report)
    assert [item.document for item in report.items] == [name_of(n) for n in range(1, DOCUMENTS + 1)]
    assert sum(item.rows for item in report.items) == DOCUMENTS
    check_the_bill(drive, report)
    before = sum(answered(server).values())
    again = start(drive, "tasks-01", index=1, count=3, attempt=1)
    assert again.wait(timeout=60) == 0
    assert sum(answered(server).values()) == before
    check_the_tables(drive)
