from __future__ import annotations

import datetime as dt
import hashlib
import io
import struct
import time
import zipfile
from pathlib import Path
from unicodedata import normalize

import msoffcrypto.format.ooxml
import openpyxl
import pytest
from document_files import SHEET, cause, edited, fault, with_row, xls, xlsx, xlsx_of
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.document import CellRange, Visibility
from llm_convert.contracts.work import Cause
from llm_convert.documents import ReadOptions, read_document

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
_VALUES = st.one_of(
    _TEXTS,
    st.integers(-(2**50), 2**50),
    # Fifteen digits: xlsxwriter itself writes no more than sixteen.
    st.integers(-(10**9), 10**9).filter(lambda x: x % 1000).map(lambda x: x / 1000),
    st.booleans(),
)
_GRIDS = st.dictionaries(st.tuples(st.integers(0, 60), st.integers(0, 40)), _VALUES, min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(_GRIDS)
def test_every_value_of_an_xlsx_comes_back_at_its_address(cells):
    sheet = read_document("a.xlsx", xlsx_of(cells)).sheets.__next__()
    found = {(r, c): v for r, row in enumerate(sheet.rows) for c, v in enumerate(row) if v is not None}
    assert found == cells
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in cells.items()}


@settings(max_examples=40, deadline=None)
@given(_GRIDS)
def test_every_value_of_an_xls_comes_back_at_its_address(cells):
    def fill(book):
        sheet = book.add_sheet("자료")
        for (row, column), value in cells.items():
            sheet.write(row, column, value)

    sheet = next(read_document("a.xls", xls(fill)).sheets)
    assert {(r, c): v for r, row in enumerate(sheet.rows) for c, v in enumerate(row) if v is not None} == cells


@settings(max_examples=20, deadline=None)
@given(_GRIDS)
def test_the_sparse_reading_gives_the_same_as_the_dense_one(cells):
    data = xlsx_of(cells)
    dense = next(read_document("a.xlsx", data).sheets)
    far = with_row(data, b'<row r="1048576"><c r="A1048576"><v>5</v></c></row>')
    limit = ReadOptions(max_cells=100_000)
    sparse = next(read_document("a.xlsx", far, limit).sheets)
    assert sparse.resolve("A1048576") == 5
    assert sparse.rows[: len(dense.rows)] == dense.rows


def test_dates_times_and_durations_keep_their_types():
    def fill(book):
        sheet = book.add_worksheet()
        for row, (value, form) in enumerate(
            [
                (dt.datetime(2024, 1, 2), 'yyyy"년" m"월" d"일"'),
                (dt.datetime(2024, 1, 2, 3, 4, 5), "yyyy-mm-dd hh:mm:ss"),
                (dt.time(9, 30), "hh:mm"),
                (dt.timedelta(hours=30), "[h]:mm"),
            ]
        ):
            sheet.write_datetime(row, 1, value, book.add_format({"num_format": form}))

    for options in ({}, {"date_1904": True}):
        sheet = next(read_document("a.xlsx", xlsx(fill, default_date_format="", **options)).sheets)
        expected = [dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5), dt.time(9, 30), dt.timedelta(hours=30)]
        assert [row[1] for row in sheet.rows] == expected


def test_merged_hidden_chart_and_empty_sheets():
    def fill(book):
        sheet = book.add_worksheet("보이는")
        sheet.merge_range("B2:C3", "제목")
        sheet.write("A5", 1)
        book.add_chartsheet("도표").set_chart(_chart(book))
        hidden = book.add_worksheet("숨은")
        hidden.write(0, 0, 1)
        hidden.hide()
        deep = book.add_worksheet("더 숨은")
        deep.write(0, 0, 2)
        deep.very_hidden()
        book.add_worksheet("빈")

    document = read_document("a.xlsx", xlsx(fill))
    assert [sheet.name for sheet in document.sheets] == ["보이는"]
    assert document.sheets.__next__().merged == (CellRange(1, 1, 2, 2),)
    assert document.resolve("보이는!B2") == "제목"
    said = "\n".join(document.notes)
    assert "'숨은', '더 숨은'" in said
    assert "'도표'" in said
    assert "'빈'" in said

    everything = read_document("a.xlsx", xlsx(fill), ReadOptions(include_hidden_sheets=True))
    assert {sheet.name: sheet.visibility for sheet in everything.sheets} == {
        "보이는": Visibility.VISIBLE,
        "숨은": Visibility.HIDDEN,
        "더 숨은": Visibility.VERY_HIDDEN,
    }


def _chart(book):
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=보이는!$A$5:$A$5"})
    return chart


def test_a_workbook_whose_visible_sheets_are_empty_is_empty():
    def fill(book):
        book.add_worksheet("빈")
        hidden = book.add_worksheet("숨은")
        hidden.write(0, 0, 1)
        hidden.hide()

    error = fault(xlsx(fill))
    assert error.cause is Cause.EMPTY_DOCUMENT
    assert "'숨은'" in error.detail


