"""``llm-convert programs``: brief, try, keep, and what is kept; a night by a kept program makes no call."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from llm_convert.cli.main import main
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.work import Outcome
from llm_convert.samples.catalogue import SAMPLES
from llm_convert.samples.weeks import WEEKS
from llm_convert.tenants import publish_tenant
from llm_convert.testing.model_server import ModelServer
from night import Night

REPOSITORY = Path(__file__).parents[2]
PROGRAM = REPOSITORY / "tests" / "programs" / "samples" / "stock_list.yaml"
STOCK = next(one for one in SAMPLES if one.file_id == "STOCK_LIST" and not one.spoilt)


def workbook(folder: Path, week: int) -> Path:
    path = folder / STOCK.file_name(WEEKS[week])
    path.write_bytes(STOCK.make(WEEKS[week]))
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLM_CONVERT_HOME", str(tmp_path))
    monkeypatch.setenv("LLM_CONVERT_PROMPTS", str(REPOSITORY / "jobs" / "prompts"))
    return tmp_path


def programs(*arguments: str | Path) -> int:
    return main(["programs", *map(str, arguments)])


def kept_id(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().out
    assert said.startswith("kept as ")
    return said.split()[2].rstrip(",")


def keep(home: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert programs("keep", "t1", workbook(home, 1), "--prompt", "stock_list", "--program", PROGRAM, *more) == 0
    return kept_id(capsys)


def test_the_brief_is_instruction_target_and_view(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert programs("brief", "stock_list", workbook(home, 1)) == 0
    said = capsys.readouterr().out
    assert said.index("# Write a conversion program") < said.index("# The target") < said.index("# The file")


def test_try_gives_rows_with_their_addresses(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = workbook(home, 1)
    assert programs("try", path, "--prompt", "stock_list", "--program", PROGRAM) == 0
    told = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(told.out)))
    assert rows
    assert all(value for row in rows for name, value in row.items() if name.endswith("_at") and row[name[:-3]])
    assert f"{len(rows)} rows are proven" in told.err
    assert programs("try", path, "--prompt", "stock_list", "--program", PROGRAM, "--format", "json") == 0
    as_json = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(as_json) == len(rows)
    assert all(set(value) == {"value", "at"} for row in as_json for value in row.values())


def test_a_csv_of_rows_holds_no_formula_and_json_holds_all(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = workbook(home, 1)
    book = openpyxl.load_workbook(path)
    header = next(cell for row in book.active for cell in row if cell.value == "품명")
    attack = "=cmd|' /C calc'!A0"
    cell = book.active.cell(header.row + 1, header.column)
    cell.value, cell.data_type = attack, "s"
    book.save(path)
    assert programs("try", path, "--prompt", "stock_list", "--program", PROGRAM) == 0
    cells = [cell for row in csv.reader(io.StringIO(capsys.readouterr().out)) for cell in row]
    assert f"'{attack}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-"))]
    programs("try", path, "--prompt", "stock_list", "--program", PROGRAM, "--format", "json")
    assert attack in [json.loads(line)["part_name"]["value"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tables: [{anchor: ^없는 제목$, values: '.', fields: {item: {}}}]", "does not fit"),
        ("tables: [{anchor: '(a+)+', values: '.', fields: {item: {}}}]", "not valid"),
        ("tables: [{anker: x}]", "anker"),
    ],
)
def test_a_wrong_program_is_told_to_its_writer(
    home: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (home / "wrong.yaml").write_text(text, encoding="utf-8")
    assert programs("try", workbook(home, 1), "--prompt", "stock_list", "--program", home / "wrong.yaml") == 65
    assert said in capsys.readouterr().err
    assert programs("keep", "t1", workbook(home, 1), "--prompt", "stock_list", "--program", home / "wrong.yaml") == 65


def test_kept_shown_pinned_edited_and_forgotten(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program_id = keep(home, capsys)
    assert programs("list", "t1") == 0
    assert program_id in capsys.readouterr().out
    assert programs("show", "t1", "stock_list", program_id[:6]) == 0
    shown = capsys.readouterr().out
    assert "tables:" in shown
    assert "by person" in shown
    assert programs("pin", "t1", "stock_list", program_id) == 0
    capsys.readouterr()
    assert programs("keep", "t1", workbook(home, 2), "--prompt", "stock_list", "--program", PROGRAM) == 65
    assert "is pinned" in capsys.readouterr().err
    assert programs("unpin", "t1", "stock_list", program_id) == 0
    monkeypatch.setenv("EDITOR", "sed -i '1i notes: edited by hand'")
    assert programs("edit", "t1", "stock_list", program_id, workbook(home, 1)) == 0
    assert "version 2" in capsys.readouterr().out
    assert programs("diff", "t1", "stock_list", program_id, program_id) == 0
    assert capsys.readouterr().out == ""
    assert programs("forget", "t1", "stock_list", program_id) == 0
    capsys.readouterr()
    assert programs("show", "t1", "stock_list", program_id) == 78
    assert "no kept program" in capsys.readouterr().err


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def stock_night(home: Path, server: ModelServer) -> Night:
    (home / "drive").mkdir()
    config = {
        "customer_code": "t1",
        "sources": {"shared_drive": {"id": "s1", "url": "drive", "llm_transform": True}},
        "file_mapping": [{"file_id": "STOCK_LIST", "glob": "*.xlsx"}],
        "max_failed_fraction": 1.0,
    }
    environ = {**server.environment(), "LLM_CONVERT_PROMPTS": str(REPOSITORY / "jobs" / "prompts")}
    night = Night(home=home, config=TenantConfig.model_validate(config), environ=environ)
    publish_tenant(night.store, night.config)
    return night


def renamed(data: bytes, old: str, new: str) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    for row in book.worksheets[0].iter_rows():
        for cell in row:
            if cell.value == old:
                cell.value = new
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_next_week_s_workbook_costs_no_call(
    home: Path, stock_night: Night, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    program_id = keep(home, capsys)
    stock_night.drop("재고 2주.xlsx", STOCK.make(WEEKS[2]))
    stock_night.crawl()
    report, code = stock_night.job()
    (line,) = report.items
    assert code == 0
    assert (line.outcome, line.strategy, line.usage.calls) == (Outcome.SUCCEEDED, "kept", 0)
    assert program_id in line.detail
    assert server.received == 0
    assert programs("list", "t1", "--prompt", "stock_list") == 0
    assert " 2 " in capsys.readouterr().out, "it is proven on two documents now"


def test_a_changed_layout_goes_to_the_model_and_is_told(
    home: Path, stock_night: Night, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    program_id = keep(home, capsys)
    stock_night.environ["LLM_CONVERT_STRATEGIES"] = "kept,direct"
    header = headers_of(STOCK.make(WEEKS[2]))[-1]

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return {"rows": [], "clarify": "Which column holds what?"}

    server.answer_with = answer
    stock_night.drop("재고 새 양식.xlsx", renamed(STOCK.make(WEEKS[2]), header, "처음 보는 열"))
    stock_night.crawl()
    report, _ = stock_night.job()
    (line,) = report.items
    assert line.outcome is Outcome.CLARIFY
    assert server.received == 1
    assert program_id in line.drift
    assert "처음 보는 열" in line.drift
    assert line.drift in line.detail


def headers_of(data: bytes) -> list[str]:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    rows = [[cell.value for cell in row if isinstance(cell.value, str)] for row in sheet.iter_rows()]
    return max(rows, key=len)
