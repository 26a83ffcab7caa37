from __future__ import annotations

import base64

import pytest
from document_files import attach, cause, csv_bytes, mail, png, xlsx_of

from llm_convert.contracts.work import Cause
from llm_convert.documents import ReadOptions, read_document


def _lines(document):
    return document.part("message").lines


def test_the_message_is_a_page_of_headers_and_text():
    document = read_document("a.eml", mail().as_bytes())
    assert document.kind == "eml"
    assert _lines(document) == (
        "From: 홍길동 <gildong@example.com>",
        "To: report@example.com",
        "Subject: 주간 실적 보고",
        "Date: Mon, 06 Jan 2025 09:00:00 +0900",
        "",
        "안녕하세요",
        "첨부 참고 바랍니다",
    )


def test_tables_of_the_html_body_are_sheets_and_the_plain_text_is_the_message():
    html = "<p>꾸민 글</p><table><tr><td>품목<td>금액<tr><td>사과<td>10</table>"
    document = read_document("a.eml", mail("맨 글", html).as_bytes())
    assert _lines(document)[-1] == "맨 글"
    assert document.resolve("body table 1!B2") == "10"
    html_only = read_document("a.eml", mail(None, html).as_bytes())
    assert _lines(html_only)[-1] == "꾸민 글"
    assert html_only.resolve("body table 1!A2") == "사과"


def test_attachments_are_read_under_their_names():
    message = mail()
    attach(message, "실적.xlsx", xlsx_of({(2, 1): 42}), "application/vnd.ms-excel")
    attach(message, "목록.csv", csv_bytes([["가", "나"], ["1", "2"]], encoding="cp949"))
    attach(message, "스캔.png", png(), "image/png")
    attach(message, "목록.csv", csv_bytes([["다", "라"], ["3", "4"]]))
    document = read_document("a.eml", message.as_bytes())
    assert [part.name for part in document.parts] == [
        "message",
        "실적.xlsx/자료",
        "목록.csv/목록",
        "스캔.png",
        "목록.csv (2)/목록",
    ]
    assert document.resolve("실적.xlsx/자료!B3") == 42
    assert document.resolve("목록.csv (2)/목록!A2") == "3"
    assert document.notes == ("목록.csv: the text was read as cp949",)


def test_an_attachment_that_can_not_be_read_becomes_a_note():
    message = attach(mail(), "묶음.zip", b"PK\x05\x06" + bytes(18))
    attach(message, "깨진.xlsx", xlsx_of({(0, 0): 1})[:900])
    document = read_document("a.eml", message.as_bytes())
    assert [part.name for part in document.parts] == ["message"]
    assert "zip archive" in document.notes[0]
    assert "'깨진.xlsx'" in document.notes[1]


def test_mails_within_mails_are_read_so_deep_and_no_deeper():
    message = attach(mail("가장 안쪽"), "표.csv", b"a,b\n1,2\n")
    for level in range(2):
        outer = mail(f"바깥 {level}")
        outer.add_attachment(message)
        message = outer
    document = read_document("a.eml", message.as_bytes())
    assert document.resolve("주간 실적 보고/주간 실적 보고/표.csv/표!B2") == "2"
    shallow = read_document("a.eml", message.as_bytes(), ReadOptions(max_depth=1))
    assert "주간 실적 보고/주간 실적 보고/message" not in [part.name for part in shallow.parts]
    assert any("nested deeper" in note for note in shallow.notes)


def test_inline_pictures_are_images():
    message = mail(None, "<p>그림</p><img src='cid:x'>")
    message.add_related(png(), maintype="image", subtype="png", cid="<x>")
    document = read_document("a.eml", message.as_bytes())
    assert [image.name for image in document.images] == ["image 1.png"]


@pytest.mark.parametrize("charset", ["euc-kr", "ks_c_5601-1987", "cp949", "iso-2022-kr", "utf-8", '"EUC-KR"'])
def test_korean_character_sets(charset):
    codec = {"ks_c_5601-1987": "cp949"}.get(charset, charset.strip('"'))
    word = "=?" + charset.strip('"') + "?B?" + base64.b64encode("실적 보고".encode(codec)).decode() + "?="
    head = (
        f"From: a@example.com\r\nSubject: {word}\r\n"
        f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    document = read_document("a.eml", head.encode() + "매출 현황".encode(codec))
    assert _lines(document) == ("From: a@example.com", "Subject: 실적 보고", "", "매출 현황")


def test_an_encoded_word_that_is_cut_inside_a_letter():
    data = "실적보고".encode("euc-kr")
    words = "".join(f" =?euc-kr?B?{base64.b64encode(piece).decode()}?=\r\n" for piece in (data[:3], data[3:]))
    document = read_document("a.eml", f"From: a@example.com\r\nSubject:{words}\r\nhello\r\n".encode())
    assert "Subject: 실적보고" in _lines(document)


def test_raw_korean_bytes_and_broken_headers_survive():
    data = (
        "From: 홍길동 <a@example.com>\r\nSubject: 매출 보고\r\nTo: =?no-such-charset?B?!!!?=, <<>\r\n"
        'Date: ;;;\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\n본문\r\n--x\r\n'
        'Content-Type: application/octet-stream; name="매출.csv"\r\n'
        'Content-Disposition: attachment; filename="매출.csv"\r\n\r\n가,나\r\n1,2\r\n--x--\r\n'
    ).encode("cp949")
    document = read_document("a.eml", data)
    assert "From: 홍길동 <a@example.com>" in _lines(document)
    assert "Subject: 매출 보고" in _lines(document)
    assert "본문" in _lines(document)
    assert document.resolve("매출.csv/매출!A1") == "가"


def test_a_web_archive_that_is_called_xls_gives_its_tables():
    data = (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\n'
        b'Content-Type: text/html; charset="utf-8"\r\n\r\n<table><tr><td>1<td>2</table>\r\n--b--\r\n'
    )
    assert read_document("a.xls", data).resolve("body table 1!B1") == "2"


def test_a_mail_with_nothing_in_it_is_empty():
    assert cause(b"From: a@example.com\r\nTo: b@example.com\r\n\r\n \r\n") is Cause.EMPTY_DOCUMENT


def test_a_text_that_only_mentions_a_header_is_a_text():
    assert read_document("a.txt", b"Subject: not a mail\nbut a memo\n").kind == "txt"
