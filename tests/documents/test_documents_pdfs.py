from __future__ import annotations

import re

import pytest
from document_files import cause, image_page, pdf, text_page
from reportlab.lib.pdfencrypt import StandardEncryption

from llm_convert.contracts.work import Cause
from llm_convert.documents import pdf as pdf_room
from llm_convert.documents import read_document

_TABLE = text_page(
    ((60, "품목"), (200, "수량"), (340, "금액")),
    ((60, "사과"), (200, "3"), (340, "1,200")),
    ((60, "배"), (200, "14"), (340, "35,000")),
)


def test_columns_keep_their_gaps():
    document = read_document("a.pdf", pdf(_TABLE, text_page(((60, "둘째 쪽"),))))
    assert document.kind == "pdf"
    assert [page.name for page in document.pages] == ["page 1", "page 2"]
    lines = document.part("page 1").lines
    assert [line.split() for line in lines] == [
        ["품목", "수량", "금액"],
        ["사과", "3", "1,200"],
        ["배", "14", "35,000"],
    ]
    assert all("   " in line for line in lines)
    assert document.resolve("page 2!line 1").strip() == "둘째 쪽"


def test_pages_without_text_give_their_pictures_and_a_note():
    document = read_document("a.pdf", pdf(_TABLE, image_page, lambda drawing: None))
    assert [part.name for part in document.parts] == ["page 1", "page 2 image 1"]
    assert next(document.images).media_type in ("image/png", "image/jpeg")
    assert document.notes == ("pages without text: 'page 2', 'page 3'",)


def test_pictures_are_bounded():
    document = read_document("a.pdf", pdf(*[image_page] * 23))
    assert len(list(document.images)) == 20
    assert "3 pictures" in document.notes[-1]


def test_turned_text_is_not_lost():
    def draw(drawing):
        drawing.drawString(50, 50, "upright")
        drawing.saveState()
        drawing.translate(300, 300)
        drawing.rotate(90)
        drawing.drawString(0, 0, "turned table 123")
        drawing.restoreState()

    document = read_document("a.pdf", pdf(draw))
    assert "turned table 123" in document.part("page 1").lines
    assert "without their layout" in document.notes[0]


def test_a_blank_pdf_is_empty():
    assert cause(pdf(lambda drawing: None)) is Cause.EMPTY_DOCUMENT


def test_passwords():
    assert cause(pdf(_TABLE, encrypt="geheim")) is Cause.PASSWORD_PROTECTED
    document = read_document("a.pdf", pdf(_TABLE, encrypt=StandardEncryption("", ownerPassword="x")))
    assert "사과" in document.part("page 1").lines[1]
    assert "empty password" in document.notes[0]


def test_too_many_pages_are_too_large(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pdf_room, "_MAX_PAGES", 2)
    assert cause(pdf(_TABLE, _TABLE, _TABLE)) is Cause.TOO_LARGE


def test_nothing_is_logged_about_a_damaged_pdf(caplog: pytest.LogCaptureFixture):
    data = pdf(_TABLE)
    damaged = re.sub(rb"startxref\n\d+", b"startxref\n17", data)
    assert damaged != data
    assert "사과" in read_document("a.pdf", damaged).part("page 1").lines[1]
    assert not caplog.records
