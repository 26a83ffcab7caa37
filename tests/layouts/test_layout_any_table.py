from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from layouts_kit import ask, document, page, sheet

from llm_convert.contracts.document import Part
from llm_convert.contracts.work import Cause
from llm_convert.layouts import answer
from llm_convert.prompts.reading import BUILTIN, read_prompt

ANY = read_prompt(Path(BUILTIN) / "any_table.yaml")


def cells(*parts: Part) -> list[tuple[Any, ...]]:
    names = ("table_number", "column_path", "row_path", "value")
    return [tuple(row.get(name) for name in names) for row in ask(ANY, *parts)]


def test_merged_headers_and_labels_become_paths_with_all_their_addresses() -> None:
    part = sheet(
        ["지역", "항목", "2024", None],
        [None, None, "계획", "실적"],
        ["서울", "매출", 1, 2],
        [None, "비용", 3, "N/A"],
        merged="A1:A2 B1:B2 C1:D1 A3:A4",
    )
    assert cells(part) == [
        (1, "2024 > 계획", "서울 > 매출", "1"),
        (1, "2024 > 실적", "서울 > 매출", "2"),
        (1, "2024 > 계획", "서울 > 비용", "3"),
    ]
    last = answer(ANY, document(part)).rows[-1]
    assert last["column_path"].at == ("S!C1", "S!C2")
    assert last["row_path"].at == ("S!A3", "S!B4")
    assert last["sheet"].at == last["table_number"].at == ()


def test_years_over_figures_are_headers_and_years_beside_them_labels() -> None:
    assert cells(sheet(["", 2016, 2017], ["A", 1, 2], ["B", 3, 4]))[0] == (1, "2016", "A", "1")
    assert cells(sheet(["연도", "값"], [2016, 10], [2017, 20]))[1] == (1, "값", "2017", "20")


def test_days_of_a_month_number_their_columns() -> None:
    assert cells(sheet(["품목", 1, 2, 3, 4, 5], ["커피", 9, 8, 7, 6, 5], ["차", 1, 2, 3, 4, 5]))[4] == (
        1,
        "5",
        "커피",
        "5",
    )


def test_tables_stacked_and_side_by_side_are_counted_and_spacers_part_nothing() -> None:
    stacked = cells(sheet(["A", "x"], ["a", 1], [], ["b", 2], [], ["B", "y", "z"], ["c", 3, 4]))
    assert [(number, path, label) for number, path, label, _ in stacked] == [
        (1, "x", "a"),
        (1, "x", "b"),
        (2, "y", "c"),
        (2, "z", "c"),
    ]
    beside = cells(sheet(["A", "x", None, "B", "y"], ["a", 1, None, "b", 2], ["c", 3, None, "d", 4]))
    assert [(number, path, label) for number, path, label, _ in beside] == [
        (1, "x", "a"),
        (1, "x", "c"),
        (2, "y", "b"),
        (2, "y", "d"),
    ]
    spaced = cells(sheet(["A", "x", None, "y"], ["a", 1, None, 2], ["b", 3, None, 4]))
    assert [path for _, path, _, _ in spaced] == ["x", "y", "x", "y"]


def test_a_group_ends_at_its_total_and_at_a_line_that_stands_alone() -> None:
    rows = cells(
        sheet(
            ["", "", "x"],
            ["수입"],
            [None, "판매", 1],
            [None, "소계", 1],
            [None, "이자", 2],
            ["잔액", None, 3],
            [None, "기타", 4],
        )
    )
    assert [label for _, _, label, _ in rows] == ["수입 > 판매", "수입 > 소계", "이자", "잔액", "기타"]


def test_indentation_makes_parents_only_when_it_is_clear() -> None:
    rows = cells(sheet(["", "x"], ["매출", 9], ["   제품", 5], ["   상품", 4], ["비용", 3], [" 임차료", 3]))
    assert [label for _, _, label, _ in rows] == ["매출", "매출 > 제품", "매출 > 상품", "비용", "임차료"]


def test_words_alone_can_be_a_table_and_prose_notes_and_contents_are_none() -> None:
    words = sheet(["이름", "부서", "직급"], ["가", "영업", "대리"], ["나", "개발", "과장"])
    assert cells(words)[:2] == [(1, "부서", "가", "영업"), (1, "직급", "가", "대리")]
    for part in (
        sheet(["공지"], ["내일은 쉽니다."], ["2025년 11월 7일까지 회신 바랍니다."]),
        sheet(["목차"], ["개요", 1], ["현황", 3], ["계획", 9]),
        sheet(["시트", "설명"], ["표1", "이 시트는 매출을 담고 있습니다"]),
        page("안녕하세요. 2025년 매출은 3억입니다.\n감사합니다."),
    ):
        assert answer(ANY, document(part)).rows == ()


def test_text_tables() -> None:
    rows = cells(page("보고서\n\n품목        수량   금액\n커피        2      9,000\n녹차 라떼   3      12,500\n\n끝."))
    assert rows == [
        (1, "수량", "커피", "2"),
        (1, "금액", "커피", "9,000"),
        (1, "수량", "녹차 라떼", "3"),
        (1, "금액", "녹차 라떼", "12,500"),
    ]


def test_dates_over_the_figures_of_one_column_label_them() -> None:
    rows = cells(sheet(["환율"], [], [date(2025, 1, 1)], [1400.5], [date(2025, 2, 1)], [1410.25]))
    assert rows == [(1, "환율", "2025-01-01", "1400.5"), (1, "환율", "2025-02-01", "1410.25")]


def test_nothing_to_find_has_a_cause() -> None:
    assert answer(ANY, document()).cause is Cause.NO_TABLE_FOUND
    assert answer(ANY, document(sheet(["메모"]))).cause is Cause.NO_TABLE_FOUND
    assert answer(ANY, document(page("안녕하세요."))).cause is Cause.NEEDS_A_MODEL
