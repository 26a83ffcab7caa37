from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from llm_convert.contracts.base import parse
from llm_convert.contracts.checks import SumCheck
from llm_convert.contracts.prompt import Layout, Prompt, Role, folded
from llm_convert.contracts.tables import FieldType
from llm_convert.samples import SAMPLES

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "jobs" / "prompts").glob("*.yaml"))
ANY_TABLE = ROOT / "src" / "llm_convert" / "prompts" / "builtin" / "any_table.yaml"


def load(path: Path) -> Prompt:
    return parse(Prompt, yaml.safe_load(path.read_text(encoding="utf-8")), where=path.name)


@pytest.mark.parametrize("path", [*FILES, ANY_TABLE], ids=lambda path: path.stem)
def test_a_prompt_file_is_valid_and_says_what_it_wants(path: Path) -> None:
    prompt = load(path)
    assert prompt.prompt_id == path.stem
    assert 3 <= len(prompt.instructions.strip().splitlines()) <= 8
    assert all(field.description for field in prompt.output.fields)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_aliases_are_korean_beside_the_english_name_and_every_row_has_a_key(path: Path) -> None:
    prompt = load(path)
    for field in prompt.output.fields:
        assert any(not alias.isascii() for alias in field.aliases), field.name
    assert prompt.key
    for check in prompt.checks:
        if isinstance(check, SumCheck):
            assert prompt.output.field(check.value).type in (FieldType.DECIMAL, FieldType.INTEGER)
            # A total that is skipped would never be compared.
            assert not {folded(label) for label in prompt.output.skip} & {folded(total) for total in check.totals}


def test_every_kind_of_sample_but_the_tidy_one_has_exactly_one_prompt() -> None:
    prompts = [load(path) for path in FILES]
    for file_id in {sample.file_id for sample in SAMPLES if sample.file_id} - {"BRANCH_SALES"}:
        assert len([prompt for prompt in prompts if prompt.serves(file_id)]) == 1, file_id
    assert len(prompts) == 6


def test_the_weekly_summary_is_an_observation_of_each_plan_and_actual() -> None:
    prompt = load(ROOT / "jobs" / "prompts" / "weekly_summary.yaml")
    assert prompt.output.layout is Layout.OBSERVATIONS
    roles = {field.name: field.role for field in prompt.output.fields}
    assert roles == {
        "week_start": Role.TITLE,
        "section": Role.SECTION,
        "item": Role.LABEL,
        "branch": Role.HEADER,
        "measure": Role.HEADER,
        "amount": Role.VALUE,
    }
    assert prompt.output.field("measure").values == ("계획", "실적")
    assert prompt.output.field("amount").unit == "KRW"


def test_any_table_has_the_fixed_long_form() -> None:
    prompt = load(ANY_TABLE)
    assert prompt.serves("ANYTHING")
    assert prompt.output.layout is Layout.ANY_TABLE
    assert [(f.name, f.type, f.required) for f in prompt.output.fields] == [
        ("sheet", FieldType.TEXT, True),
        ("table_number", FieldType.INTEGER, True),
        ("column_path", FieldType.TEXT, False),
        ("row_path", FieldType.TEXT, False),
        ("value", FieldType.TEXT, True),
    ]
