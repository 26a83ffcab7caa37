from __future__ import annotations

import pytest
from document_files import cause, fault, outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.document import CellRange
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents import ReadOptions, read_document


def _html(body: str) -> bytes:
    return f"<html><head><meta charset='utf-8'><title>제목</title></head><body>{body}</body></html>".encode()


def test_spans_become_merged_ranges_and_values_stand_at_their_top_left():
    document = read_document(
        "a.html",
        _html(
            "<p>단위: 천원</p><table>"
            "<tr><th rowspan=2>품목</th><th colspan=2>2024년</th></tr>"
            "<tr><th>1월</th><th>2월</th></tr>"
            "<tr><td>사과</td><td>1,000</td><td>2&nbsp;000<br>추정</td></tr>"
            "</table><p>끝</p>"
        ),
    )
    (sheet,) = document.sheets
    assert sheet.name == "table 1"
    assert sheet.rows == (("품목", "2024년"), (None, "1월", "2월"), ("사과", "1,000", "2 000\n추정"))
    assert set(sheet.merged) == {CellRange(0, 0, 1, 0), CellRange(0, 1, 0, 2)}
    assert document.resolve("text!line 1") == "단위: 천원"
    assert document.resolve("text!line 2") == "끝"


def test_a_table_within_a_table_stands_for_itself():
    document = read_document(
        "a.html",
        _html(
            "<table><tr><td>밖 1"
            "<table><caption>안쪽</caption><tr><td>a<td>b<tr><td>c<td>d</table>"
            "</td><td>밖 2</td></tr></table>"
        ),
    )
    outer, inner = document.sheets
    assert outer.rows == (("밖 1", "밖 2"),)
    assert (inner.name, inner.rows) == ("안쪽", (("a", "b"), ("c", "d")))


def test_layout_tables_are_text():
    document = read_document(
        "a.html", _html("<table><tr><td>머리말<table><tr><td>1<td>2</table>꼬리말</td></tr></table>")
    )
    assert [sheet.rows for sheet in document.sheets] == [(("1", "2"),)]
    assert next(document.pages).lines == ("머리말", "꼬리말")


def test_captions_that_repeat_name_nothing():
    table = "<table><caption>실적</caption><tr><td>1<td>2</table>"
    assert [sheet.name for sheet in read_document("a", _html(table + table)).sheets] == ["table 1", "table 2"]


def test_scripts_styles_and_odd_sections_are_not_text():
    markup = (
        "<script>var x='<td>';</script><style>p{}</style><![if !mso]><![bogus x]><p>보인다</p><!-- <p>안 보인다</p> -->"
    )
    assert next(read_document("a", _html(markup)).pages).lines == ("보인다",)


@pytest.mark.parametrize("charset", ["euc-kr", "ks_c_5601-1987", "utf-8"])
def test_an_xls_that_is_html_is_read_as_html(charset):
    codec = "cp949" if charset != "utf-8" else "utf-8"
    markup = (
        '<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head>'
        f'<meta http-equiv=Content-Type content="text/html; charset={charset}"></head>'
        "<table><tr><td>뷁</td><td>값</td></tr><tr><td x:num>1</td></tr></table></html>"
    )
    document = read_document("실적.xls", markup.encode(codec))
    assert document.kind == "html"
    assert document.resolve("table 1!A1") == "뷁"  # a letter that EUC-KR proper does not have


def test_a_wrong_charset_is_found_out():
    markup = "<html><meta charset=utf-8><table><tr><td>가격<td>10</table></html>".encode("cp949")
    document = read_document("a.html", markup)
    assert document.resolve("table 1!A1") == "가격"
    assert "cp949" in document.notes[0]
    wide = "<html><table><tr><td>가격<td>10</table></html>".encode("utf-16")
    assert read_document("a.html", wide).resolve("table 1!A1") == "가격"


def test_a_page_that_shows_nothing_is_empty():
    assert cause(_html("<p> </p><table><tr><td></td></tr></table>")) is Cause.EMPTY_DOCUMENT


def test_spans_can_not_take_the_memory():
    cells = "<td colspan=1000 rowspan=65534>x</td>" * 40
    rows = f"<tr>{cells}</tr>" + "<tr><td>y</td></tr>" * 3000
    assert fault(_html(f"<table>{rows}</table>"), options=ReadOptions(max_cells=1_000_000)).cause is Cause.TOO_LARGE


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=4), min_size=1, max_size=6))
def test_cells_do_not_lie_under_the_spans_of_others_and_none_is_lost(rows):
    texts = iter(range(1000))
    markup = "".join(
        "<tr>"
        + "".join(f"<td colspan={columns} rowspan={height}>v{next(texts)}</td>" for columns, height in row)
        + "</tr>"
        for row in rows
    )
    count = next(texts)
    try:
        sheets = list(read_document("a", _html(f"<p>t</p><table>{markup}</table>")).sheets)
    except WorkItemError:
        sheets = []
    if count < 2:
        assert not sheets
        return
    (sheet,) = sheets
    found = {(r, c): v for r, row in enumerate(sheet.rows) for c, v in enumerate(row) if v is not None}
    assert sorted(found.values()) == sorted(f"v{number}" for number in range(count))
    for area in sheet.merged:
        assert area.bottom < len(rows)
        starts = [at for at in found if at in area and at[1] == area.left]
        assert starts == [(area.top, area.left)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<table>",
                "</table>",
                "<tr>",
                "</tr>",
                "<td>",
                "</td>",
                "<th rowspan=0>",
                "<caption>",
                "<pre>",
                "</pre>",
                "<p",
                "<!",
                "<![",
                "<!--",
                "-->",
                "&#x",
                "&nbsp;",
                ">",
                "x",
                "<title>",
                "<script>",
                "</script>",
                "<td colspan=-1 rowspan=1e9>",
            ]
        ),
        max_size=30,
    )
)
def test_broken_markup_is_read_as_far_as_it_goes(pieces):
    found = outcome(("<html>" + "".join(pieces)).encode(), "a.html", ReadOptions())
    assert found.cause is Cause.EMPTY_DOCUMENT if isinstance(found, WorkItemError) else found.kind == "html"
