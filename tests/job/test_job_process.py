"""The job as its container runs it: a process of its own, a model on the wire, signals and kills."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llm_convert.claims.lease import Lease
from llm_convert.contracts import keys
from llm_convert.contracts.messages import Tokens
from llm_convert.contracts.report import Report
from llm_convert.contracts.work import Reply
from llm_convert.execution.messages import MessageReader
from llm_convert.objects import find_model, read_model
from llm_convert.testing.model_server import Malformed, ModelServer
from night import Night

SALES = "품목,판매일,금액\n샴푸{n},2025-11-03,{n}\n".encode().decode()


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
        yield running


@pytest.fixture
def drive(night: Night, server: ModelServer) -> Night:
    """Twenty documents for the model, crawled and mapped."""
    night.environ = {
        **server.environment(),
        "LLM_CONVERT_CONCURRENCY": "2",
        "LLM_CONVERT_STRATEGIES": "kept,direct",
    }
    for n in range(1, 21):
        night.drop(f"매출 {n:02d}.csv", SALES.format(n=n).encode())
    night.crawl()
    return night


def start(night: Night, run_id: str) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        **night.settings.to_environment(),
        **night.environ,
        "TENANT_CODE": "t1",
        "BSDA": night.bsda,
        "LLM_CONVERT_RUN_ID": run_id,
    }
    return subprocess.Popen([sys.executable, "-m", "llm_convert.job"], env=environ, stdout=subprocess.PIPE, text=True)


def wait_for_calls(server: ModelServer, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(server.ledger) < count:
        assert time.monotonic() < deadline, "the job made no calls"
        time.sleep(0.02)


def report_of(night: Night, run_id: str) -> Report:
    return Report.from_json(night.store.read(f"tenants/t1/runs/{night.bsda}/run/{run_id}/report.json").data)


def names_in_work(night: Night) -> list[str]:
    return [info.key.rsplit("/", 1)[1] for info in night.store.list("tenants/t1/items/")]


def test_a_run_with_a_model_proves_prices_and_logs_as_json(drive: Night, server: ModelServer) -> None:
    job = start(drive, "shell-a-01")
    out, _ = job.communicate(timeout=60)
    assert job.returncode == 0, out
    lines = [json.loads(line) for line in out.splitlines()]
    assert all({"severity", "message"} <= line.keys() for line in lines)
    assert "샴푸" not in out
    report = report_of(drive, "shell-a-01")
    assert sum(item.rows for item in report.items) == 20
    assert report.usage.calls == len(server.ledger) == 20
    assert report.usage.cost_microusd > 0
    assert report.provider == "vertex"


def test_pieces_of_answers_are_told_where_they_are_wanted(drive: Night, server: ModelServer) -> None:
    drive.environ = {**drive.environ, "LLM_CONVERT_STREAM_TOKENS": "true"}
    job = start(drive, "told-01")
    job.communicate(timeout=60)
    assert job.returncode == 0
    told: dict[tuple[str, int], list[Tokens]] = {}
    for message in MessageReader(drive.store, "t1", drive.bsda, "told-01").poll():
        if isinstance(message, Tokens):
            told.setdefault((message.work_item, message.call), []).append(message)
    assert {work_item for work_item, _ in told} == {item.work_item for item in report_of(drive, "told-01").items}
    for (work_item, _), pieces in told.items():
        assert [piece.piece for piece in pieces] == list(range(len(pieces)))
        said = json.loads("".join(piece.delta for piece in pieces))
        reply = find_model(drive.store, keys.reply("t1", work_item, 1), Reply)
        assert reply is not None
        assert said == reply.answer
    assert all(record.streamed for record in server.ledger)


def test_a_changed_digit_in_an_answer_is_quarantined_and_never_landed(drive: Night, server: ModelServer) -> None:
    server.dials.wrong_digit = True
    drive.environ["LLM_CONVERT_REPAIRS"] = "1"
    report, code = drive.job()
    assert code == 65
    assert {item.cause for item in report.items} == {"nothing_proven"}
    assert server.received == 40, "each was asked to be mended, once"
    assert report.usage.calls == 40


def test_killed_and_run_again_pays_only_for_what_was_in_flight(drive: Night, server: ModelServer) -> None:
    server.dials.latency_seconds = 0.2
    job = start(drive, "shell-b-01")
    wait_for_calls(server, 5)
    job.kill()
    job.communicate(timeout=30)
    stored = names_in_work(drive).count("reply.json")
    assert 3 <= stored < 20
    before = server.received
    server.dials.latency_seconds = 0.0
    drive.environ["LLM_CONVERT_LEASE_SECONDS"] = "0.1"
    drive.environ["LLM_CONVERT_CALL_TIMEOUT_SECONDS"] = "1"
    # The dead job's claims hold for their lease; here they are dropped by hand instead of waiting for it.
    for info in list(drive.store.list("tenants/t1/items/")):
        if info.key.endswith("claim.json"):
            drive.store.delete(info.key, if_version=info.version)
    report, code = drive.job()
    assert code == 0
    assert sum(item.rows for item in report.items) == 20
    assert server.received - before == 20 - stored


def test_sigterm_finishes_what_is_in_progress_releases_claims_and_exits_75(drive: Night, server: ModelServer) -> None:
    server.dials.latency_seconds = 0.3
    job = start(drive, "shell-c-01")
    wait_for_calls(server, 3)
    job.send_signal(signal.SIGTERM)
    began = time.monotonic()
    out, _ = job.communicate(timeout=30)
    assert job.returncode == 75, out
    assert time.monotonic() - began < 10
    assert "claim.json" not in names_in_work(drive)
    assert names_in_work(drive).count("reply.json") == server.received
    reports = [info.key for info in drive.store.list("tenants/t1/runs/") if info.key.endswith("report.json")]
    assert reports == []


def test_sigterm_releases_what_does_not_finish(drive: Night, server: ModelServer) -> None:
    server.dials.latency_seconds = 60
    job = start(drive, "shell-d-01")
    deadline = time.monotonic() + 30
    while server.received < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    began = time.monotonic()
    job.communicate(timeout=30)
    assert job.returncode == 75
    assert time.monotonic() - began < 12
    claims = [read_model(drive.store, info.key, Lease) for info in drive.store.list("tenants/t1/items/")]
    assert len(claims) == 2, "what was in flight is not forgotten: it may have been charged"
    for claim in claims:
        assert claim.seconds_left(datetime.now(UTC)) <= 0
        assert [call.worst_case_microusd > 0 for call in claim.in_doubt] == [True]


def test_an_outage_fails_items_that_the_next_run_does_again(drive: Night, server: ModelServer) -> None:
    drive.environ["LLM_CONVERT_RETRY_SECONDS"] = "0"
    server.dials.fail_next = [500] * 4
    report, code = drive.job()
    assert code == 0
    assert [item.cause for item in report.items].count("unavailable") == 4
    again, _ = drive.job()
    assert sum(item.reused for item in again.items) == 16
    assert sum(item.rows for item in again.items) == 20


def test_above_the_allowed_fraction_the_job_says_whether_a_retry_may_help(drive: Night, server: ModelServer) -> None:
    drive.environ["LLM_CONVERT_RETRY_SECONDS"] = "0"
    server.dials.fail_next = [500] * 20
    _, code = drive.job()
    assert code == 75
    server.dials.fail_next = []
    server.dials.stop_reason = "refusal"
    _, code = drive.job()
    assert code == 65


@pytest.mark.parametrize(
    ("dial", "cause"),
    [
        ("max_tokens", "truncated"),
        ("refusal", "refused"),
        ("no_call", "bad_answer"),
        ("model_context_window_exceeded", "too_large"),
    ],
)
def test_every_way_to_end_badly_has_its_name(drive: Night, server: ModelServer, dial: str, cause: str) -> None:
    if dial == "no_call":
        server.dials.malformed = Malformed.NO_CALL
    else:
        server.dials.stop_reason = dial
    report, _ = drive.job()
    assert {item.cause for item in report.items} == {cause}


def test_a_disk_that_cannot_be_written_ends_the_job_with_one_clear_line(drive: Night) -> None:
    environ = {
        **os.environ,
        **drive.settings.to_environment(),
        **drive.environ,
        "TENANT_CODE": "t1",
        "BSDA": drive.bsda,
    }
    environ["LLM_CONVERT_STORE"] = "file:///proc/llm_convert"
    ended = subprocess.run(
        [sys.executable, "-m", "llm_convert.job"], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode in {75, 78}
    assert len(ended.stdout.splitlines()) == 1
    assert "/proc/llm_convert" in ended.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_fills_up_ends_the_job_clearly_and_leaves_nothing_half_written(
    drive: Night, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        drive.environ |= {"LLM_CONVERT_STORE": f"file://{disk}/store"}
        drive.crawl()
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        job = start(drive, "shell-f-01")
        out, _ = job.communicate(timeout=60)
        assert job.returncode == 75
        errors = [line for line in map(json.loads, out.splitlines()) if line["severity"] == "ERROR"]
        assert len(errors) == 1
        assert "No space left on device. Free space" in errors[0]["message"]
        (disk / "filler").unlink()
        assert all(json.loads(drive.store.read(info.key).data) for info in drive.store.list("tenants/t1/items/"))
        report, code = drive.job()
        assert (code, sum(item.rows for item in report.items)) == (0, 20)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_force_pays_once_whatever_its_launch_is_retried(drive: Night, server: ModelServer) -> None:
    drive.job()
    assert server.received == 20
    forced = {"LLM_CONVERT_FORCE": "true"}
    drive.job(**forced, LLM_CONVERT_RUN_ID="af-abc-01")
    assert server.received == 40
    again, _ = drive.job(**forced, LLM_CONVERT_RUN_ID="af-abc-02")
    assert server.received == 40
    assert all(item.reused for item in again.items)
    drive.job(**forced, LLM_CONVERT_RUN_ID="af-def-01")
    assert server.received == 60
