"""Real processes that race for the same work items, and one that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter

import pytest

from llm_convert.claims.lease import Claim, Held
from llm_convert.claims.ledger import Ledger
from llm_convert.clock import SystemClock
from llm_convert.contracts.work import Reply, WorkItem
from llm_convert.stores.local import LocalObjectStore

RACERS, ITEMS = 8, 50
WORKER = """
import json, sys, time
from pathlib import Path
from llm_convert.claims.lease import Claim
from llm_convert.claims.ledger import Ledger
from llm_convert.clock import SystemClock
from llm_convert.contracts.work import Reply, WorkItem
from llm_convert.stores.local import LocalObjectStore

root, owner, lease_seconds, then = sys.argv[1:]
store = LocalObjectStore(Path(root))
ledger = Ledger(store, "t", owner=owner, run_id="r", lease_seconds=float(lease_seconds), clock=SystemClock())
items = [WorkItem.from_json(line) for line in sys.stdin.readline().split("|")]
print("ready", flush=True)
sys.stdin.readline()
won = []
for item in items:
    if isinstance(ledger.claim(item), Claim):
        won.append(item.id)
        ledger.store_reply(Reply(work_item=item.id, run_id=owner, provider="p", model="m", stop_reason="end"))
print(json.dumps(won), flush=True)
if then == "hang":
    time.sleep(60)
"""


def work_items(count: int) -> list[WorkItem]:
    shared = {"tenant": "t", "file_id": "F", "prompt_id": "p", "document_key": "k", "document_name": "n"}
    return [WorkItem(id=f"{number:032x}", document_sha256="0" * 64, size_bytes=1, **shared) for number in range(count)]


def start(root, owner, items, *, lease_seconds=300.0, then="end") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(root), owner, str(lease_seconds), then]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write("|".join(item.to_json().decode() for item in items) + "\n")
    process.stdin.flush()
    return process


def let_go(process) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.parametrize("before", ["free", "expired"])
def test_of_many_processes_each_item_is_won_by_one(tmp_path, before):
    items, store = work_items(ITEMS), LocalObjectStore(tmp_path)
    if before == "expired":
        late = Ledger(store, "t", owner="late", run_id="r", lease_seconds=0.001, clock=SystemClock())
        assert all(isinstance(late.claim(item), Claim) for item in items)
        time.sleep(0.01)
    racers = [start(tmp_path, f"owner {number}", items) for number in range(RACERS)]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * RACERS
    for racer in racers:
        let_go(racer)
    won = {f"owner {number}": json.loads(racer.communicate(timeout=60)[0]) for number, racer in enumerate(racers)}
    assert [racer.returncode for racer in racers] == [0] * RACERS
    assert Counter(item_id for ids in won.values() for item_id in ids) == Counter(item.id for item in items)
    ledger = Ledger(store, "t", owner="reader", run_id="r", lease_seconds=300, clock=SystemClock())
    assert all(ledger.reply(item_id).run_id == owner for owner, ids in won.items() for item_id in ids)


def test_what_a_killed_owner_held_is_free_when_its_lease_ends_and_his_reply_stays(tmp_path):
    (item,) = work_items(1)
    ledger = Ledger(LocalObjectStore(tmp_path), "t", owner="next", run_id="r", lease_seconds=300, clock=SystemClock())
    process = start(tmp_path, "killed", [item], lease_seconds=1.0, then="hang")
    with process:
        assert process.stdout.readline() == "ready\n"
        let_go(process)
        assert json.loads(process.stdout.readline()) == [item.id]
        process.kill()
    held = ledger.claim(item)
    assert isinstance(held, Held)
    time.sleep(held.seconds_left + 0.01)
    taken = ledger.claim(item)
    assert isinstance(taken, Claim)
    assert taken.lease.attempt == 2
    second = Reply(work_item=item.id, run_id="next", provider="p", model="m", stop_reason="end")
    assert not ledger.store_reply(second)
    assert ledger.reply(item.id).run_id == "killed"
