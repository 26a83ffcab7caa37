from __future__ import annotations

from datetime import date

from layouts_kit import ask, document, field, page, prompt, sheet, values

from llm_convert.contracts.work import Cause
from llm_convert.layouts import answer

ITEM = field("item", "품목", "품명", required=True)
QUANTITY = field("quantity", "수량", type="integer")
AMOUNT = field("amount", "금액", "매출 금액", type="decimal", unit="KRW", required=True)
ORDERS = prompt(ITEM, QUANTITY, AMOUNT)


def row(item: str, quantity: int | None, amount: str) -> dict[str, object]:
    return (
        {"item": item, "quantity": quantity, "amount": amount}
        if quantity is not None
        else {"item": item, "amount": amount}
    )


def test_a_plain_table() -> None:
    rows = ask(ORDERS, sheet(["품목", "수량", "금액"], ["커피", 2, 9000], ["차", "3", "12,500"]))
    assert rows == [row("커피", 2, "9000"), row("차", 3, "12500")]


def test_a_shifted_table_under_titles_with_gaps_repeats_and_notes() -> None:
    rows = ask(
        ORDERS,
        sheet(
            ["주문 내역"],
            [None, "거래처", "OO상사"],
            [],
            [None, None, "품 명", "비고", "금 액", "수 량"],
            [None, None, "커피", "x", 9000, 2],
            [],
            [None, None, "품 명", "비고", "금 액", "수 량"],
            [None, None, "차", None, 12500.0, 3.0],
            [],
            [None, None, "※ 부가세 포함 금액입니다"],
        ),
    )
    assert rows == [row("커피", 2, "9000"), row("차", 3, "12500")]


def test_a_header_split_over_rows_and_line_breaks() -> None:
    rows = ask(ORDERS, sheet(["품", "수\n량", "매출"], ["목", None, "금액"], ["커피", 2, 9000], merged="B1:B2"))
    assert rows == [row("커피", 2, "9000")]


def test_the_surer_of_two_headers_wins() -> None:
    rows = ask(
        ORDERS,
        sheet(
            ["품목", "매입", None, "매출", None],
            [None, "수량", "금액", "금액", "건수"],
            ["커피", 2, 1, 9000, 7],
            merged="A1:A2 B1:C1 D1:E1",
        ),
    )
    assert rows == [row("커피", 2, "9000")]


def test_two_columns_that_match_equally_well_are_a_question() -> None:
    found = answer(
        ORDERS, document(sheet(["품목", "계획", "실적"], [None, "금액", "금액"], ["커피", 1, 2], merged="A1:A2"))
    )
    assert found.rows == ()
    assert found.clarify == "which column is amount: '계획 > 금액' at S!B2 or '실적 > 금액' at S!C2?"


def test_of_two_equal_columns_the_empty_one_is_no_question() -> None:
    assert ask(ORDERS, sheet(["품목", "금액", "금액"], ["커피", None, 9000])) == [row("커피", None, "9000")]


def test_one_header_several_times_side_by_side_is_several_tables() -> None:
    rows = ask(
        ORDERS, sheet(["품목", "금액", None, "품목", "금액"], ["커피", 1, None, "차", 2], ["빵", 3, None, "떡", 4])
    )
    assert rows == [row("커피", None, "1"), row("빵", None, "3"), row("차", None, "2"), row("떡", None, "4")]


def test_units_from_a_title_and_from_a_header_scale_with_both_addresses() -> None:
    title = document(sheet(["매출"], [None, None, "(단위: 천원)"], ["품목", "수량", "금액"], ["커피", 2, 1234.5]))
    claimed = answer(ORDERS, title).rows[0]
    assert (claimed["amount"].value, claimed["amount"].at) == ("1234500", ("S!C4", "S!C2"))
    assert claimed["quantity"].at == ("S!B4",)
    header = document(sheet(["(단위: 천원)"], ["품목", "금액(백만원)"], ["커피", "1.5"]))
    claimed = answer(ORDERS, header).rows[0]
    assert (claimed["amount"].value, claimed["amount"].at) == ("1500000", ("S!B3", "S!B2"))


