"""Documents that no rule names: their kind is chosen by a small model, once, the same for every task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from llm_convert.contracts.report import Report
from llm_convert.contracts.work import Outcome
from llm_convert.testing.model_server import ModelServer
from night import Night

SALES = "품목,판매일,금액\n샴푸,2025-11-03,1000\n"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    text = "\n".join(block.get("text", "") for block in request["messages"][0]["content"])
    if request["tools"][0]["name"] == "choose_kind":
        kinds = request["tools"][0]["input_schema"]["properties"]["file_id"]["enum"]
        assert kinds[-1] == "NONE"
        return {"file_id": kinds[0] if "금액" in text else "NONE", "why": "it lists sales"}
    sheet = text.split("cite a cell as ")[1].split("!A1")[0]
    cells = {"item": ("샴푸", "A2"), "sold_on": ("2025-11-03", "B2"), "amount": (1000, "C2")}
    return {"rows": [{name: {"value": value, "at": [f"{sheet}!{at}"]} for name, (value, at) in cells.items()}]}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=answer) as running:
        yield running


@pytest.fixture
def drive(night: Night, server: ModelServer) -> Night:
    night.environ = {**server.environment(), "LLM_CONVERT_STRATEGIES": "kept,direct"}
    night.drop("이름없는 파일 1.csv", SALES.encode())
    night.drop("안내문.txt", "내일은 쉽니다.\n".encode())
    night.crawl()
    return night


def outcomes(report: Report) -> dict[str, tuple[Outcome, str | None]]:
    return {item.document: (item.outcome, item.file_id) for item in report.items}


def test_nothing_is_routed_unless_it_is_asked_for(drive: Night, server: ModelServer) -> None:
    report, _ = drive.job()
    assert {outcome for outcome, _ in outcomes(report).values()} == {Outcome.SKIPPED}
    assert server.received == 0


def test_a_kind_is_chosen_once_and_told(drive: Night, server: ModelServer) -> None:
    drive.environ["LLM_CONVERT_ROUTER"] = "on"
    report, _ = drive.job(LLM_CONVERT_RUN_ID="route-01")
    found = outcomes(report)
    assert found["이름없는 파일 1.csv"][0] is Outcome.SUCCEEDED
    assert found["안내문.txt"] == (Outcome.SKIPPED, None)
    (line,) = [item for item in report.items if item.outcome is Outcome.SUCCEEDED]
    assert "the router chose its FILE_ID" in line.detail
    assert [record.model for record in server.ledger] == ["claude-haiku-4-5@20251001"] * 2 + ["claude-sonnet-4-6"]
    assert report.usage.calls == 3
    assert report.usage.cost_microusd > sum(item.usage.cost_microusd for item in report.items)
    again, _ = drive.job(LLM_CONVERT_RUN_ID="other-01")
    assert outcomes(again) == found
    assert again.usage.calls == 0
    assert server.received == 3


def test_an_outage_of_the_router_leaves_the_document_unmapped(drive: Night, server: ModelServer) -> None:
    drive.environ |= {"LLM_CONVERT_ROUTER": "on", "LLM_CONVERT_RETRY_SECONDS": "0"}
    server.dials.fail_next = [500] * 2
    report, code = drive.job(LLM_CONVERT_RUN_ID="route-01")
    assert {outcome for outcome, _ in outcomes(report).values()} == {Outcome.SKIPPED}
    assert code == 0
    again, _ = drive.job(LLM_CONVERT_RUN_ID="later-01")
    assert outcomes(again)["이름없는 파일 1.csv"][0] is Outcome.SUCCEEDED
