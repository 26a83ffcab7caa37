from __future__ import annotations

from datetime import date
from typing import Any

from layouts_kit import ask, document, field, page, prompt, sheet

from llm_convert.contracts.document import Sheet
from llm_convert.contracts.work import Cause
from llm_convert.layouts import answer

BRANCH = field("branch", "지점", role="header", required=True)
MEASURE = field("measure", role="header", values=["계획", "실적"])
SECTION = field("section", "부문", role="section")
ITEM = field("item", "항목", role="label", required=True)
AMOUNT = field("amount", role="value", type="decimal", unit="KRW", required=True)
START = field("week_start", role="title", type="date", required=True)
END = field("week_end", role="title", type="date")
SUMS = (
    {"kind": "sum", "value": "amount", "label": "item", "totals": ["소계"], "group": ["section", "branch", "measure"]},
    {"kind": "sum", "value": "amount", "label": "branch", "totals": ["합계"], "group": ["section", "item", "measure"]},
)


def weekly(*fields: dict[str, Any], checks: tuple[Any, ...] = ()) -> Any:
    return prompt(*fields, layout="observations", skip=("영업이익",), checks=checks)


def workbook(*, merged: bool = True, unit: str = "(단위: 천원)") -> Sheet:
    head = ["구분", None, "본점", None, None, "강남점", None, None, "합계", None, None]
    return sheet(
        ["주간 손익 현황"],
        ["기준: 2025년 11월 1주차 (11/3~11/9)", None, None, None, None, None, None, None, None, unit],
        [],
        head,
        [None, None, *["계획", "실적", "달성률"] * 3],
        ["매출", "서비스 매출", 10, 11, 1.1, 20, "(5)", -0.25, 30, 6, 0.2],
        [None, "상품 매출", "1,000", "-", None, 3, 4, 1.33, 1003, 4, 0.0],
        [None, "소계", 1010, 11, 0.0, 23, -1, 0.0, 1033, 10, 0.0],
        ["비용", "인건비", 5, 6, 1.2, 7, 8, 1.1, 12, 14, 1.2],
        [None, "소계", 5, 6, 1.2, 7, 8, 1.1, 12, 14, 1.2],
        ["영업이익", None, 1005, 5, 0.0, 16, -9, 0.0, 1021, -4, 0.0],
        ["※ 괄호는 음수를 뜻함"],
        merged="A4:B5 C4:E4 F4:H4 I4:K4 A6:A8 A9:A10 A11:B11 A1:K1" if merged else "",
    )


def amounts(rows: list[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], str]:
    found = {tuple(row.get(name) for name in names): row["amount"] for row in rows}
    assert len(found) == len(rows)
    return found


PLAIN = {
    ("매출", "서비스 매출", "본점", "계획"): "10000",
    ("매출", "서비스 매출", "본점", "실적"): "11000",
    ("매출", "서비스 매출", "강남점", "계획"): "20000",
    ("매출", "서비스 매출", "강남점", "실적"): "-5000",
    ("매출", "상품 매출", "본점", "계획"): "1000000",
    ("매출", "상품 매출", "강남점", "계획"): "3000",
    ("매출", "상품 매출", "강남점", "실적"): "4000",
    ("비용", "인건비", "본점", "계획"): "5000",
    ("비용", "인건비", "본점", "실적"): "6000",
    ("비용", "인건비", "강남점", "계획"): "7000",
    ("비용", "인건비", "강남점", "실적"): "8000",
}
NAMES = ("section", "item", "branch", "measure")


def test_a_weekly_profit_and_loss() -> None:
    rows = ask(weekly(START, END, SECTION, ITEM, BRANCH, MEASURE, AMOUNT), workbook())
    assert amounts(rows, *NAMES) == PLAIN
    assert {(row["week_start"], row["week_end"]) for row in rows} == {("2025-11-03", "2025-11-09")}


def test_the_same_without_a_single_merged_cell() -> None:
    assert amounts(ask(weekly(SECTION, ITEM, BRANCH, MEASURE, AMOUNT), workbook(merged=False)), *NAMES) == PLAIN


def test_stated_totals_of_rows_and_columns_come_where_checks_name_them() -> None:
    rows = amounts(ask(weekly(SECTION, ITEM, BRANCH, MEASURE, AMOUNT, checks=SUMS), workbook()), *NAMES)
    assert {key: value for key, value in rows.items() if "소계" not in key and "합계" not in key} == PLAIN
    assert rows["매출", "소계", "강남점", "실적"] == "-1000"
    assert rows["매출", "상품 매출", "합계", "계획"] == "1003000"
    assert rows["비용", "소계", "합계", "실적"] == "14000"
    assert len(rows) == len(PLAIN) + 2 * 4 + 5 * 2


def test_every_value_names_its_cell_and_the_units() -> None:
    found = answer(weekly(SECTION, ITEM, BRANCH, MEASURE, AMOUNT), document(workbook()))
    row = found.rows[3]
    assert {name: claim.at for name, claim in row.items()} == {
        "section": ("S!A6",),
        "item": ("S!B6",),
        "branch": ("S!F4",),
        "measure": ("S!G5",),
        "amount": ("S!G6", "S!J2"),
    }


def test_columns_outside_a_closed_list_are_left_out_and_a_wrong_unit_is_a_question() -> None:
    only = field("branch", role="header", values=["강남점"])
    rows = ask(weekly(ITEM, only, MEASURE, AMOUNT), workbook())
    assert {row["branch"] for row in rows} == {"강남점"}
    found = answer(weekly(ITEM, BRANCH, MEASURE, AMOUNT), document(workbook(unit="(단위: USD)")))
    assert found.clarify == "amount is wanted in KRW, but S!J2 states USD: which values are meant?"