def test_the_document_says_what_it_is():
    data = xlsx_of({(0, 0): 1})
    document = read_document(normalize("NFD", "보고.xlsx"), data)
    assert document.name == "보고.xlsx"
    assert document.kind == "xlsx"
    assert document.sha256 == hashlib.sha256(data).hexdigest()


def test_error_cells_come_as_their_texts():
    def fill(book):
        sheet = book.add_worksheet("다른 이름")
        sheet.write_formula("B2", "=1/0", None, "#DIV/0!")
        sheet.write_formula("D9", "=NA()", None, "#N/A")
        sheet.write("A1", "x")

    document = read_document("a.xlsx", xlsx(fill))
    assert document.resolve("다른 이름!B2") == "#DIV/0!"
    assert document.resolve("다른 이름!D9") == "#N/A"

    def fill_old(book):
        sheet = book.add_sheet("s")
        sheet.write(0, 0, "x")
        sheet.row(1).set_cell_error(3, "#REF!")
        other = book.add_sheet("t")
        other.row(4).set_cell_error(0, 42)

    old = read_document("a.xls", xls(fill_old))
    assert old.resolve("s!D2") == "#REF!"
    assert old.resolve("t!A5") == "#N/A"


def test_details_are_formulas_and_hidden_rows():
    def fill(book):
        sheet = book.add_worksheet("s")
        sheet.write("A1", 1)
        sheet.write_formula("A2", "=A1+1", None, 2)
        sheet.write_array_formula("A3:A3", "{=SUM(A1:A2)}", None, 3)
        sheet.write("A4", 4)
        sheet.set_row(3, None, None, {"hidden": True})

    data = xlsx(fill)
    plain = next(read_document("a.xlsx", data).sheets)
    assert (plain.formulas, plain.hidden_rows) == ({}, frozenset())
    sheet = next(read_document("a.xlsx", data, ReadOptions(details=True)).sheets)
    assert sheet.formulas == {"A2": "=A1+1", "A3": "=SUM(A1:A2)"}
    assert sheet.hidden_rows == {3}
    assert sheet.rows == plain.rows == ((1,), (2,), (3,), (4,))


def test_an_xls_with_merged_and_hidden_sheets():
    def fill(book):
        sheet = book.add_sheet("시트")
        sheet.write_merge(4, 5, 1, 2, "m")
        sheet.write(7, 0, dt.date(2024, 1, 2), _date_style())
        hidden = book.add_sheet("h")
        hidden.write(0, 0, 1)
        hidden.visibility = 1

    document = read_document("a.xls", xls(fill))
    assert document.kind == "xls"
    assert next(document.sheets).merged == (CellRange(4, 1, 5, 2),)
    assert document.resolve("시트!A8") == dt.date(2024, 1, 2)
    assert [sheet.name for sheet in document.sheets] == ["시트"]
    assert "'h'" in document.notes[0]


def _date_style():
    import xlwt

    return xlwt.easyxf(num_format_str="yyyy-mm-dd")


def test_a_password_is_said_to_be_one():
    encrypted = io.BytesIO()
    office = msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(xlsx_of({(0, 0): 1})))
    office.encrypt("geheim", encrypted)
    assert cause(encrypted.getvalue()) is Cause.PASSWORD_PROTECTED


def test_an_xls_with_a_password_is_said_to_have_one():
    data = xls(lambda book: book.add_sheet("s").write(0, 0, 1))
    begin = data.index(struct.pack("<HH", 0x0809, 16))
    second = begin + 20
    patched = data[:second] + struct.pack("<H", 0x002F) + data[second + 2 :]
    assert cause(patched) is Cause.PASSWORD_PROTECTED


# A process that asks for the rectangle of these sheets is aborted by Rust: to come back at all is the test.


@pytest.mark.parametrize(
    "cell",
    [
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b'<row r="4000000000"><c r="A4000000000"><v>1</v></c></row>',
        b"<row r='1048576'><c t='n' r = 'XFD1048576'><v>1</v></c></row>",
        b'<x:row r="2"><x:c r="ZZZZZZZ9"><x:v>1</x:v></x:c></x:row>',
    ],
)
def test_a_stray_cell_at_the_far_corner_does_not_take_the_memory(cell):
    data = with_row(xlsx_of({(r, 0): r for r in range(400)}), cell)
    if cell.endswith(b"</x:row>") or b"4000000000" in cell:
        assert cause(data, options=ReadOptions(max_cells=100_000)) in (Cause.TOO_LARGE, Cause.UNREADABLE)
    else:
        document = read_document("a.xlsx", data, ReadOptions(max_cells=100_000))
        assert document.resolve("자료!A400") == 399
        assert document.resolve("자료!XFD1048576") == 1


def test_cells_that_do_not_say_where_they_stand_are_counted():
    cells = b"".join(b'<row r="%d"><c><v>1</v></c><c><v>2</v></c></row>' % number for number in (1, 2, 100_000))
    data = edited(
        xlsx_of({(0, 0): 1}),
        SHEET,
        lambda xml: xml[: xml.index(b"<sheetData>")] + b"<sheetData>" + cells + b"</sheetData></worksheet>",
    )
    assert read_document("a.xlsx", data).resolve("자료!B100000") == 2
    assert read_document("a.xlsx", data, ReadOptions(max_cells=150_000)).resolve("자료!B100000") == 2


