"""Scores: identical is perfect, the order of rows means nothing, and no changed cell goes unseen."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import Row
from llm_convert.evaluation import ExpectedRow, Score, score_rows
from llm_convert.evaluation.matching import token

KEYED = {
    "prompt_id": "stock",
    "file_ids": ["STOCK"],
    "instructions": "x",
    "output": {
        "table": "stock",
        "fields": [{"name": "part"}, {"name": "place"}, {"name": "pieces", "type": "integer"}],
    },
    "checks": [{"kind": "unique", "fields": ["part", "place"]}],
}
STOCK = Prompt.model_validate(KEYED)
BARE = Prompt.model_validate({**KEYED, "checks": []})

cells = st.sampled_from([None, "a", "b", "c"])
rows_of_cells = st.fixed_dictionaries({"part": cells, "place": cells, "pieces": st.none() | st.integers(0, 3)})
tables = st.lists(rows_of_cells.filter(lambda row: any(value is not None for value in row.values())), max_size=7)
prompts = st.sampled_from([STOCK, BARE])


def expected_of(rows: list[dict[str, Scalar]]) -> list[ExpectedRow]:
    return [ExpectedRow(line=line, values=values) for line, values in enumerate(rows, start=2)]


def found_of(rows: list[dict[str, Scalar]]) -> list[Row]:
    return [Row(values=values, at={name: (f"S!{name}{n}",) for name in values}) for n, values in enumerate(rows)]


def counted(score: Score) -> tuple[int, ...]:
    return score.right, score.wrong, score.missing, score.extra


@given(tables, prompts)
def test_identical_rows_are_perfect(rows: list[dict[str, Scalar]], prompt: Prompt) -> None:
    score, differences = score_rows(expected_of(rows), found_of(rows), prompt)
    filled = sum(value is not None for row in rows for value in row.values())
    assert score.perfect
    assert (score.precision, score.recall) == (1, 1)
    assert counted(score) == (filled, 0, 0, 0)
    assert differences == ()


@given(tables, tables, prompts, st.randoms(use_true_random=False))
def test_the_order_of_found_rows_changes_nothing(
    rows: list[dict[str, Scalar]], other: list[dict[str, Scalar]], prompt: Prompt, order: random.Random
) -> None:
    found = found_of(other)
    before = score_rows(expected_of(rows), found, prompt)
    order.shuffle(found)
    assert score_rows(expected_of(rows), found, prompt) == before


@given(tables, tables, prompts, st.randoms(use_true_random=False))
def test_the_order_of_expected_rows_changes_only_their_lines(
    rows: list[dict[str, Scalar]], other: list[dict[str, Scalar]], prompt: Prompt, order: random.Random
) -> None:
    before, _ = score_rows(expected_of(rows), found_of(other), prompt)
    order.shuffle(rows)
    assert score_rows(expected_of(rows), found_of(other), prompt)[0] == before


@given(tables, tables, prompts)
def test_every_filled_cell_is_counted_once_on_its_side(
    rows: list[dict[str, Scalar]], other: list[dict[str, Scalar]], prompt: Prompt
) -> None:
    score, differences = score_rows(expected_of(rows), found_of(other), prompt)
    filled = [sum(value is not None for row in side for value in row.values()) for side in (rows, other)]
    assert [score.right + score.wrong + score.missing, score.right + score.wrong + score.extra] == filled
    assert len(differences) == score.wrong + score.missing + score.extra
    assert 0 <= score.precision <= 1 and 0 <= score.recall <= 1
    assert score.perfect == (not differences and len(rows) == len(other))


@given(tables.filter(bool), prompts, st.data())
def test_a_changed_cell_is_counted(rows: list[dict[str, Scalar]], prompt: Prompt, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(["part", "place", "pieces"]))
    value = data.draw((st.none() | st.integers(0, 9)) if name == "pieces" else st.sampled_from([None, "a", "z"]))
    changed = [dict(row) for row in rows]
    changed[place][name] = value
    score, differences = score_rows(expected_of(rows), found_of(changed), prompt)
    if rows[place][name] == value:
        assert score.perfect
        return
    assert not score.perfect
    assert differences
    assert score.rows_exact == len(rows) - 1


def test_a_wrong_cell_is_named_with_row_line_and_address() -> None:
    rows: list[dict[str, Scalar]] = [
        {"part": "a", "place": "x", "pieces": 1},
        {"part": "b", "place": "x", "pieces": 2},
        {"part": "c", "place": "x", "pieces": 3},
    ]
    other: list[dict[str, Scalar]] = [{**rows[1], "pieces": 20}, rows[0], {"part": "d", "place": "y", "pieces": 9}]
    score, differences = score_rows(expected_of(rows), found_of(other), STOCK)
    assert (score.rows_expected, score.rows_found, score.rows_exact) == (3, 3, 1)
    assert counted(score) == (5, 1, 3, 3)
    assert score.precision == pytest.approx(5 / 9)
    wrong = differences[0]
    assert (wrong.fault, wrong.row, wrong.field, wrong.line) == ("wrong", "b · x", "pieces", 3)
    assert (wrong.expected, wrong.found, wrong.at) == (2, 20, ("S!pieces0",))
    assert wrong.place == "pieces at S!pieces0, line 3 of the expected rows"
    assert [one.fault for one in differences[1:]] == ["missing"] * 3 + ["extra"] * 3
    assert {one.line for one in differences[4:]} == {None}


def test_rows_without_a_key_of_their_own_are_paired_by_what_they_share() -> None:
    rows: list[dict[str, Scalar]] = [{"part": "a", "place": "x", "pieces": n} for n in (1, 2)]
    other: list[dict[str, Scalar]] = [
        {"part": "a", "place": "y", "pieces": 2},
        {"part": "a", "place": "x", "pieces": 1},
    ]
    score, (difference,) = score_rows(expected_of(rows), found_of(other), BARE)
    assert counted(score) == (5, 1, 0, 0)
    assert (difference.field, difference.line) == ("place", 3)


def test_a_large_table_is_scored_in_time() -> None:
    rows: list[dict[str, Scalar]] = [{"part": f"p{n}", "place": "x", "pieces": n} for n in range(3000)]
    other = [{**row, "pieces": -1} for row in rows]
    score, _ = score_rows(expected_of(rows), found_of(other), STOCK)
    assert counted(score) == (6000, 3000, 0, 0)
    score, _ = score_rows(expected_of(rows), found_of(other), BARE)
    assert counted(score) == (0, 0, 9000, 9000), "too many to compare each with each: nothing is left out all the same"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (0.1, 0.10, True),
        (1e22, 10**22, True),
        ("a  b", "a b", True),
        ("가", "\u1100\u1161", True),
        ("", None, True),
        (1, 2, False),
        (True, 1, False),
        ("A", "a", False),
        (0, None, False),
    ],
)
def test_when_two_values_are_equal(one: Any, other: Any, same: bool) -> None:
    assert (token(one) == token(other)) is same
