"""A night that a model answered is lived again from file: the same rows, repairs and programs, without a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_convert.contracts.report import Report
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.programs import load_program
from llm_convert.samples.catalogue import SAMPLES
from llm_convert.samples.weeks import WEEKS
from llm_convert.tenants import publish_tenant
from llm_convert.testing.model_server import ModelServer
from night import Night

REPOSITORY = Path(__file__).parents[2]
STOCK = next(one for one in SAMPLES if one.file_id == "STOCK_LIST" and not one.spoilt)
PROGRAM = load_program((REPOSITORY / "tests/programs/samples/stock_list.yaml").read_text(encoding="utf-8")).to_data()
MISFIT = {"tables": [{"anchor": "^없는 제목$", "values": ".", "fields": {"item": {}}}]}
SALES = "품목,판매일,금액\n샴푸,2025-11-03,1234\n비누,2025-11-04,5600\n합계,,6834\n".encode()

SALES_PROMPT = """\
prompt_id: sales_lines
file_ids: [SALES]
instructions: A list of sales.
output:
  table: sales
  fields:
    - {name: item, required: true}
    - {name: sold_on, type: date}
    - {name: amount, type: decimal, required: true}
checks:
  - {kind: sum, value: amount, label: item, totals: [합계]}
"""
DIRECT = {"LLM_CONVERT_STRATEGIES": "kept,direct"}
TOLD_OF_THE_RUN = {"_run", "_provider"}
"""What the tag says of who answered and in which run."""

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def in_turn(*answers: dict[str, Any]) -> Answer:
    left = list(answers)
    return lambda request: left.pop(0)


def sales_row(item: str, line: int, day: str | None, amount: int) -> dict[str, Any]:
    return {
        "item": {"value": item, "at": [f"매출!A{line}"]},
        "sold_on": {"value": day, "at": [f"매출!B{line}"] if day else []},
        "amount": {"value": amount, "at": [f"매출!C{line}"]},
    }


GOOD = [sales_row("샴푸", 2, "2025-11-03", 1234), sales_row("합계", 4, None, 6834)]
WRONG, RIGHT = sales_row("비누", 3, "2025-11-04", 5601), sales_row("비누", 3, "2025-11-04", 5600)


def a_night(home: Path, name: str, data: bytes, **environ: str) -> Night:
    (home / "prompts").mkdir(parents=True)
    (home / "prompts" / "stock_list.yaml").write_bytes((REPOSITORY / "jobs/prompts/stock_list.yaml").read_bytes())
    (home / "prompts" / "sales_lines.yaml").write_text(SALES_PROMPT, encoding="utf-8")
    (home / "drive").mkdir()
    config = {
        "customer_code": "t1",
        "sources": {"shared_drive": {"id": "s1", "url": "drive", "llm_transform": True}},
        "file_mapping": [{"file_id": "STOCK_LIST", "glob": "*.xlsx"}, {"file_id": "SALES", "glob": "*.csv"}],
        "max_failed_fraction": 1.0,
    }
    night = Night(home=home, config=TenantConfig.model_validate(config), environ=environ)
    publish_tenant(night.store, night.config)
    night.drop(name, data)
    return night


def rows_of(night: Night, report: Report) -> list[Any]:
    for step in ("fileid_mapping_hai", "filter", "converter", "tag"):
        night.step(step)
    (line,) = report.items
    table = {"SALES": "sales", "STOCK_LIST": "stock_list"}[line.file_id]
    return [{name: value for name, value in row.items() if name not in TOLD_OF_THE_RUN} for row in night.rows(table)]


@pytest.mark.parametrize(
    ("name", "data", "answers", "environ", "strategy", "calls"),
    [
        ("매출.csv", SALES, [{"rows": [*GOOD, WRONG]}, {"rows": [RIGHT]}], DIRECT, "direct", 2),
        ("재고.xlsx", STOCK.make(WEEKS[1]), [MISFIT, PROGRAM], {}, "program", 2),
    ],
    ids=["a repair", "a program"],
)
def test_the_same_night_from_file(
    tmp_path: Path, name: str, data: bytes, answers: list[Any], environ: dict[str, str], strategy: str, calls: int
) -> None:
    recordings = {"LLM_CONVERT_RECORDINGS": str(tmp_path / "recordings"), "LLM_CONVERT_TIER_UP": "false", **environ}
    with ModelServer(answer_with=in_turn(*answers)) as server:
        paid = a_night(tmp_path / "one", name, data, **server.environment(), **recordings, LLM_CONVERT_RECORD="true")
        for step in ("crawler", "fileid_mapping"):
            paid.step(step)
        first, _ = paid.job()
    assert server.received == calls
    # The server is gone.
    again = a_night(tmp_path / "two", name, data, **recordings, LLM_CONVERT_PROVIDER="recorded")
    for step in ("crawler", "fileid_mapping"):
        again.step(step)
    second, code = again.job(LLM_CONVERT_BUDGET_RUN_USD="0")
    (one,), (other,) = first.items, second.items
    assert code == 0
    assert (one.outcome, one.strategy, one.usage.calls) == (Outcome.SUCCEEDED, strategy, calls)
    assert (other.outcome, other.strategy, other.usage.calls) == (Outcome.SUCCEEDED, strategy, calls)
    assert other.usage.tokens == one.usage.tokens
    assert one.usage.cost_microusd > 0
    assert other.usage.cost_microusd == second.usage.cost_microusd == 0, "and so within a budget of nothing"
    assert rows_of(again, second) == rows_of(paid, first) != []


def test_a_document_that_was_never_asked_about_fails_by_name_and_alone(tmp_path: Path) -> None:
    recordings = {
        "LLM_CONVERT_RECORDINGS": str(tmp_path / "recordings"),
        "LLM_CONVERT_PROVIDER": "recorded,rules",
        **DIRECT,
    }
    night = a_night(tmp_path / "one", "매출.csv", SALES, **recordings)
    for step in ("crawler", "fileid_mapping"):
        night.step(step)
    report, _ = night.job()
    (line,) = report.items
    assert (line.outcome, line.cause) == (Outcome.FAILED, Cause.NOT_RECORDED)
    assert "sales_lines (rows, call 1)" in line.detail and "this prompt has none" in line.detail
    assert "샴푸" not in line.detail
