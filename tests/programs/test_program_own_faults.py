"""A total that is wrong in the sheet itself is told apart from one that a program reads wrongly."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from programs_kit import run, sheet, table

from llm_convert.programs import Kind, Run

CROSS = table("""
    anchor: ^Item$
    values: '^W\\d$'
    fields:
      item: {column: ^Item$}
      week: {header: 0}
      value: {}
    checks:
    - {check: sum, total: {item: ^Sum$}, parts: {item: "PARTS"}, by: [week]}
    """)
amounts = st.lists(st.lists(st.integers(1, 999), min_size=4, max_size=4), min_size=3, max_size=6)


def cross(numbers: list[list[int]]) -> list[list[Any]]:
    """Items by week, with a line of sums."""
    lines = [[f"item {at}", *own] for at, own in enumerate(numbers)]
    return [["Item", "W1", "W2", "W3", "W4"], *lines, ["Sum", *map(sum, zip(*numbers, strict=True))]]


def ran(rows: list[list[Any]], parts: str = "^item") -> Run:
    return run(CROSS.replace("PARTS", parts), sheet(*rows))


def kinds(done: Run) -> list[Kind]:
    return [finding.kind for finding in done.problems]


@given(amounts, st.data())
def test_one_wrong_number_among_columns_that_add_up_is_the_sheet_s(numbers, data) -> None:
    rows = cross(numbers)
    line, column = data.draw(st.integers(1, len(rows) - 1)), data.draw(st.integers(1, 4))
    rows[line][column] += data.draw(st.integers(1, 99))
    done = ran(rows)
    assert kinds(done) == [Kind.OWN_FAULT]
    assert done.findings[0].at[0] == f"S!{'ABCDE'[column]}{len(rows)}"
    assert (done.checks[0].broken, done.checks[0].own) == (1, 1)
    assert len(done.records) == 4 * len(numbers), "it is checked and left out like any total"


@given(amounts, st.integers(0, 2), st.integers(1, 3))
def test_a_line_that_the_program_leaves_out_is_the_program_s(numbers, out, zeros) -> None:
    """Also where the line is zero in most columns, which add up without it."""
    numbers[out] = [0] * zeros + numbers[out][zeros:]
    done = ran(cross(numbers), parts=f"^item [^{out}]")
    assert kinds(done) == [Kind.CHECK] * (4 - zeros)


@given(amounts, st.integers(1, 3))
def test_a_line_that_the_program_takes_too_much_is_the_program_s(numbers, zeros) -> None:
    rows = cross(numbers)
    rows.insert(1, ["item of which", *[0] * zeros, *numbers[0][zeros:]])
    assert kinds(ran(rows)) == [Kind.CHECK] * (4 - zeros)


@given(amounts)
def test_what_most_columns_say_is_believed(numbers) -> None:
    rows = cross(numbers)
    rows[-1][1] += 1
    rows[-1][2] += 1
    assert kinds(ran(rows)) == [Kind.CHECK] * 2


def test_a_cell_that_holds_no_number_is_no_line_that_was_left_out() -> None:
    rows = cross([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    rows[2][1] = None
    assert kinds(ran(rows)) == [Kind.OWN_FAULT]
    rows[2][1] = "5 or so"
    assert Kind.CHECK in kinds(ran(rows))


def test_the_only_column_has_nothing_beside_it() -> None:
    rows = [row[:2] for row in cross([[1] * 4, [2] * 4, [3] * 4])]
    rows[-1][1] = 7
    assert kinds(ran(rows)) == [Kind.CHECK]
