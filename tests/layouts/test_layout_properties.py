from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts_kit import ask, document, field, page, prompt, sheet
from test_layout_any_table import ANY
from test_layout_observations import SUMS, workbook

from llm_convert.contracts.document import CellRange, Document, Sheet
from llm_convert.contracts.prompt import Prompt
from llm_convert.conversion.grounding import prove
from llm_convert.layouts import answer
from llm_convert.layouts.totals import is_total

FIELDS = [
    field("day", "거래일", "일자", type="date"),
    field("item", "품목", "상품명", required=True),
    field("quantity", "수량", type="integer"),
    field("amount", "금액", "공급가액", type="decimal", unit="KRW", required=True),
]
RECORDS = prompt(*FIELDS)
DAYS = st.dates(date(2000, 1, 1), date(2030, 12, 31))
ITEMS = (
    st.text("가나다라마바사아자 ABC", min_size=1, max_size=8)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: len(text) > 1)
)
RECORD = st.tuples(DAYS, ITEMS, st.integers(0, 10**6), st.integers(1, 10**10))
TITLES = st.sampled_from(["매출 현황", "강남점", "작성자: 홍길동", "대외비", None])
NOTES = st.sampled_from(["※ 부가세 포함", "감사합니다", "비고: 확인 바랍니다", "* 잠정치"])


@st.composite
def laid_out(draw: st.DrawFn) -> tuple[list[list[Any]], list[tuple[Any, ...]]]:
    """Rows of a sheet that hold some records at some place among other lines, and the records."""
    records = draw(st.lists(RECORD, min_size=1, max_size=6))
    order = draw(st.permutations(range(4)))
    names = [
        draw(st.sampled_from([name, *name_field["aliases"]])) for name_field in FIELDS for name in [name_field["name"]]
    ]
    left = draw(st.integers(0, 3))
    stretch = draw(st.booleans())
    rows: list[list[Any]] = [[None] * draw(st.integers(0, 2)) + [title] for title in draw(st.lists(TITLES, max_size=3))]
    head = [names[index] for index in order]
    if stretch:
        head = [" ".join(text) for text in head]
    rows.append([None] * left + head)
    for record in records:
        rows += [[]] * draw(st.integers(0, 1))
        if draw(st.booleans()) and len(rows) > 3:
            rows.append([None] * left + head)
        day, item, quantity, amount = record
        shown = [
            draw(st.sampled_from([day, day.isoformat(), f"{day.year}. {day.month}. {day.day}."])),
            item,
            draw(st.sampled_from([quantity, float(quantity), f"{quantity:,}"])),
            draw(st.sampled_from([amount, f"{amount:,}", f"{amount:,}원", f"₩{amount:,}"])),
        ]
        rows.append([None] * left + [shown[index] for index in order])
    rows += [[]] + [[None] * left + [note] for note in draw(st.lists(NOTES, max_size=2))]
    return rows, records


@settings(max_examples=120, deadline=None)
@given(laid_out())
def test_records_come_back_wherever_they_lie(drawn: tuple[list[list[Any]], list[tuple[Any, ...]]]) -> None:
    rows, records = drawn
    expected = [
        {"day": day.isoformat(), "item": item, "quantity": quantity, "amount": str(amount)}
        for day, item, quantity, amount in records
    ]
    assert ask(RECORDS, sheet(*rows)) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=6), st.integers(2, 5))
def test_records_come_back_from_lines_of_text(records: list[tuple[Any, ...]], gap: int) -> None:
    table = [("거래일", "품목", "수량", "금액"), *((d.isoformat(), i, f"{q:,}", f"{a:,}원") for d, i, q, a in records)]
    widths = [max(len(row[column]) for row in table) + gap for column in range(4)]
    lines = ["".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in table]
    found = ask(RECORDS, page("\n".join(["주문합니다.", "", *lines, "", "감사합니다."])))
    assert [row["item"] for row in found] == [item for _, item, _, _ in records]
    assert [(row["quantity"], row["amount"]) for row in found] == [(q, str(a)) for _, _, q, a in records]


WORDS = st.sampled_from(
    [
        "품목",
        "금액",
        "수량",
        "금액(천원)",
        "(단위: 천원)",
        "합계",
        "소계",
        "본점",
        "계획",
        "실적",
        "2025년",
        "11/3",
        "비고",
        "-",
        "#REF!",
        "1,234",
        " ",
        "3월",
        "a  b",
        "  x",
    ]
)
CELL = st.one_of(
    st.none(),
    st.none(),
    WORDS,
    st.integers(-(10**12), 10**12),
    st.integers(1995, 2030),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=6).map(lambda text: text or None),
    DAYS,
    st.booleans(),
)
RANGE = st.builds(
    lambda top, left, height, width: CellRange(top, left, top + height, left + width),
    st.integers(0, 9),
    st.integers(0, 6),
    st.integers(0, 3),
    st.integers(0, 3),
)
GRIDS = st.builds(
    lambda rows, merged: Sheet(name="S!1", rows=tuple(map(tuple, rows)), merged=tuple(merged)),
    st.lists(st.lists(CELL, max_size=7), max_size=10),
    st.lists(RANGE, max_size=3),
)
LINES = st.lists(st.one_of(st.lists(WORDS, max_size=4).map("   ".join), st.text("가1 |\t.-", max_size=20)), max_size=10)
WEEKLY = prompt(
    field("week", role="title", type="date"),
    field("section", role="section"),
    field("item", "품목", role="label"),
    field("branch", role="header"),
    field("measure", role="header", values=["계획", "실적"]),
    field("amount", role="value", type="decimal", unit="KRW"),
    layout="observations",
    checks=SUMS,
)


@pytest.mark.parametrize(
    "label", ["합 계", "【소계】", "계", "총합", "합산", "전체 합계", "TOTAL", "Sub-Total:", "grand total", "* totals"]
)
def test_words_for_totals_are_known_however_they_are_written(label: str) -> None:
    assert is_total(label)
    assert not is_total(f"{label} of the year")


def claims_lead_somewhere(asked: Prompt, whole: Document) -> None:
    for row in answer(asked, whole).rows:
        for claim in row.values():
            assert all(whole.resolve(address) is not None for address in claim.at)


@settings(max_examples=150, deadline=None)
@given(GRIDS)
def test_no_grid_is_too_odd(part: Sheet) -> None:
    whole = document(part)
    claims_lead_somewhere(RECORDS, whole)
    claims_lead_somewhere(WEEKLY, whole)
    found = answer(ANY, whole)
    _, quarantined = prove(found, ANY, whole)
    assert not quarantined


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_no_text_is_too_odd(lines: list[str]) -> None:
    whole = document(page("\n".join(lines)))
    claims_lead_somewhere(RECORDS, whole)
    claims_lead_somewhere(WEEKLY, whole)
    _, quarantined = prove(answer(ANY, whole), ANY, whole)
    assert not quarantined


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4), st.integers(0, 3), st.booleans())
def test_where_a_workbook_lies_on_its_sheet_means_nothing(down: int, right: int, merged: bool) -> None:
    asked = WEEKLY
    plain = workbook(merged=merged)
    rows = tuple([()] * down + [(None,) * right + row for row in plain.rows])
    areas = tuple(CellRange(a.top + down, a.left + right, a.bottom + down, a.right + right) for a in plain.merged)
    moved = Sheet(name="S", rows=rows, merged=areas)

    def values_of(part: Sheet) -> list[dict[str, Any]]:
        return [{name: claim.value for name, claim in row.items()} for row in answer(asked, document(part)).rows]

    assert values_of(moved) == values_of(plain) != []