def test_a_format_at_the_far_corner_changes_nothing():
    styled = with_row(xlsx_of({(2, 2): 7}), b'<row r="1048576" spans="1:1"><c r="XFD1048576" s="0"/></row>')
    started = time.perf_counter()
    assert next(read_document("a.xlsx", styled).sheets).rows == ((), (), (None, None, 7))
    assert time.perf_counter() - started < 1.0


def test_a_sheet_that_claims_a_huge_dimension_is_read():
    data = edited(xlsx_of({(2, 2): 7}), SHEET, lambda xml: xml.replace(b'ref="C3"', b'ref="A1:XFD1048576"'))
    assert read_document("a.xlsx", data).resolve("자료!C3") == 7


def test_claims_that_would_take_the_memory_are_damage():
    texts = xlsx_of({(0, 0): "x", (1, 0): "y"})
    lying = edited(
        texts, "xl/sharedStrings.xml", lambda xml: xml.replace(b'uniqueCount="2"', b'uniqueCount="4294967295"')
    )
    assert lying != texts
    assert cause(lying) is Cause.UNREADABLE

    old = xls(lambda book: book.add_sheet("s").write(0, 0, 1))
    begin = old.index(struct.pack("<HH", 0x0200, 14)) + 4
    assert cause(old[:begin] + b"\0\0\0\0\xff\xff\xff\xff" + old[begin + 8 :]) is Cause.UNREADABLE


@pytest.mark.parametrize("hidden", [False, True])
def test_an_xls_of_two_corners_is_too_large_even_where_it_is_hidden(hidden):
    def fill(book):
        book.add_sheet("seen").write(0, 0, 1)
        sheet = book.add_sheet("s")
        sheet.write(0, 0, 1)
        sheet.write(65_535, 255, 1)
        sheet.visibility = int(hidden)

    assert cause(xls(fill)) is Cause.TOO_LARGE


def test_a_hidden_xlsx_sheet_of_two_corners_is_left_out():
    def fill(book):
        book.add_worksheet("seen").write(0, 0, 1)
        sheet = book.add_worksheet("s")
        sheet.write(0, 0, 1)
        sheet.write(1_048_575, 16_383, 1)
        sheet.hide()

    assert read_document("a.xlsx", xlsx(fill)).resolve("seen!A1") == 1


def test_more_cells_than_allowed_are_too_large():
    data = xlsx_of({(r, c): 1 for r in range(20) for c in range(20)})
    assert cause(data, options=ReadOptions(max_cells=300)) is Cause.TOO_LARGE
    assert read_document("a.xlsx", data, ReadOptions(max_cells=400)).parts

    def fill(book):
        for _ in range(3):
            sheet = book.add_worksheet()
            for row in range(200):
                sheet.write(row, 0, 1)

    assert cause(xlsx(fill), options=ReadOptions(max_cells=500)) is Cause.TOO_LARGE


def test_a_zip_bomb_is_too_large_whatever_its_directory_says():
    bomb = edited(xlsx_of({(0, 0): 1}), "xl/styles.xml", lambda xml: xml + b" " * 30_000_000)
    small = ReadOptions(max_bytes=500_000)
    assert len(bomb) < 500_000
    assert cause(bomb, options=small) is Cause.TOO_LARGE

    size = struct.pack("<I", zipfile.ZipFile(io.BytesIO(bomb)).getinfo("xl/styles.xml").file_size)
    lying = bomb.replace(size, struct.pack("<I", 100))
    assert lying != bomb
    assert cause(lying, options=small) is Cause.TOO_LARGE


def test_sheets_written_by_openpyxl_are_read_alike():
    book = openpyxl.Workbook()
    book.active.title = "하나"
    book.active["C3"] = 1.5
    book.active["C4"] = "=C3*2"
    target = io.BytesIO()
    book.save(target)
    sheet = next(read_document("a.xlsx", target.getvalue()).sheets)
    assert sheet.rows == ((), (), (None, None, 1.5))


_REAL = Path(__file__).parents[2].parent / "shared" / "data" / "real_workbooks"


@pytest.mark.skipif(not _REAL.is_dir(), reason="the published workbooks do not lie beside this repository")
@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl.*")
def test_published_workbooks_agree_with_a_second_reader():
    files = sorted(_REAL.glob("*.xlsx"))
    assert files
    for file in files:
        data = file.read_bytes()
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
        document = read_document(file.name, data)
        for sheet in document.sheets:
            second = book[sheet.name]
            ours = {(r, c): v for r, row in enumerate(sheet.rows) for c, v in enumerate(row) if v is not None}
            theirs = {
                (r - 1, c - 1): _plain(cell.value)
                for (r, c), cell in second._cells.items()
                if _plain(cell.value) is not None
            }
            assert ours == theirs, (file.name, sheet.name)
            assert len(sheet.merged) == len(second.merged_cells.ranges)


def _plain(value):
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    return value if value != "" else None
