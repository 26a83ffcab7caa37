"""What may change within a random layout gives the same; what must not is noticed; no program crashes on any sheet."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from programs_kit import document
from random_layouts import SLOW, Laid, Layout, expected, got, laid_out, layouts, program_of, records

from llm_convert.contracts.document import CellRange
from llm_convert.errors import LlmConvertError
from llm_convert.programs import Fingerprint, MisfitError, Run, differences, execute, fingerprint, load_program
from llm_convert.programs.fingerprint import learned

seeds = st.integers(0, 1000)


def run(laid: Laid, layout: Layout, **more: Any) -> Run:
    program = program_of(layout)
    program["tables"][0] |= more
    return execute(load_program(program), document(laid.sheet(layout)))


def header_row(laid: Laid) -> int:
    return next(row for (row, _), value in sorted(laid.rows.items()) if value == "Region")


def opened(laid: Laid, at: int, *, axis: int) -> Laid:
    """The same with an empty row (axis 0) or column (axis 1) put in before a place."""

    def moved(place: tuple[int, int]) -> tuple[int, int]:
        row, column = place
        return (row + (row >= at), column) if axis == 0 else (row, column + (column >= at))

    ranges = [CellRange(*moved((m.top, m.left)), *moved((m.bottom, m.right))) for m in laid.merged]
    return Laid(rows={moved(place): value for place, value in laid.rows.items()}, merged=ranges)


def merged_again(laid: Laid) -> Laid:
    return Laid(rows=dict(laid.rows), merged=list(laid.merged))


@SLOW
@given(records(), layouts, seeds, st.lists(st.integers(0, 30), min_size=1, max_size=3))
def test_blank_rows_change_nothing(own, layout, seed, places) -> None:
    laid = laid_out(own, layout, seed)
    before = run(laid, layout)
    first = header_row(laid) + (2 if layout.pivot and layout.two_headers else 1)
    for place in places:
        laid = opened(laid, first + place, axis=0)
    after = run(laid, layout)
    assert got(after) == expected(own)
    assert differences(fingerprint(before), fingerprint(after)) == []


@SLOW
@given(records(), records(), layouts, seeds, st.booleans())
def test_two_blocks_give_the_records_of_both(own, others, layout, seed, beside) -> None:
    layout.notes = layout.totals = layout.title = False
    layout.transposed = False
    others = {(f"{region} 2", *rest): amount for (region, *rest), amount in others.items()}
    one, two = laid_out(own, layout, seed), laid_out(others, layout, seed)
    bottom, right = max(row for row, _ in one.rows) + 2, max(column for _, column in one.rows) + 2
    down, across = (0, right) if beside else (bottom, 0)
    one.rows |= {(row + down, column + across): value for (row, column), value in two.rows.items()}
    one.merged += [CellRange(m.top + down, m.left + across, m.bottom + down, m.right + across) for m in two.merged]
    assert got(run(one, layout, repeat=True)) == expected(own) | expected(others)


def renamed(laid: Laid, rnd: random.Random) -> Laid:
    row = header_row(laid)
    at = rnd.choice([place for place in laid.rows if place[0] == row and laid.rows[place] in _NAMED])
    laid.put(*at, f"{laid.rows[at]} (old)")
    return laid


_NAMED = {"Region", "Item", "Year", "Half", "Amount"}


def with_a_column(laid: Laid, rnd: random.Random) -> Laid:
    row = header_row(laid)
    last = max(column for _, column in laid.rows)
    at = rnd.randint(1, last + 1)
    laid = opened(laid, at, axis=1)
    laid.put(row, at, "Plan")
    for below in {place for place, _ in laid.rows if place > row + 1}:
        laid.put(below, at, 7)
    return laid


def with_a_block(laid: Laid, rnd: random.Random) -> Laid:
    below = max(row for row, _ in laid.rows) + 2
    laid.put(below, 0, "Stock")
    laid.put(below + 1, rnd.randint(0, 9), 12)
    return laid


def with_another_unit(laid: Laid, rnd: random.Random) -> Laid:
    laid.put(header_row(laid) - 1, 1, rnd.choice(["(in millions)", "(단위: 백만원)"]))
    return laid


@SLOW
@given(
    records(),
    layouts,
    seeds,
    st.sampled_from([renamed, with_a_column, with_a_block, with_another_unit]),
    st.randoms(use_true_random=False),
)
def test_another_layout_is_noticed(own, layout, seed, change, rnd) -> None:
    layout.title = True
    laid = laid_out(own, layout, seed)
    laid.put(header_row(laid) - 1, 1, "(in thousands)")
    before = run(laid, layout)
    try:
        after = run(change(merged_again(laid), rnd), layout)
    except MisfitError:
        return
    assert differences(fingerprint(before), fingerprint(after))


STOCK = load_program(
    {
        "tables": [
            {
                "anchor": "^Code$",
                "values": "^Qty$",
                "fields": {"code": {"column": "^Code$"}, "remark": {"column": "^Remark$"}, "quantity": {}},
            }
        ]
    }
)
filled = st.lists(st.booleans(), min_size=1, max_size=30)


def stock(remarks: list[bool], *, column: int = 2) -> Fingerprint:
    """A list with a remark, or none, in each row; below its header, or in another column."""
    laid = Laid()
    for at, header in enumerate(("Code", "Qty", "Remark")):
        laid.put(0, at, header)
    for row, has in enumerate(remarks, 1):
        laid.put(row, 0, f"C-{row}")
        laid.put(row, 1, row)
        laid.put(row, column, "late" if has else None)
    return fingerprint(execute(STOCK, document(laid.sheet(Layout(**dict.fromkeys(PLAIN, False))))))


PLAIN = ("pivot", "two_headers", "merged", "sections", "totals", "title", "notes", "gap_column", "transposed")


@SLOW
@given(filled, filled)
def test_a_few_blanks_are_no_drift_and_what_was_accepted_once_is_accepted_again(first, later) -> None:
    if any(later):
        later = [*later, *[True] * later.count(False)]
    kept, new = stock([*first, True]), stock(later)
    if any(later):
        assert differences(kept, new) == []
    if differences(kept, new) == []:
        assert differences(learned(kept, new), new) == []
        assert differences(learned(kept, new), kept) == []


@SLOW
@given(st.integers(2, 30), st.integers(2, 30), st.lists(st.integers(0, 1), max_size=4))
def test_a_column_whose_values_moved_is_noticed_however_many_weeks_were_learnt(rows, later, weeks) -> None:
    kept = stock([True] * rows)
    for blanks in weeks:
        kept = learned(kept, stock([True] * 20 + [False] * blanks))
    assert differences(kept, stock([True] * later, column=4))


_WORDS = ["^Region$", "Amount", "H[12]$", "", "up", "left", 0, 1, -3, 99, None, True, [], {}, ["Total"], "start", ".*"]


def spoilt(program: dict[str, Any], rnd: random.Random) -> dict[str, Any]:
    """A program with a few keys changed, exchanged or gone."""
    program = copy.deepcopy(program)
    for _ in range(rnd.randint(1, 4)):
        inner: Any = program
        while isinstance(inner, dict | list) and inner and rnd.random() < 0.8:
            key = rnd.choice(list(inner)) if isinstance(inner, dict) else rnd.randrange(len(inner))
            if not isinstance(inner[key], dict | list) or rnd.random() < 0.2:
                inner[key] = copy.deepcopy(rnd.choice(_WORDS))
                break
            inner = inner[key]
        if isinstance(inner, dict) and rnd.random() < 0.3:
            inner[rnd.choice(["look", "next", "header", "fill", "keep", "gap", "split", "find", "end", "right"])] = (
                copy.deepcopy(rnd.choice(_WORDS))
            )
    return program


@settings(SLOW, max_examples=150)
@given(records(), layouts, seeds, st.randoms(use_true_random=False))
def test_no_program_crashes(own, layout, seed, rnd) -> None:
    sheet = laid_out(own, layout, seed).sheet(layout)
    try:
        done = execute(load_program(spoilt(program_of(layout), rnd)), document(sheet))
    except LlmConvertError:
        return
    done.told()
    fingerprint(done)
    for record in done.records:
        for address in record.at("value"):
            document(sheet).resolve(address)
