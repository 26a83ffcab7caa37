"""A wrong number of a line is held back where the lines around it tell which one is meant; right ones never are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llm_convert.contracts.document import Document, Sheet, TextPage
from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt
from llm_convert.contracts.work import Claimed
from llm_convert.conversion.draft import Draft

FIELDS = ("count", "price", "amount")
PROMPT = Prompt(
    prompt_id="p",
    file_ids=("X",),
    instructions="x",
    output=OutputSchema(
        table="t", fields=(OutputField(name="item"), *(OutputField(name=name, type="decimal") for name in FIELDS))
    ),
)
SHAPES = ("{item}   {0}   {1:,}   {2:,}", "{item} {0}개 {1:,}원 {2:,}원", "| {item} | {0} | {1:,} | {2:,} |")
Row = dict[str, Any]
FEW = settings(max_examples=40)
numbers = st.lists(st.tuples(*[st.integers(1, 10**6)] * 3), min_size=4, max_size=12)
items = st.sampled_from(["샴푸", "린스 500ml", "신라면 5", "A4 2호", "water"])


def draft(rows: list[Row], lines: list[str], place: str = "p!line {}") -> Draft:
    """Row n is read from line n, or from the n-th cell of a sheet's column."""
    parts = (TextPage(name="p", lines=tuple(lines)), Sheet(name="S", rows=tuple((None, line) for line in lines)))
    document = Document(name="d", sha256="0" * 64, kind="txt", parts=parts)
    claimed = [
        {name: Claimed(value=str(value), at=(place.format(at),)) for name, value in row.items() if value is not None}
        for at, row in enumerate(rows, 1)
    ]
    return Draft.of(claimed, PROMPT, document)


def table(shape: str, item: str, values: list[tuple[int, ...]]) -> tuple[list[Row], list[str]]:
    lines = [shape.format(*own, item=item) for own in values]
    return [dict(zip(("item", *FIELDS), (item, *own), strict=True)) for own in values], lines


PLACES = st.sampled_from(["p!line {}", "S!B{}"])


@FEW
@given(st.sampled_from(SHAPES), items, numbers, PLACES)
def test_right_values_are_proven(shape, item, values, place) -> None:
    rows, lines = table(shape, item, values)
    found = draft(rows, lines, place)
    assert (len(found.rows), found.quarantined, found.coverage_notes()) == (len(rows), (), [])


@FEW
@given(st.sampled_from(SHAPES), items, numbers, st.permutations(FIELDS), PLACES, st.data())
def test_two_numbers_that_are_exchanged_are_caught(shape, item, values, fields, place, data) -> None:
    rows, lines = table(shape, item, values)
    row = data.draw(st.sampled_from(rows))
    one, other, _ = fields
    assume(len({row[name] for name in FIELDS}) == 3)
    row[one], row[other] = row[other], row[one]
    (bad,) = draft(rows, lines, place).quarantined
    assert sorted(reason.partition(":")[0] for reason in bad.reasons) == sorted([one, other])


@FEW
@given(st.sampled_from(SHAPES), items, numbers, st.permutations(FIELDS), st.data())
def test_a_number_that_is_given_for_two_fields_is_caught(shape, item, values, fields, data) -> None:
    rows, lines = table(shape, item, values)
    row = data.draw(st.sampled_from(rows))
    one, other, _ = fields
    assume(len({row[name] for name in FIELDS}) == 3)
    # The number in the item's name is one of the line, too.
    assume(str(row[other]) not in item and row[other] != row[one])
    row[one] = row[other]
    (bad,) = draft(rows, lines).quarantined
    assert [reason.partition(":")[0] for reason in bad.reasons] == [one]


def test_all_three_in_a_ring_are_caught() -> None:
    rows, lines = table(SHAPES[0], "샴푸", [(n, 10 + n, 100 + n) for n in range(5)])
    rows[2] |= {"count": 12, "price": 102, "amount": 2}
    (bad,) = draft(rows, lines).quarantined
    assert len(bad.reasons) == 3


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        # A gap in a line whose item ends with a number: the columns move.
        (
            ["샴푸 1 100 7 900", "린스 2 200 8 800", "비누 3 300 9 700", "치약 4 400 6 600", "신라면 5 3 1000 3000"],
            [(1, 100, 900), (2, 200, 800), (3, 300, 700), (4, 400, 600), (3, 1000, 3000)],
        ),
        # Debit or credit, never both: the blank one is not missed.
        (
            ["a 5 9", "b 6 8", "c 7 7", "d 8 6", "e 9 5"],
            [(5, None, 9), (6, None, 8), (7, None, 7), (8, None, 6), (None, 9, 5)],
        ),
        # Prose that names the price first.
        (
            ["샴푸 3개 12,000원", "린스 2개 9,000원", "비누 1개 800원", "치약은 5,000원에 2개", "솔 7개 700원"],
            [(3, 12000, None), (2, 9000, None), (1, 800, None), (2, 5000, None), (7, 700, None)],
        ),
        # Another table after a line of headings.
        (
            ["a 1 10", "b 2 20", "c 3 30", "d 4 40", "가격 수량", "e 50 5", "f 60 6", "g 70 7"],
            [
                (1, 10, None),
                (2, 20, None),
                (3, 30, None),
                (4, 40, None),
                None,
                (5, 50, None),
                (6, 60, None),
                (7, 70, None),
            ],
        ),
        # Fewer lines than say anything.
        (["a 1 10", "b 2 20", "30 3 c"], [(1, 10, None), (2, 20, None), (3, 30, None)]),
    ],
)
def test_what_only_looks_odd_is_not_held_back(lines, rows) -> None:
    claimed = [
        {"item": None} if row is None else dict(zip(("item", *FIELDS), (None, *row), strict=True)) for row in rows
    ]
    assert draft(claimed, lines).quarantined == ()


def test_what_may_be_right_is_told() -> None:
    rows, lines = table("{item} {0} {1} 9 {2}", "샴푸", [(n, 10 + n, 100 + n) for n in range(1, 6)])
    rows[2]["price"] = 9
    assert draft(rows, lines).coverage_notes() == [
        "price at p!line 3: read from another column than in the lines around it"
    ]
    rows, lines = table("{item} {0}개에 {1}원씩 {2}원", "샴푸", [(3, 100, 300)])
    rows[0]["amount"] = 100
    (note,) = draft(rows, lines).coverage_notes()
    assert note.startswith("amount and price at p!line 1: two values rest on one number")


def test_several_rows_of_one_line_have_no_columns() -> None:
    lines = ["합계 1 2 3", "합계 4 5 6", "합계 7 8 9", "합계 10 11 12"]
    document = Document(name="d", sha256="0" * 64, kind="txt", parts=(TextPage(name="p", lines=tuple(lines)),))
    claimed = [
        {"amount": Claimed(value=value, at=(f"p!line {at}",))}
        for at, line in enumerate(lines, 1)
        for value in line.split()[1:]
    ]
    assert len(Draft.of(claimed, PROMPT, document).rows) == 12
