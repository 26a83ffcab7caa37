"""``llm-convert eval``: over the real wire, from file without it, against an earlier report, and what it exits with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_convert.cli.main import main
from llm_convert.evaluation import EvalReport
from llm_convert.testing.model_server import ModelServer, text_of

REPOSITORY = Path(__file__).parents[2]
PROMPT = """\
prompt_id: sales_lines
file_ids: [SALES]
instructions: A list of sales.
output:
  table: sales
  fields:
    - {name: item, required: true}
    - {name: amount, type: decimal, required: true}
checks:
  - {kind: unique, fields: [item]}
"""
DOCUMENTS = {"first": "품목,금액\n샴푸,1234\n비누,5600\n", "second": "품목,금액\n녹차,70\n"}
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def rows(*given: tuple[str, int]) -> dict[str, Any]:
    """An answer whose rows stand in the document in this order."""
    return {
        "rows": [
            {"item": {"value": item, "at": [f"매출!A{n}"]}, "amount": {"value": amount, "at": [f"매출!B{n}"]}}
            for n, (item, amount) in enumerate(given, start=2)
        ]
    }


def right(request: dict[str, Any]) -> dict[str, Any]:
    return rows(("녹차", 70)) if "녹차" in text_of(request) else rows(("샴푸", 1234), ("비누", 5600))


def forgetful(request: dict[str, Any]) -> dict[str, Any]:
    return rows(("녹차", 70)) if "녹차" in text_of(request) else rows(("샴푸", 1234))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "sales_lines.yaml").write_text(PROMPT, encoding="utf-8")
    for name, text in DOCUMENTS.items():
        folder = tmp_path / "prompts" / "cases" / "sales_lines" / name
        folder.mkdir(parents=True)
        (folder / "매출.csv").write_text(text, encoding="utf-8")
        (folder / "expected.csv").write_text(text.replace("품목,금액", "item,amount"), encoding="utf-8")
    monkeypatch.setenv("LLM_CONVERT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LLM_CONVERT_PROMPTS", str(tmp_path / "prompts"))
    monkeypatch.setenv("LLM_CONVERT_RECORDINGS", str(tmp_path / "recordings"))
    monkeypatch.setenv("LLM_CONVERT_RETRY_SECONDS", "0")
    # Its cases are about answers: a program would be written for the first and kept for the others.
    monkeypatch.setenv("LLM_CONVERT_STRATEGIES", "kept,direct")
    return tmp_path


@pytest.fixture
def recorded(home: Path) -> Callable[..., int]:
    """Evaluates against a model server, which is gone afterwards, and puts the replies on file."""

    def run(answer: Answer, *arguments: str) -> int:
        prices = {"claude-sonnet-4-6": {"usd_input": "3", "usd_output": "15"}}
        with ModelServer(answer_with=answer, prices=prices) as server, pytest.MonkeyPatch.context() as patch:
            for name, value in {**server.environment(), "LLM_CONVERT_RECORD": "true"}.items():
                patch.setenv(name, value)
            return evaluate("sales_lines", *arguments)

    return run


def evaluate(*arguments: str | Path) -> int:
    return main(["eval", *map(str, arguments)])


def report_of(home: Path, folder: str = "home/eval") -> EvalReport:
    return EvalReport.read((home / folder / "report.json").read_text(encoding="utf-8"), where="report.json")


def test_paid_once_on_the_wire_and_never_from_file(
    home: Path, recorded: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_CONVERT_STORE", f"file://{home}/nights")
    assert recorded(right, "--out", str(home / "paid")) == 0
    paid = report_of(home, "paid")
    assert (
        "vertex: 2 of 2 cases are exact, 3 of 3 rows; precision 1.0000, recall 1.0000; 2 calls"
        in capsys.readouterr().out
    )
    assert (
        evaluate("sales_lines", "--provider", "vertex", "--only-recorded", "--against", home / "paid/report.json") == 0
    )
    said = capsys.readouterr().out
    assert "vertex (on file)" in said
    assert "0.000000 USD paid now" in said
    assert "0 of 2 cases got worse" in said
    replayed = report_of(home)
    assert [case.score for case in replayed.cases] == [case.score for case in paid.cases]
    for before, after in zip(paid.cases, replayed.cases, strict=True):
        assert after.score is not None and after.score.perfect
        assert after.usage == before.usage, "what the calls cost when they were made"
        assert before.paid_microusd == before.usage.cost_microusd > 0
        assert (after.paid_microusd, after.replayed, before.replayed) == (0, True, False)
        assert (after.provider, after.strategy, after.usage.calls) == ("vertex", "direct", 1)
        (answered,) = after.answered
        assert (answered.provider, answered.model) == ("vertex", "claude-sonnet-4-6")
        assert answered.at[:10] == before.answered[0].at[:10]
    assert not (home / "nights").exists(), "nothing is left among the nights' things"


def test_a_cell_that_got_worse_fails_and_is_named_without_its_value(
    home: Path, recorded: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert recorded(right) == 0
    capsys.readouterr()
    before = home / "home/eval/report.json"
    assert recorded(forgetful, "--against", str(before)) == 65
    said = capsys.readouterr().out
    assert "worse: sales_lines/first (vertex)" in said
    assert "missing: item, line 3 of the expected rows" in said
    assert "missing: amount, line 3 of the expected rows" in said
    assert "1 of 2 cases got worse" in said
    assert "비누" not in said and "5600" not in said
    page = (home / "home/eval/report.md").read_text(encoding="utf-8")
    assert "### sales_lines/first got worse" in page and "5600" in page
    first, second = report_of(home).cases
    assert first.score is not None and (first.score.recall, first.score.precision) == (0.5, 1)
    assert second.score is not None and second.score.perfect
    # The same again, from file and against itself, is no worse.
    assert evaluate("sales_lines", "--provider", "recorded", "--against", before) == 0


def test_another_version_of_the_prompt_has_no_recordings_and_says_so(
    home: Path, recorded: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert recorded(right) == 0
    path = home / "prompts" / "sales_lines.yaml"
    path.write_text(PROMPT.replace("A list of sales.", "A list of all sales."), encoding="utf-8")
    assert evaluate("sales_lines", "--provider", "vertex,rules", "--only-recorded") == 78
    said = capsys.readouterr().out
    assert "vertex,rules: nothing was scored; 0 calls" in said
    assert "not scored: sales_lines/first (vertex,rules): not_recorded: no reply to sales_lines (rows, call 1)" in said
    assert all(case.score is None and not case.differences for case in report_of(home).cases)


def test_a_row_that_is_not_proven_is_not_found_and_the_page_says_why(
    home: Path, recorded: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_CONVERT_REPAIRS", "0")
    assert recorded(lambda request: rows(("샴푸", 1234), ("비누", 5601))) == 0
    first, _ = report_of(home).cases
    assert first.score is not None and (first.score.missing, first.score.wrong) == (2, 0)
    (why,) = first.quarantined
    assert why.startswith("매출!A3 매출!B3: amount: ")
    assert "Quarantined: 매출!A3 매출!B3: amount: " in (home / "home/eval/report.md").read_text(encoding="utf-8")


def test_providers_side_by_side(home: Path, recorded: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert recorded(right) == 0
    assert evaluate("sales_lines", "--provider", "vertex", "--provider", "rules", "--only-recorded") == 0
    cases = report_of(home).cases
    assert [(case.case, case.provider) for case in cases] == [
        ("first", "vertex"),
        ("second", "vertex"),
        ("first", "rules"),
        ("second", "rules"),
    ]
    rules = cases[2]
    assert rules.score is not None and not rules.score.perfect, "this prompt has no Korean names for the rules"
    assert rules.outcome == "FAILED" and rules.score.missing == 4


def test_a_service_that_is_away_is_no_score(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer() as server:
        environ = server.environment()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert evaluate("sales_lines") == 75
    assert {case.cause for case in report_of(home).cases} == {"unavailable"}


def test_a_budget_holds_for_the_evaluation_as_a_whole(
    home: Path, recorded: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_CONVERT_BUDGET_RUN_USD", "0.000001")
    assert recorded(right) == 78
    assert {case.cause for case in report_of(home).cases} == {"budget"}
    assert not list((home / "recordings").glob("*/*/*.json"))
    # A call costs a quarter of a dollar at its worst and far less in the end: two at a time, and then two more.
    monkeypatch.setenv("LLM_CONVERT_BUDGET_RUN_USD", "0.6")
    assert recorded(right, *("--provider", "vertex"), *("--provider", "vertex,rules"), *("--provider", "vertex")) == 0
    cases = report_of(home).cases
    assert len(cases) == 4, "the same chain twice is one"
    paid = sum(case.paid_microusd for case in cases)
    books = [path.read_text(encoding="utf-8") for path in (home / "home/store").glob("tenants/eval/runs/*/budgets/*")]
    assert paid > 0 and sum(str(paid) in book for book in books) == 1


def test_a_case_of_its_own_is_accepted_and_waits_for_a_person(
    home: Path, recorded: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "prompts" / "cases" / "sales_lines" / "second"
    (folder / "expected.csv").unlink()
    assert recorded(right) == 78, "before anything is paid"
    assert "sales_lines/second has no expected rows" in capsys.readouterr().err
    assert recorded(right, "--accept") == 0
    assert "A person must compare them" in capsys.readouterr().out
    unchecked = folder / "expected.unchecked.csv"
    assert unchecked.read_text(encoding="utf-8") == "item,amount\n녹차,70\n"
    assert evaluate("sales_lines", "--provider", "recorded") == 78, "the first case was not converted, so not recorded"
    assert "nobody has checked yet: sales_lines/second" in capsys.readouterr().out
    assert recorded(right, "--accept") == 0
    assert "no case without expected rows" in capsys.readouterr().out


def test_what_gives_no_rows_is_not_accepted(
    home: Path, recorded: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "prompts" / "cases" / "sales_lines" / "second"
    (folder / "expected.csv").unlink()
    assert recorded(lambda request: {"rows": [], "clarify": "which?"}, "--accept") == 65
    assert "nothing to accept: CLARIFY" in capsys.readouterr().out
    assert not (folder / "expected.unchecked.csv").exists()


def test_a_case_with_a_program_is_converted_by_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_CONVERT_PROMPTS", str(REPOSITORY / "jobs" / "prompts"))
    golden = REPOSITORY / "jobs/prompts/cases/stock_list/week-2"
    folder = home / "cases" / "stock_list" / "week-2"
    folder.mkdir(parents=True)
    for name in ("case.yaml", "expected.csv"):
        (folder / name).write_bytes((golden / name).read_bytes())
    program = (REPOSITORY / "tests/programs/samples/stock_list.yaml").read_text(encoding="utf-8")
    (folder / "program.yaml").write_text(program, encoding="utf-8")
    assert evaluate("stock_list", "--cases", home / "cases", "--provider", "recorded") == 0
    (case,) = report_of(home).cases
    assert (case.strategy, case.usage.calls) == ("kept", 0)
    assert case.score is not None and case.score.perfect
    (folder / "program.yaml").write_text(program.replace("품번", "없는 열"), encoding="utf-8")
    assert evaluate("stock_list", "--cases", home / "cases", "--provider", "recorded") == 78
    assert "llm-convert programs try DOCUMENT --prompt stock_list" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], "unknown PROMPT_ID 'none'"),
        (["any_table", "--cases", "nowhere"], "the prompt any_table has no golden case in nowhere"),
        (["--cases", "nowhere"], "there are no golden cases in nowhere"),
        (["--against", "nothing.json"], "nothing.json can't be read"),
        (["--against", __file__], "is no report of llm-convert eval"),
        (
            ["sales_lines", "--accept", "--provider", "rules", "--provider", "vertex"],
            "--accept takes one provider, found 2",
        ),
        (["sales_lines", "--provider", "rules", "--out", __file__], "can't be made: File exists. Name another one"),
        (["sales_lines", "--provider", "vertx"], "unknown provider 'vertx'"),
    ],
)
def test_bad_input_is_told_with_its_remedy(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert evaluate(*arguments) == 78
    assert said in capsys.readouterr().err


def test_the_report_is_plain_json(home: Path, recorded: Callable[..., int]) -> None:
    assert recorded(right) == 0
    found = json.loads((home / "home/eval/report.json").read_text(encoding="utf-8"))
    assert found["version"] == 1
    assert found["cases"][0]["score"]["right"] == 4
