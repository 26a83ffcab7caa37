"""A program is written by a model for a new layout, once: by the job, against the model server, over two weeks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Outcome
from llm_convert.programs import ProgramStore, load_program
from llm_convert.samples.catalogue import SAMPLES
from llm_convert.samples.weeks import WEEKS
from llm_convert.tenants import publish_tenant
from llm_convert.testing.model_server import ModelServer, text_of
from night import Night

REPOSITORY = Path(__file__).parents[2]
STOCK = next(one for one in SAMPLES if one.file_id == "STOCK_LIST" and not one.spoilt)
RIGHT = load_program((REPOSITORY / "tests/programs/samples/stock_list.yaml").read_text(encoding="utf-8")).to_data()
MISFIT = {"tables": [{"anchor": "^없는 제목$", "values": ".", "fields": {"item": {}}}]}


class Writer:
    """Answers as a model that is given its programs; rows only when it is asked for rows."""

    def __init__(self, *programs: dict[str, Any]) -> None:
        self.programs = list(programs)
        self.asked: list[str] = []
        self.told: list[str] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        tool = request["tools"][0]["name"] if "tools" in request else "native"
        self.asked.append(tool)
        self.told.append(str(request["messages"][-1]["content"]))
        if tool == "give_rows":
            return {"rows": [], "clarify": "Which column is the stock?"}
        assert "Write a conversion program" in str(request["system"])
        assert STOCK.file_name(WEEKS[1])[:2] in text_of(request)
        return self.programs.pop(0) if self.programs else {"tables": []}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def night(tmp_path: Path, server: ModelServer) -> Night:
    (tmp_path / "drive").mkdir()
    config = {
        "customer_code": "t1",
        "sources": {"shared_drive": {"id": "s1", "url": "drive", "llm_transform": True}},
        "file_mapping": [{"file_id": "STOCK_LIST", "glob": "*.xlsx"}],
        "max_failed_fraction": 1.0,
    }
    environ = {
        **server.environment(),
        "LLM_CONVERT_PROMPTS": str(REPOSITORY / "jobs" / "prompts"),
        "LLM_CONVERT_TIER_UP": "false",
    }
    night = Night(home=tmp_path, config=TenantConfig.model_validate(config), environ=environ)
    publish_tenant(night.store, night.config)
    return night


def convert(night: Night, week: int) -> ItemReport:
    night.drop(STOCK.file_name(WEEKS[week]), STOCK.make(WEEKS[week]))
    night.crawl()
    report, _ = night.job()
    return next(item for item in report.items if not item.reused)


def test_a_layout_is_paid_for_once(night: Night, server: ModelServer) -> None:
    server.answer_with = Writer(RIGHT)
    first = convert(night, 1)
    assert (first.outcome, first.strategy, first.usage.calls) == (Outcome.SUCCEEDED, "program", 1)
    (kept,) = ProgramStore(night.store, "t1").all()
    assert kept.provenance.written_by == "vertex/claude-sonnet-4-6"
    assert load_program(kept.program).to_data() == RIGHT
    night.bsda = "20251114230000"
    second = convert(night, 2)
    assert (second.outcome, second.strategy, second.usage.calls) == (Outcome.SUCCEEDED, "kept", 0)
    assert second.rows > 0
    assert server.received == 1


def test_what_is_wrong_goes_back_to_the_writer(night: Night, server: ModelServer) -> None:
    writer = server.answer_with = Writer(MISFIT, {"tables": []}, RIGHT)
    line = convert(night, 1)
    assert (line.outcome, line.strategy, line.usage.calls) == (Outcome.SUCCEEDED, "program", 3)
    assert "없는 제목" in writer.told[1]
    assert "not valid" in writer.told[2]


def test_a_writer_that_never_gets_it_right_is_asked_for_the_rows(night: Night, server: ModelServer) -> None:
    writer = server.answer_with = Writer(MISFIT, MISFIT, MISFIT)
    line = convert(night, 1)
    assert line.outcome is Outcome.CLARIFY
    assert writer.asked == ["write_program"] * 3 + ["give_rows"]
    assert ProgramStore(night.store, "t1").all() == []


def test_a_number_that_is_left_out_is_asked_about_once(night: Night, server: ModelServer) -> None:
    short = copy.deepcopy(RIGHT)
    del short["tables"][0]["fields"]["unit_price"]
    writer = server.answer_with = Writer(short, short)
    line = convert(night, 1)
    assert line.strategy == "program"
    assert len(writer.asked) == 2
    assert "unused" in writer.told[1] or "blank" in writer.told[1]


def test_rows_that_read_like_totals_are_asked_about_once(night: Night, server: ModelServer) -> None:
    plain = copy.deepcopy(RIGHT)
    del plain["tables"][0]["checks"]
    writer = server.answer_with = Writer(plain, RIGHT)
    line = convert(night, 1)
    assert line.strategy == "program"
    assert len(writer.asked) == 2
    assert "read like totals" in writer.told[1]