def test_units_are_proven() -> None:
    assert ask(ORDERS, sheet(["단위: 백만원"], ["품목", "금액"], ["커피", 0.1], ["차", "2.5억"])) == [
        row("커피", None, "100000"),
        row("차", None, "250000000"),
    ]


def test_another_currency_is_a_question() -> None:
    found = answer(ORDERS, document(sheet(["품목", "금액(USD)"], ["커피", 3])))
    assert found.rows == ()
    assert found.clarify is not None
    assert "USD" in found.clarify
    assert "S!B1" in found.clarify


STORE = field("store", "매장", role="section")


def test_labels_merged_down_fill_and_figures_do_not() -> None:
    asked = prompt(field("store", "매장", role="label"), ITEM, AMOUNT)
    rows = [["강남", "커피", 5], [None, "차", 6], ["본점", "빵", 7], [None, "떡", None]]
    found = answer(asked, document(sheet(["매장", "품목", "금액"], *rows, merged="A2:A3 A4:A5 C4:C5")))
    assert values(found) == [
        {"store": "강남", "item": "커피", "amount": "5"},
        {"store": "강남", "item": "차", "amount": "6"},
        {"store": "본점", "item": "빵", "amount": "7"},
        {"store": "본점", "item": "떡"},
    ]


def test_blank_means_as_above_for_sections_alone_and_only_until_a_total() -> None:
    asked = prompt(STORE, ITEM, field("kind", "구분"), AMOUNT)
    rows = ask(
        asked,
        sheet(
            ["매장", "구분", "품목", "금액"],
            ["강남", "음료", "커피", 5],
            [None, None, "차", 6],
            [None, None, "소계", 11],
            [None, None, "배송비", 3],
        ),
    )
    assert rows == [
        {"store": "강남", "kind": "음료", "item": "커피", "amount": "5"},
        {"store": "강남", "item": "차", "amount": "6"},
        {"item": "배송비", "amount": "3"},
    ]


def test_heading_lines_are_sections_and_the_last_note_is_none() -> None:
    rows = ask(
        prompt(STORE, ITEM, QUANTITY, AMOUNT),
        sheet(["품목", "수량", "금액"], ["강남점"], ["커피", 1, 5], ["본점"], ["차", 1, 6], ["감사합니다"]),
    )
    assert [(r["store"], r["item"]) for r in rows] == [("강남점", "커피"), ("본점", "차")]


def test_lines_over_repeated_headers_are_sections() -> None:
    head = ["품목", "수량", "금액"]
    rows = ask(
        prompt(STORE, ITEM, QUANTITY, AMOUNT),
        sheet(["매출 현황"], [], ["강남점"], head, ["커피", 1, 5], [], ["본점"], head, ["차", 1, 6]),
    )
    assert [r.get("store") for r in rows] == [None, "본점"]
    listed = {**STORE, "values": ["강남점", "본점"]}
    rows = ask(
        prompt(listed, ITEM, QUANTITY, AMOUNT),
        sheet(["매출 현황"], [], ["강남점"], head, ["커피", 1, 5], [], ["본점"], head, ["차", 1, 6]),
    )
    assert [r["store"] for r in rows] == ["강남점", "본점"]


SUM = {"kind": "sum", "value": "amount", "label": "item", "totals": ["합계", "소계"], "group": ["store"]}
TOTALLED = sheet(
    ["매장", "품목", "금액"],
    ["강남", "커피", 5],
    [None, "차", 6],
    [None, "소계", 11],
    ["합 계", None, 11],
    merged="A2:A4",
)


