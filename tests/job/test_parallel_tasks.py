from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.report import Report
from llm_convert.execution.messages import MessageReader
from llm_convert.job.plan import Planned
from llm_convert.job.shard import shares_of
from night import Night


def planned(size: int | None) -> Planned:
    item_id = "" if size is None else "i"
    return Planned(tenant="t", source="s", name="n", sha256="0", size_bytes=size or 0, key="k", item_id=item_id)


@given(sizes=st.lists(st.none() | st.integers(0, 10**7), max_size=60), tasks=st.integers(1, 12))
def test_the_shares_of_all_tasks_are_the_whole_run(sizes: list[int | None], tasks: int) -> None:
    run = [planned(size) for size in sizes]
    shares = shares_of(run, tasks)
    assert len(shares) == tasks
    assert sorted(position for share in shares for position in share) == list(range(len(run)))
    loads = [sum((sizes[position] or 0) + 1 for position in share if sizes[position] is not None) for share in shares]
    largest = max((size for size in sizes if size is not None), default=0)
    assert max(loads) - min(loads) <= largest + 1


def run_task(night: Night, run_id: str, index: int, count: int) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        **night.settings.to_environment(),
        "TENANT_CODE": "t1",
        "BSDA": night.bsda,
        "LLM_CONVERT_RUN_ID": run_id,
        "CLOUD_RUN_TASK_INDEX": str(index),
        "CLOUD_RUN_TASK_COUNT": str(count),
        "CLOUD_RUN_EXECUTION": "job-abcde",
    }
    return subprocess.Popen([sys.executable, "-m", "llm_convert.job"], env=environ, stdout=subprocess.DEVNULL)


def report_of(night: Night, run_id: str) -> Report:
    return Report.from_json(night.store.read(f"tenants/t1/runs/{night.bsda}/run/{run_id}/report.json").data)


def test_three_tasks_at_once_make_the_report_of_one(night: Night) -> None:
    for n in range(1, 9):
        night.drop(f"매출 {n}.csv", f"품목,판매일,금액\n샴푸,2025-11-03,{n}\n".encode())
    night.drop("회의록.txt", b"x")
    night.crawl()
    tasks = [run_task(night, "shell-three-01", index, 3) for index in range(3)]
    assert [task.wait(timeout=60) for task in tasks] == [0, 0, 0]
    three = report_of(night, "shell-three-01")
    reader = MessageReader(night.store, "t1", night.bsda, "shell-three-01")
    reader.poll()
    assert sorted(reader.closed()) == [0, 1, 2]
    assert sum(closed.items for closed in reader.closed().values()) == 8

    one, _ = night.job()
    assert [(i.document, i.outcome, i.rows) for i in one.items] == [
        (i.document, i.outcome, i.rows) for i in three.items
    ]
    assert sum(item.reused for item in one.items) == 8


def test_whoever_is_first_does_it_all_and_the_others_change_nothing(night: Night) -> None:
    for n in range(1, 5):
        night.drop(f"매출 {n}.csv", f"품목,판매일,금액\n샴푸,2025-11-03,{n}\n".encode())
    night.crawl()
    assert run_task(night, "shell-two-01", 0, 2).wait(timeout=60) == 0
    first = report_of(night, "shell-two-01")
    assert [item.rows for item in first.items] == [1, 1, 1, 1]
    assert not any(item.reused for item in first.items)
    assert run_task(night, "shell-two-01", 1, 2).wait(timeout=60) == 0
    assert report_of(night, "shell-two-01") == first
