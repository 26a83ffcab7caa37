from __future__ import annotations

import io
import zipfile

import pytest
from document_files import cause, csv_bytes, fault, png, xlsx_of
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.work import Cause
from llm_convert.documents import ReadOptions, read_document, sniff

_KOREAN = st.text("가나다라마바사아자차카타파하월별실적 0123456789.%-abcXYZ,;|\t\"'\n", max_size=8)

_UTF_16 = ("utf-16", "utf-16-le", "utf-16-be")


@st.composite
def _tables(draw):
    width = draw(st.integers(2, 6))
    return draw(st.lists(st.lists(_KOREAN, min_size=width, max_size=width), min_size=3, max_size=12))


@settings(max_examples=80, deadline=None)
@given(_tables(), st.sampled_from([",", "\t", ";"]), st.sampled_from(["utf-8", "utf-8-sig", "cp949", *_UTF_16]))
def test_a_table_comes_back_cell_by_cell_in_every_encoding(body, delimiter, encoding):
    rows = [[f"열{number}" for number in range(len(body[0]))], *body, ["끝"] * len(body[0])]
    data = csv_bytes(rows, delimiter=delimiter, encoding=encoding)
    sheet = next(read_document("월별 실적.csv", data).sheets)
    assert sheet.name == "월별 실적"
    found = {(r, c): v for r, row in enumerate(sheet.rows) for c, v in enumerate(row) if v is not None}
    if _one_delimiter(rows, delimiter):
        assert found == {(r, c): v for r, row in enumerate(rows) for c, v in enumerate(row) if v}
    else:
        assert found


def _one_delimiter(rows, delimiter):
    """Values that hold other delimiters as evenly as the real one make a table that nobody can tell."""
    return not any(other in value for row in rows for value in row for other in ",;|\t" if other != delimiter)


def test_values_stay_texts():
    sheet = next(read_document("a.csv", '번호,금액\n007,"1,200"\n008, 3 \n'.encode()).sheets)
    assert sheet.rows == (("번호", "금액"), ("007", "1,200"), ("008", " 3 "))


def test_blank_lines_keep_their_row_numbers():
    document = read_document("a.csv", b"x,y\n\n1,2\n,\n\n")
    assert document.resolve("a!B3") == "2"
    assert next(document.sheets).rows == (("x", "y"), (), ("1", "2"))


def test_a_title_above_the_table_does_not_hide_the_delimiter():
    data = "2024년 실적, 단위: 원\n\n품목\t1월\t2월\n사과\t1,000\t2,000\n배\t3,000\t4,000\n".encode("cp949")
    document = read_document("실적.xls", data)
    assert document.kind == "csv"
    assert document.resolve("실적!C4") == "2,000"
    assert document.notes == ("the text was read as cp949",)


def test_commas_inside_quotes_do_not_count():
    data = '이름;비고\n가;"1, 2, 3"\n나;"4, 5, 6"\n'.encode()
    assert read_document("a.csv", data).resolve("a!B2") == "1, 2, 3"


def test_a_quotation_mark_that_is_never_closed_swallows_nothing():
    data = '규격,수량\n"5인치,3\n6인치,4\n7인치,5\n'.encode()
    document = read_document("a.csv", data)
    assert document.resolve("a!A2") == '"5인치'
    assert document.resolve("a!B4") == "5"
    assert "never closed" in document.notes[0]


def test_text_without_a_delimiter_is_a_page_of_lines():
    document = read_document("memo.txt", "회의록\r\n\r\n매출은 늘었다\r\n\r\n".encode("cp949"))
    assert document.kind == "txt"
    assert next(document.pages).lines == ("회의록", "", "매출은 늘었다")
    assert document.resolve("text!line 3") == "매출은 늘었다"


def test_the_name_settles_one_line_with_commas_and_nothing_else():
    assert (sniff(b"a,b,c\n", "x.csv"), sniff(b"a,b,c\n", "x.txt")) == ("csv", "txt")
    assert sniff(xlsx_of({(0, 0): 1}), "x.csv") == "xlsx"
    assert sniff(b"a,b\n1,2\n", "x.xlsx") == "csv"


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_text_that_is_cut_inside_a_letter_is_still_read(encoding):
    document = read_document("a.txt", ("가나다라마바사아자차카타파하" * 5).encode(encoding)[:-1])
    assert next(document.pages).lines[0].startswith("가나다라마바사")
    assert "broken" in document.notes[0]


