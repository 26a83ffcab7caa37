"""The samples' second week: the program of the first fits it, to the same fingerprint, and its rows are proven."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from llm_convert.contracts.document import Document
from llm_convert.conversion.checks import check_rows
from llm_convert.conversion.grounding import prove
from llm_convert.documents.options import ReadOptions
from llm_convert.documents.reader import read_document
from llm_convert.programs import differences, execute, fingerprint, load_program
from llm_convert.prompts.reading import read_prompt
from llm_convert.samples.catalogue import SAMPLES
from llm_convert.samples.weeks import WEEKS

HERE = Path(__file__).parent / "samples"
PROMPTS = Path(__file__).parents[2] / "jobs" / "prompts"


@cache
def sample(file_id: str, week: int) -> Document:
    own = next(one for one in SAMPLES if one.file_id == file_id and not one.spoilt)
    return read_document(own.file_name(WEEKS[week]), own.make(WEEKS[week]), ReadOptions(styles=True))


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.yaml")))
def test_the_second_week(name) -> None:
    prompt = read_prompt(PROMPTS / f"{name}.yaml")
    program = load_program((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    kept = None
    for week in (1, 2):
        document = sample(prompt.file_ids[0], week)
        done = execute(program, document, prompt.output)
        assert not done.problems, done.told()
        proven, quarantined = prove(done.answer(), prompt, document)
        assert proven
        assert not quarantined
        checked = check_rows(prompt, proven)
        assert not checked.disagreements
        assert not checked.quarantined
        assert len(checked.rows) == len(proven)
        now = fingerprint(done)
        assert kept is None or differences(kept, now) == []
        kept = now
