from __future__ import annotations

from pathlib import Path

import pytest

from llm_convert.contracts.prompt import Prompt
from llm_convert.errors import ConfigurationError
from llm_convert.prompts import check_prompts, load_library, read_prompt

GOOD = """\
prompt_id: one
file_ids: [SALES]
instructions: Read the sales.
output:
  table: sales
  fields: [{name: item}, {name: amount, type: decimal}]
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_general_prompt_is_always_known() -> None:
    library = load_library()
    assert library.get("any_table").file_ids == ("*",)


def test_a_general_prompt_is_applied_only_when_named(tmp_path: Path) -> None:
    write(tmp_path, "one.yaml", GOOD)
    library = load_library(tmp_path)
    assert [p.prompt_id for p in library.serving("SALES")] == ["one"]
    assert [p.prompt_id for p in library.serving("OTHER")] == []
    assert [p.prompt_id for p in library.serving("SALES", ("any_table",))] == ["any_table"]
    assert [p.prompt_id for p in library.serving("SALES", ("one", "any_table"))] == ["any_table", "one"]


def test_an_unknown_prompt_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown PROMPT_ID 'any_tabel'. Did you mean 'any_table'\?"):
        load_library().get("any_tabel")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is no YAML"),
        ("- a", "holds no mapping"),
        (GOOD + "teir: main\n", "unknown key 'teir' .* Did you mean 'tier'"),
        (GOOD.replace("decimal", "money"), "output.fields.1.type"),
        (GOOD.replace("{name: item}", "{name: amount}"), "found twice: amount"),
        (GOOD + "checks: [{kind: unique, fields: [itm]}]\n", "unknown field 'itm'; known: amount, item"),
        (GOOD + "checks: [{kind: total}]\n", "checks.0"),
        (GOOD + "examples: [{document: x, rows: [{itm: x}]}]\n", r"example 1 names unknown fields \['itm'\]"),
        (
            GOOD.replace("table: sales", "table: sales\n  layout: observations"),
            "exactly one field with role 'value', found 0",
        ),
        (GOOD.replace("Read the sales.", "'  '"), "instructions are empty"),
        (
            GOOD + "strategies: [kept, guess]\n",
            "strategies.1: .*'kept', 'rules', 'program' or 'direct'.* found 'guess'",
        ),
        (GOOD + "strategies: [kept, kept]\n", "found twice: kept"),
        (GOOD + "strategies: [direct, kept]\n", "name it last"),
    ],
)
def test_what_is_wrong_with_a_prompt_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_prompt(write(tmp_path, "bad.yaml", text))
    assert "bad.yaml" in str(caught.value)


def test_every_file_of_a_folder_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", GOOD)
    write(tmp_path, "b.yaml", "x: [")
    write(tmp_path, "c.yml", GOOD)
    write(tmp_path, "readme.txt", "not a prompt")
    found = {path.name: result for path, result in check_prompts(tmp_path)}
    assert isinstance(found["a.yaml"], Prompt)
    assert isinstance(found["b.yaml"], ConfigurationError)
    assert "prompt_id 'one' stands in" in str(found["c.yml"])
    assert len(found) == 3


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_library(tmp_path / "none")


def test_the_digest_changes_with_anything_that_can_change_an_answer(tmp_path: Path) -> None:
    first = read_prompt(write(tmp_path, "a.yaml", GOOD))
    assert first.digest == read_prompt(write(tmp_path, "b.yaml", GOOD)).digest
    for changed in (
        GOOD.replace("Read", "Take"),
        GOOD.replace("item", "thing"),
        GOOD + "checks: [{kind: unique, fields: [item]}]\n",
        GOOD + "examples: [{document: shampoo 100, rows: [{item: shampoo, amount: 100}]}]\n",
        GOOD + "strategies: [kept, direct]\n",
    ):
        assert read_prompt(write(tmp_path, "c.yaml", changed)).digest != first.digest


def test_a_prompt_without_strategies_keeps_the_digest_that_it_had_before_there_were_any() -> None:
    output = {"table": "t", "fields": [{"name": "a"}]}
    prompt = Prompt.model_validate({"prompt_id": "p", "file_ids": ["F"], "instructions": "x", "output": output})
    assert prompt.digest == "7bdbb93c390b3d23", "what was paid under it would be paid again"
