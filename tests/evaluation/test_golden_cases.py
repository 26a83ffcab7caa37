"""The golden cases that are shipped: every prompt has one, and their rows are right by a second, independent way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from llm_convert.cli.evaluating import convert_cases, score_of
from llm_convert.contracts.base import Scalar
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import Row
from llm_convert.conversion.draft import Draft
from llm_convert.documents import ReadOptions, read_document
from llm_convert.evaluation import Case, cases_of, expected_rows, score_rows
from llm_convert.programs import all_derived, execute, load_program
from llm_convert.prompts import load_library
from llm_convert.prompts.reading import BUILTIN
from llm_convert.samples import settlements
from llm_convert.samples.catalogue import sample_of
from llm_convert.samples.weeks import WEEKS
from llm_convert.settings import Settings

REPOSITORY = Path(__file__).parents[2]
PROMPTS = REPOSITORY / "jobs" / "prompts"
PROGRAMS = REPOSITORY / "tests" / "programs" / "samples"
LIBRARY = load_library(PROMPTS)
CASES = [
    (case, LIBRARY.get(prompt_id))
    for prompt_id in LIBRARY.prompt_ids
    for case in cases_of([PROMPTS / "cases", BUILTIN / "cases"], prompt_id)
]


def of(prompt_id: str) -> list[Case]:
    return [case for case, _ in CASES if case.prompt_id == prompt_id]


def perfect(case: Case, prompt: Prompt, rows: list[Row]) -> bool:
    score, _ = score_rows(expected_rows(case, prompt)[0], rows, prompt)
    return score.perfect and score.rows_expected > 0


@pytest.mark.parametrize("prompt_id", LIBRARY.prompt_ids)
def test_every_prompt_has_a_checked_case(prompt_id: str) -> None:
    assert of(prompt_id)
    assert all(case.checked for case in of(prompt_id))


@pytest.mark.parametrize("prompt_id", sorted(path.stem for path in PROGRAMS.glob("*.yaml")))
def test_programs_written_by_hand_give_the_same_rows(prompt_id: str) -> None:
    prompt = LIBRARY.get(prompt_id)
    program = load_program((PROGRAMS / f"{prompt_id}.yaml").read_text(encoding="utf-8"))
    for case in of(prompt_id):
        assert case.about.sample is not None
        sample, week = sample_of(case.about.sample.file_id), WEEKS[case.about.sample.week]
        document = read_document(sample.file_name(week), sample.make(week), ReadOptions(styles=True))
        answer = execute(program, document, prompt.output).answer()
        draft = Draft.of(answer.rows, prompt, document, derived=all_derived(program))
        assert perfect(case, prompt, list(draft.rows)), case.label


def test_settlements_are_the_figures_that_were_drawn() -> None:
    prompt = LIBRARY.get("settlement_lines")
    for case in of("settlement_lines"):
        assert case.about.sample is not None
        week = WEEKS[case.about.sample.week]
        drawn: list[dict[str, Scalar]] = [
            {
                "period_start": week.monday.isoformat(),
                "item": item,
                "count": count,
                "amount": str(amount),
                "fee_rate": float(Decimal(str(rate)) / 100),
            }
            for item, count, amount, rate in settlements.records(week)
        ]
        assert perfect(case, prompt, [Row(values=values) for values in drawn]), case.label


def test_the_rules_convert_all_of_them_exactly(tmp_path: Path) -> None:
    scores = [score_of(one) for one in convert_cases(CASES, Settings(home=tmp_path), ["rules"])]
    assert [score.name for score in scores if score.score is None or not score.score.perfect] == []
    assert len(scores) == len(CASES) == 13
    assert {score.strategy for score in scores} == {"rules"}