@pytest.mark.parametrize("encoding", _UTF_16)
@pytest.mark.parametrize("delimiter", [",", "\t", None])
def test_utf_16_that_breaks_off_is_read_to_where_it_does(encoding, delimiter):
    """With a mark of its byte order and without one; ``가`` has a zero byte on the other side."""
    text = "품목|판매일|금액\n가나가|2025-11-03|10\n샴푸|2025-11-04|12\n비누|2025-11-05|7"
    data = text.replace("|", delimiter or " ").encode(encoding)
    whole, cut = read_document("a.csv", data), read_document("a.csv", data[:-1])
    assert whole.notes == (f"the text was read as {encoding}",)
    assert cut.notes == (f"the text was read as {encoding}; 1 characters are broken",)
    assert (whole.kind, cut.kind) == (("csv", "csv") if delimiter else ("txt", "txt"))
    for address, value in (
        [("a!A2", "가나가"), ("a!C3", "12")] if delimiter else [("text!line 2", "가나가 2025-11-03 10")]
    ):
        assert whole.resolve(address) == cut.resolve(address) == value
    last = cut.resolve("a!C4" if delimiter else "text!line 4")
    assert last.endswith("\ufffd"), "half a number is none"


def test_half_an_astral_letter_breaks_nothing_else():
    assert read_document("a.txt", "abc \U0001f600".encode("utf-16")[:-2]).resolve("text!line 1") == "abc \ufffd"


@settings(max_examples=100)
@given(st.binary(min_size=200, max_size=400))
def test_binary_data_with_zeros_is_no_utf_16(data):
    assert sniff(b"\x00" + bytes(byte % 0x1F for byte in data)) is None


@pytest.mark.parametrize("data", [("품목,금액\n" * 9).encode("utf-32-le"), b"a,b\n1,2\n" + bytes(50)])
def test_what_is_no_utf_16_is_not_taken_for_it(data):
    assert cause(data, "a.csv") is Cause.UNKNOWN_FORMAT


def test_a_value_beyond_all_cells_is_too_large_and_says_so():
    error = fault(b"a,b\n1," + b"x" * 131_073 + b"\n2,3\n", "a.csv")
    assert (error.cause, error.detail) == (Cause.TOO_LARGE, "a value of the table has more than 131,072 characters")
    assert read_document("a.csv", b"a,b\n1," + b"x" * 131_072 + b"\n2,3\n").resolve("a!A3") == "2"


def test_another_encoding_is_guessed_and_said():
    document = read_document("a.txt", ("Die Umsätze für März übertrafen die Erwartungen. " * 8).encode("cp1252"))
    assert "Umsätze für März" in next(document.pages).lines[0]
    assert "guess" in document.notes[0]


def test_too_many_values_are_too_large():
    assert cause(b"a,b\n" * 100, options=ReadOptions(max_cells=150)) is Cause.TOO_LARGE
    assert cause(b"a,b\n" * 100, options=ReadOptions(max_bytes=399)) is Cause.TOO_LARGE


@pytest.mark.parametrize("data", [b"", b"   \n\r\n\t \n", b",,\n,,\n", b"\xef\xbb\xbf"])
def test_nothing_is_an_empty_document(data):
    assert cause(data) is Cause.EMPTY_DOCUMENT


def test_an_image_is_handed_on_as_it_is():
    data = png()
    document = read_document("스캔.png", data)
    (image,) = document.images
    assert (document.kind, image.name, image.media_type, image.data) == ("image", "스캔.png", "image/png", data)
    assert sniff(b"\xff\xd8\xff\xe0" + bytes(40)) == sniff(b"GIF89a" + bytes(20)) == "image"
    assert sniff(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image"


def _zip(**members):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_zip(**{"word/document.xml": "<x/>"}), "Word"),
        (_zip(**{"Contents/content.hpf": "<x/>"}), "hwpx"),
        (_zip(**{"xl/workbook.bin": "x"}), "xlsb"),
        (_zip(**{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<x/>"}), "OpenDocument"),
        (_zip(**{"readme.txt": "x"}), "zip archive"),
        (b"HWP Document File V3.00 \x1a\x01\x02\x03\x04\x05", "Hangul"),
        (b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00", "Windows program"),
        (b"\x7fELF\x02\x01\x01" + bytes(20), "Linux program"),
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00", "BMP"),
        (b"{\\rtf1\\ansi hello}", "rich text"),
        (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "Excel 2003 XML"),
        (b"\x00\x01\x02\x03\x80\x90" * 20, "binary"),
    ],
)
def test_what_is_not_read_is_named(data, words):
    assert sniff(data) is None
    error = fault(data, "보고.xlsx")
    assert error.cause is Cause.UNKNOWN_FORMAT
    assert words in error.detail


def test_texts_that_begin_like_a_program_are_texts():
    assert sniff(b"MZ sales report\nfirst line\n") == "txt"
    assert sniff(b"BM,1\nBN,2\n") == "csv"


@pytest.mark.parametrize("mark", [b"SCDSA002\x00\x00\xf0\x06", b"\x9b DRMONE  This Document is encrypted"])
def test_rights_management_counts_as_a_password(mark):
    assert cause(mark + bytes(range(256)), "보고.xlsx") is Cause.PASSWORD_PROTECTED
