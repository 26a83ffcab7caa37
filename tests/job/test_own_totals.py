"""A sheet whose own totals are wrong: its program is kept at the first call, and a person is told, or asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.programs import ProgramStore
from llm_convert.tenants import publish_tenant
from llm_convert.testing.model_server import ModelServer, programs
from night import Night

PROMPT = """\
prompt_id: sales_lines
file_ids: [SALES]
instructions: Sales by item and day. The line 합계 is the total.
output:
  table: sales
  fields:
    - {name: item, required: true}
    - {name: day, required: true}
    - {name: amount, type: decimal, required: true}
"""
DECLARED = "checks:\n  - {kind: sum, value: amount, label: item, group: [day], totals: [합계]}\n"
PROGRAM = {
    "tables": [
        {
            "anchor": "^품목$",
            "values": "^[월화수]$",
            "fields": {"item": {"column": "^품목$"}, "day": {"header": 0}, "amount": {}},
            "checks": [{"check": "sum", "value": "amount", "total": {"item": "^합계$"}, "by": ["day"]}],
        }
    ]
}


def sheet(n: int, *, off: int = 0) -> bytes:
    first, second = [n * 10 + day for day in (1, 2, 3)], [n * 20 + day for day in (4, 5, 6)]
    total = [a + b for a, b in zip(first, second, strict=True)]
    total[1] += off
    lines = (("샴푸", *first), ("린스", *second), ("합계", *total))
    return "\n".join(["품목,월,화,수", *(",".join(map(str, line)) for line in lines), ""]).encode()


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=programs({"품목": PROGRAM})) as running:
        yield running


@pytest.fixture
def own(night: Night, server: ModelServer) -> Night:
    night.environ = server.environment()
    publish_tenant(night.store, night.config)
    return night


def converted(night: Night, bsda: str, name: str, data: bytes) -> ItemReport:
    night.bsda = bsda
    night.drop(name, data)
    night.crawl()
    report, _ = night.job()
    return next(item for item in report.items if item.document == name)


@pytest.mark.parametrize("declared", [False, True])
def test_one_call_and_then_none(own: Night, server: ModelServer, declared: bool) -> None:
    path = own.home / "prompts" / "sales_lines.yaml"
    path.write_text(PROMPT + (DECLARED if declared else ""), encoding="utf-8")
    first = converted(own, "20251107230000", "매출 1.csv", sheet(1, off=7))
    again = converted(own, "20251114230000", "매출 2.csv", sheet(2, off=9))
    right = converted(own, "20251121230000", "매출 3.csv", sheet(3))
    assert server.received == 1
    for line, off in ((first, 7), (again, 9)):
        assert f"off by {off}" in line.detail
        if declared:
            assert (line.outcome, line.cause, line.rows) == (Outcome.CLARIFY, Cause.TOTALS_DISAGREE, 0)
        else:
            assert (line.outcome, line.rows) == (Outcome.SUCCEEDED, 6)
    assert (right.outcome, right.strategy, right.rows) == (Outcome.SUCCEEDED, "kept", 6)
    assert "off by" not in right.detail
    (kept,) = ProgramStore(own.store, "t1").all()
    assert kept.proven_on == (2 if declared else 3), "what a person is asked about is not counted"
