"""What counts as worse: a single cell that was right before, whatever else was mended."""

from __future__ import annotations

from typing import Any

import pytest

from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Outcome
from llm_convert.errors import ConfigurationError
from llm_convert.evaluation import Answered, CaseScore, Difference, EvalReport, Score, as_markdown, compare

PERFECT = Score(rows_expected=2, rows_found=2, rows_exact=2, right=4, wrong=0, missing=0, extra=0)


def cell(row: str, field: str = "amount", **more: Any) -> Difference:
    return Difference.model_validate(
        {"fault": "wrong", "row": row, "field": field, "line": 2, "expected": "5", "found": "6", "at": ["S!C2"], **more}
    )


def scored(*differences: Difference, case: str = "week-1", **more: Any) -> CaseScore:
    chosen = {
        "prompt_id": "stock",
        "prompt_digest": "d1",
        "case": case,
        "provider": "vertex",
        "expected_digest": "e1",
        "checked": True,
        "outcome": Outcome.SUCCEEDED,
        "strategy": "direct",
        "score": PERFECT,
        "differences": differences,
        **more,
    }
    return CaseScore.model_validate(chosen)


def report(*cases: CaseScore, at: str = "2026-01-02T00:00:00+00:00") -> EvalReport:
    return EvalReport(made_at=at, package="0.1.0", cases=cases)


def verdicts(after: EvalReport, before: EvalReport) -> list[str]:
    return [change.verdict for change in compare(after, before).changes]


@pytest.mark.parametrize(
    ("before", "after", "verdict", "broken"),
    [
        ([], [], "same", 0),
        ([cell("a")], [cell("a")], "same", 0),
        ([cell("a")], [cell("a", fault="missing", found=None)], "same", 0),
        ([cell("a"), cell("b")], [cell("a")], "better", 0),
        ([], [cell("a")], "worse", 1),
        ([cell("a"), cell("b"), cell("c")], [cell("d")], "worse", 1),
        ([cell("a")], [cell("a"), cell("a")], "worse", 1),
        ([cell("a")], [cell("a", "item")], "worse", 1),
        ([cell("a")], [cell("a"), cell("a", fault="extra", line=None)], "worse", 1),
    ],
)
def test_one_cell_decides(before: list[Difference], after: list[Difference], verdict: str, broken: int) -> None:
    (change,) = compare(report(scored(*after)), report(scored(*before))).changes
    assert (change.verdict, len(change.broken)) == (verdict, broken)


def test_what_can_t_be_compared_is_told_and_not_called_worse() -> None:
    bad = scored(cell("a"))
    assert verdicts(report(bad), report(scored(expected_digest="e2"))) == ["other_rows"]
    failed = scored(score=None, outcome=Outcome.FAILED, cause=Cause.NOT_RECORDED)
    assert verdicts(report(failed), report(scored())) == ["not_scored"]
    assert verdicts(report(bad), report(scored(case="week-2"))) == ["new", "gone"]
    elsewhere = scored(prompt_id="sales")
    assert verdicts(report(bad), report(scored(), elsewhere)) == ["worse"], "it was not asked about sales now"


def test_one_provider_is_compared_with_another_only_where_it_is_clear_which() -> None:
    vertex, ollama, internal = (scored(cell("a"), provider=name) for name in ("vertex", "ollama", "internal"))
    good = scored()
    assert verdicts(report(ollama), report(good)) == ["worse"]
    assert verdicts(report(vertex, ollama), report(good)) == ["worse", "new"]
    assert verdicts(report(internal), report(good, ollama)) == ["new"]


def test_a_report_is_read_back_and_others_are_refused() -> None:
    whole = report(scored(cell("a")), scored(score=None, cause=Cause.UNAVAILABLE, outcome=Outcome.FAILED, case="x"))
    assert EvalReport.read(whole.model_dump_json(indent=1), where="r.json") == whole
    for text in ("", "{}", whole.model_dump_json().replace('"version":1', '"version":2')):
        with pytest.raises(ConfigurationError, match=r"r\.json is no report of llm-convert eval"):
            EvalReport.read(text, where="r.json")


def test_the_page_says_all_that_a_person_needs_and_no_value_can_break_it() -> None:
    vile = cell("a | b\n# c", found="<img src=x>|`\n", expected=None, fault="extra")
    answered = Answered(provider="vertex", model="claude-sonnet-4-6", at="2026-01-01T00:00:00+00:00")
    after = scored(
        vile,
        usage=Usage(calls=2, input_tokens=10, cost_microusd=1500),
        answered=(answered,),
        checked=False,
        replayed=True,
    )
    before = report(scored(), at="2025-12-31T00:00:00+00:00")
    page = as_markdown(report(after), compare(report(after), before))
    assert (
        "| stock/week-1 | d1 | vertex (on file) | direct | 2 of 2 | 1.0000 | 1.0000 | 4 | 0 | 0 | 0 | 0 | 2 | 10 |"
        in page
    )
    assert "0.001500" in page
    assert "## Against the evaluation of 2025-12-31T00:00:00+00:00" in page
    assert "### stock/week-1 got worse" in page
    assert "Answered by vertex, claude-sonnet-4-6, 2026-01-01T00:00:00+00:00." in page
    assert "Nobody has checked the expected rows yet" in page
    line = next(line for line in page.splitlines() if line.startswith("| extra |"))
    assert line == r"| extra | a \| b \# c | 2 | amount |  | \<img src=x\>\|\` | S!C2 |"


def test_a_long_list_of_cells_is_cut_and_says_so() -> None:
    page = as_markdown(report(scored(*(cell(f"r{n}") for n in range(130)))), None)
    assert page.count("| wrong | r") == 100
    assert "... and 30 more cells." in page