def test_dates_across_and_sections_merged_down() -> None:
    asked = prompt(
        field("line", "Line", role="section"),
        field("product", "Product", role="label"),
        field("day", role="header", type="date"),
        field("quantity", role="value", type="integer"),
        layout="observations",
        skip=("Week Total",),
    )
    days = [date(2025, 11, 3), date(2025, 11, 4)]
    rows = ask(
        asked,
        sheet(
            ["Report W45"],
            [],
            ["Line", "Product", *days, "Week Total"],
            ["A", "GM-20", 5, None, 5],
            [None, "GM-40", 7, 8, 15],
            ["B", "P-1", None, 9, 9],
            ["Total", None, 12, 17, 29],
            merged="A4:A5 A7:B7",
        ),
    )
    assert rows == [
        {"line": "A", "product": "GM-20", "day": "2025-11-03", "quantity": 5},
        {"line": "A", "product": "GM-40", "day": "2025-11-03", "quantity": 7},
        {"line": "A", "product": "GM-40", "day": "2025-11-04", "quantity": 8},
        {"line": "B", "product": "P-1", "day": "2025-11-04", "quantity": 9},
    ]


def test_days_without_a_year_take_the_titles() -> None:
    asked = prompt(ITEM, field("day", role="header", type="date"), AMOUNT, layout="observations")
    found = answer(asked, document(sheet(["2025년 매출"], ["항목", "11/3(월)", "11/4(화)"], ["커피", 5, 6])))
    assert [(row["day"].value, row["day"].at) for row in found.rows] == [
        ("2025-11-03", ("S!B2", "S!A1")),
        ("2025-11-04", ("S!C2", "S!A1")),
    ]


def test_header_rows_are_told_by_names_in_their_stub_and_else_by_order() -> None:
    named = prompt(ITEM, field("kind", "구분", role="header"), BRANCH, AMOUNT, layout="observations")
    body = [["커피", 1, 2], ["차", 3, 4]]
    rows = ask(named, sheet(["지점", "본점", "강남"], ["구분", "판매", "판매"], *body))
    assert [(row["branch"], row["kind"]) for row in rows[:2]] == [("본점", "판매"), ("강남", "판매")]
    plain = prompt(ITEM, field("a", role="header"), field("b", role="header"), AMOUNT, layout="observations")
    rows = ask(plain, sheet([None, "x", "y"], [None, "u", "v"], [None, "p", "q"], *body))
    assert [(row["a"], row["b"]) for row in rows[:2]] == [("x", "u > p"), ("y", "v > q")]


def test_a_header_over_all_values_is_a_title() -> None:
    asked = prompt(ITEM, BRANCH, AMOUNT, field("day", role="title", type="date"), layout="observations")
    rows = ask(asked, sheet(["항목", "2025-11-07", None], [None, "본점", "강남"], ["커피", 1, 2], merged="A1:A2 B1:C1"))
    assert [(row["branch"], row["day"]) for row in rows] == [("본점", "2025-11-07"), ("강남", "2025-11-07")]


def test_headings_above_are_sections() -> None:
    asked = prompt(SECTION, ITEM, BRANCH, AMOUNT, layout="observations")
    rows = ask(
        asked,
        sheet(
            ["", "본점", "강남"],
            ["매출"],
            ["  상품", 1, 2],
            ["  소계", 1, 2],
            ["비용"],
            ["  임차료", 3, None],
            ["기타", 5, None],
        ),
    )
    assert [(row.get("section"), row["item"], row["branch"]) for row in rows] == [
        ("매출", "상품", "본점"),
        ("매출", "상품", "강남"),
        ("비용", "임차료", "본점"),
        (None, "기타", "본점"),
    ]


def test_broken_cells_are_claimed_for_the_quarantine_and_remarks_are_no_values() -> None:
    asked = prompt(ITEM, BRANCH, AMOUNT, layout="observations")
    found = answer(
        asked, document(sheet(["항목", "본점", "비고"], ["커피", "#REF!", "확인"], ["차", 3, None], ["빵", 4, "x"]))
    )
    assert [row["amount"].value for row in found.rows] == ["#REF!", "3", "4"]


def test_text_pages_hold_observations_too() -> None:
    asked = prompt(ITEM, BRANCH, AMOUNT, layout="observations")
    rows = ask(
        asked,
        page("주간 실적 (단위: 천원)\n항목        본점    강남점\n커피        1,200   900\n차           -       15"),
    )
    assert amounts(rows, "item", "branch") == {
        ("커피", "본점"): "1200000",
        ("커피", "강남점"): "900000",
        ("차", "강남점"): "15000",
    }


def test_sheets_that_show_none_of_the_fields_contribute_nothing() -> None:
    other = sheet(["품목", "단가", "수량"], ["커피", 3, 4], ["차", 5, 6], name="T")
    rows = ask(weekly(SECTION, ITEM, BRANCH, MEASURE, AMOUNT), other, workbook())
    assert amounts(rows, *NAMES) == PLAIN
    found = answer(weekly(ITEM, MEASURE, AMOUNT), document(other))
    assert found.cause is Cause.FIELDS_NOT_FOUND
    assert found.detail == "T: headers found: 품목, 단가, 수량; not found: measure (header)"
