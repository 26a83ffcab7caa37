"""The published workbooks over two weeks: a model writes one program for each, and the second week costs no call.

Every value of the second week is compared with a reading of the file by openpyxl; those of the first one, by the same
programs, are in ``tests/programs/test_program_second_reading.py``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from llm_convert.contracts import keys
from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Outcome, Result
from llm_convert.objects import read_model
from llm_convert.programs import load_program
from llm_convert.tenants import publish_tenant
from llm_convert.testing.model_server import ModelServer, programs
from next_week import next_week
from night import Night
from real_books import READ, number

PROGRAMS = Path(__file__).parents[1] / "programs"
FIRST, SECOND = "20251107230000", "20251114230000"
HELD_BACK = {("argentina_case2", "2011-05-06", 4.1175), ("argentina_case2", "2011-05-06", 12.3525)}
"""A day of July that is stored as one of May: the program takes it for what it is meant to be, and its row is held
back, in each week. The day in May has a value of its own.
"""
MORE_ROWS = {"argentina_case1": 2, "argentina_case2": 4, "argentina_case3": 3, "school": 1, "vaccinations": 42}
"""Of the second week, by the lines that it has more."""


def program_for(name: str) -> dict[str, Any]:
    """A model's own at its first attempt; the school's by hand, for no model was asked for one."""
    written = PROGRAMS / "written" / f"{name}.json"
    path = written if written.exists() else PROGRAMS / "real" / f"{name}.yaml"
    return load_program(path.read_text(encoding="utf-8")).to_data()


def the_night(home: Path, environ: dict[str, str]) -> Night:
    """A tenant whose every workbook is of a kind of its own."""
    (home / "prompts").mkdir()
    for name in READ:
        text = (PROGRAMS / "written" / f"{name}.prompt.yaml").read_text(encoding="utf-8")
        (home / "prompts" / f"{name}.yaml").write_text(text.replace("[X]", f"[{kind(name)}]"), encoding="utf-8")
    config = {
        "customer_code": "t1",
        "sources": {"shared_drive": {"id": "s1", "url": "drive", "llm_transform": True}},
        "file_mapping": [{"file_id": kind(name), "glob": f"{name}*"} for name in READ],
    }
    night = Night(home=home, config=TenantConfig.model_validate(config), environ=environ)
    publish_tenant(night.store, night.config)
    return night


def kind(name: str) -> str:
    return name.upper().replace("-", "_")


def converted(night: Night, bsda: str) -> dict[str, ItemReport]:
    """A night's lines of the report, by workbook."""
    night.bsda = bsda
    night.crawl()
    report, _ = night.job()
    return {item.document.partition(".")[0]: item for item in report.items}


def proven(night: Night, line: ItemReport) -> Counter[tuple[Any, ...]]:
    """The rows of one file, as the steps after the job take them."""
    result = read_model(night.store, keys.work("t1", line.work_item, "result"), Result)
    return Counter(tuple(row.values.values()) for row in result.rows)


def test_every_published_workbook_with_other_numbers_costs_no_call(tmp_path: Path, real_workbooks: Path) -> None:
    answers = {f"{name}.xlsx": program_for(name) for name in READ}
    with ModelServer(answer_with=programs(answers)) as server:
        night = the_night(tmp_path, server.environment())
        for name in READ:
            night.drop(f"{name}.xlsx", (real_workbooks / f"{name}.xlsx").read_bytes())
        first = converted(night, FIRST)
        assert {name: (line.outcome, line.strategy) for name, line in first.items()} == dict.fromkeys(
            READ, (Outcome.SUCCEEDED, "program")
        )
        assert {name: line.usage.calls for name, line in first.items()} == dict.fromkeys(READ, 1)
        paid, stand = server.received, {}
        for name in READ:
            stand[name] = next_week(tmp_path / "drive" / f"{name}.xlsx", tmp_path / "drive" / f"{name}.2.xlsx", name)
            (tmp_path / "drive" / f"{name}.xlsx").unlink()
        second = converted(night, SECOND)
        assert {name: (line.outcome, line.strategy, line.drift) for name, line in second.items()} == dict.fromkeys(
            READ, (Outcome.SUCCEEDED, "kept", "")
        )
        assert server.received == paid
    for name in READ:
        before, after = proven(night, first[name]), proven(night, second[name])
        assert after == Counter(row for row in stand[name] if (name, row[0], row[-1]) not in HELD_BACK), name
        assert first[name].quarantined == second[name].quarantined == (name == "argentina_case2")
        assert after.total() >= before.total() + MORE_ROWS.get(name, 0)
        # Each number is another one than a week ago, but for zeros.
        assert not {row for row in before & after if any(map(number, row[-1:]))}, name