def test_totals_are_left_out_unless_a_check_names_them() -> None:
    assert [r["item"] for r in ask(prompt(STORE, ITEM, AMOUNT), TOTALLED)] == ["커피", "차"]
    rows = ask(prompt(STORE, ITEM, AMOUNT, checks=(SUM,)), TOTALLED)
    assert rows[2:] == [{"store": "강남", "item": "소계", "amount": "11"}, {"item": "합 계", "amount": "11"}]


def test_rows_to_skip_are_left_out() -> None:
    asked = prompt(ITEM, AMOUNT, skip=("이월 잔액",))
    assert ask(asked, sheet(["품목", "금액"], ["이월잔액", 5], ["차", 6])) == [row("차", None, "6")]


def test_title_fields() -> None:
    asked = prompt(
        ITEM,
        AMOUNT,
        field("since", role="title", type="date"),
        field("until", role="title", type="date"),
        field("customer", "거래처", role="title"),
        field("branch", role="title", values=["강남점", "본점"]),
        field("printed_on", "출력일", role="title", type="date"),
    )
    rows = ask(
        asked,
        sheet(
            ["본점 주간 매출", None, "출력일: 2025-11-11"],
            ["기간: 2025.11.03 ~ 11.09"],
            ["거래처", "OO상사"],
            ["품목", "금액"],
            ["커피", 5],
        ),
    )
    assert rows == [
        {
            "item": "커피",
            "amount": "5",
            "since": "2025-11-03",
            "until": "2025-11-09",
            "customer": "OO상사",
            "branch": "본점",
            "printed_on": "2025-11-11",
        }
    ]


def test_the_day_of_printing_is_no_other_day() -> None:
    asked = prompt(ITEM, AMOUNT, field("day", role="title", type="date"))
    assert "day" not in ask(asked, sheet(["작성일: 2025-11-11"], ["품목", "금액"], ["커피", 5]))[0]


def test_a_day_in_the_sheets_name_and_days_without_a_year() -> None:
    asked = prompt(field("day", "일자", type="date"), ITEM, AMOUNT, field("month_start", role="title", type="date"))
    rows = ask(asked, sheet(["2025년 매출"], ["일자", "품목", "금액"], ["11/3(월)", "커피", 5], name="매출 11월 1일"))
    assert rows == [{"day": "2025-11-03", "item": "커피", "amount": "5", "month_start": "2025-11-01"}]


def test_closed_lists_take_the_lists_spelling() -> None:
    asked = prompt(field("state", "상태", values=["입금 완료", "미수"]), AMOUNT)
    assert [r["state"] for r in ask(asked, sheet(["상태", "금액"], ["입금완료", 5], ["미수*", 6]))] == [
        "입금 완료",
        "미수",
    ]


def test_what_cannot_be_read_is_claimed_as_it_stands_for_the_quarantine() -> None:
    found = answer(
        ORDERS, document(sheet(["품목", "수량", "금액"], ["커피", 2, "#REF!"], ["차", 1, "-"], ["빵", 1, 5]))
    )
    assert [row.get("amount") and row["amount"].value for row in found.rows] == ["#REF!", None, "5"]


def test_a_second_unlike_table_below_is_not_read() -> None:
    rows = ask(
        ORDERS,
        sheet(
            ["품목", "수량", "금액"],
            ["커피", 2, 9000],
            [],
            ["지점", "직원", "면적"],
            ["강남", 3, 40],
            [],
            ["본점", 2, 30],
        ),
    )
    assert rows == [row("커피", 2, "9000")]


def test_several_parts_all_contribute_and_strange_ones_do_not() -> None:
    text = page(
        "안녕하세요.\n\n품목      수량    금액\n커피      2       9,000\n녹차라떼  3       12,500\n\n감사합니다."
    )
    rows = ask(ORDERS, text, sheet(["부서", "인원"], ["영업", 3]), sheet(["품목", "금액"], ["빵", 7], name="T"))
    assert rows == [row("커피", 2, "9000"), row("녹차라떼", 3, "12500"), row("빵", None, "7")]


def test_text_tables_keep_blank_columns_by_position_and_read_tabs_and_bars() -> None:
    text = page("품목       수량   금액\n커피         2   9,000\n녹차 라떼        12,500\n빵           1   3,000")
    assert ask(ORDERS, text) == [row("커피", 2, "9000"), row("녹차 라떼", None, "12500"), row("빵", 1, "3000")]
    assert ask(ORDERS, page("품목\t수량\t금액\n커피\t\t9,000")) == [row("커피", None, "9000")]
    assert ask(ORDERS, page("| 품목 | 수량 | 금액 |\n|---|---|---|\n| 커피 | 2 | 9,000 |")) == [row("커피", 2, "9000")]


def test_a_line_that_lines_up_with_no_column_is_a_question() -> None:
    found = answer(ORDERS, document(page("품목  수량  금액\n커피                  9,000\n차  3  500")))
    assert found.rows == ()
    assert found.clarify == "page 1!line 2 leaves some columns blank and its pieces don't line up: which ones?"


def test_another_header_without_a_gap_is_a_question() -> None:
    rows = [["품목", "수량", "금액"], ["커피", 2, 9000], ["지점", "직원", "면적"], ["강남", 3, 40]]
    found = answer(ORDERS, document(sheet(*rows)))
    assert found.clarify == "is the line at S!A3 the header of another table, or a record?"


def test_a_tables_unit_holds_for_the_fields_that_want_it() -> None:
    asked = prompt(ITEM, {**QUANTITY, "unit": "EA"}, AMOUNT)
    rows = ask(asked, sheet(["(단위: 천원)"], ["품목", "수량(개)", "금액"], ["커피", 2, 9]))
    assert rows == [row("커피", 2, "9000")]
    found = answer(asked, document(sheet(["(단위: 천)"], ["품목", "수량", "금액"], ["커피", 2, 9])))
    assert found.clarify == "S!A1 states a multiple without a unit: which of quantity, amount does it hold for?"


def test_a_total_in_another_table_beside_is_none_of_ours() -> None:
    rows = ask(
        ORDERS,
        sheet(
            ["지점", "인원", None, "품목", "수량", "금액"],
            ["강남", 2, None, "커피", 2, 9],
            ["합계", 2, None, "차", 3, 8],
        ),
    )
    assert rows == [row("커피", 2, "9"), row("차", 3, "8")]


def test_line_addresses() -> None:
    found = answer(ORDERS, document(page("(단위: 천원)\n품목  수량  금액\n커피  2  9")))
    assert found.rows[0]["amount"].at == ("page 1!line 3", "page 1!line 1")
    assert found.rows[0]["amount"].value == "9000"


def test_why_there_is_nothing() -> None:
    wrong = answer(ORDERS, document(sheet(["부서", "품목", "비고"], ["영업", "커피", "x"])))
    assert wrong.cause is Cause.FIELDS_NOT_FOUND
    assert wrong.detail == "S: headers found: 부서, 품목, 비고; not found: 수량, 금액 (required)"
    prose = answer(ORDERS, document(page("안녕하세요.\n커피 두 잔 부탁드립니다."), kind="txt"))
    assert prose.cause is Cause.NEEDS_A_MODEL
    empty = answer(ORDERS, document(sheet(["메모"], ["전화 요망"])))
    assert empty.cause is Cause.NO_TABLE_FOUND


def test_dates_stay_dates_and_rows_without_a_required_field_are_still_given() -> None:
    asked = prompt(field("day", "거래일자", type="date"), ITEM, AMOUNT)
    found = answer(
        asked,
        document(sheet(["거래일자", "품목", "금액"], [date(2025, 11, 7), "커피", 5], ["2025. 11. 8.", "차", None])),
    )
    assert values(found) == [
        {"day": "2025-11-07", "item": "커피", "amount": "5"},
        {"day": "2025-11-08", "item": "차"},
    ]
