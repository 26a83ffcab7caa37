"""Whatever the bytes are, reading ends with a document or with one named error."""

from __future__ import annotations

import io
import subprocess
import sys

import msoffcrypto.format.ooxml
import pytest
from document_files import attach, csv_bytes, edited, image_page, mail, outcome, pdf, png, text_page, xls, xlsx_of
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents import ReadOptions, read_document, sniff

_CAUSES = {Cause.EMPTY_DOCUMENT, Cause.PASSWORD_PROTECTED, Cause.UNKNOWN_FORMAT, Cause.TOO_LARGE, Cause.UNREADABLE}
_SMALL = ReadOptions(max_bytes=200_000, max_cells=50_000, details=True, include_hidden_sheets=True)


def _old_workbook(book):
    sheet = book.add_sheet("s")
    for row in range(20):
        sheet.write(row, 0, f"이름 {row}")
        sheet.write(row, 1, row * 1.5)
    sheet.write_merge(25, 26, 0, 2, "m")


def _locked():
    target = io.BytesIO()
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(xlsx_of({(0, 0): 1}))).encrypt("x", target)
    return target.getvalue()


_FILES = {
    "xlsx": xlsx_of({(r, c): r * c + 0.5 for r in range(10) for c in range(5)}),
    "xls": xls(_old_workbook),
    "locked": _locked(),
    "csv": csv_bytes([["가", "나"], ["1", "2"], ["3", "4"]], encoding="cp949"),
    "html": "<html><meta charset=euc-kr><table><tr><td colspan=2>가<td>나</table>끝</html>".encode("cp949"),
    "eml": attach(mail("본문", "<table><tr><td>1<td>2</table>"), "a.csv", b"a,b\n1,2\n").as_bytes(),
    "pdf": pdf(text_page(((60, "사과"), (200, "3"))), image_page),
    "image": png(),
}


def _read(data: bytes, name: str = "file") -> None:
    found = outcome(data, name, _SMALL)
    if isinstance(found, WorkItemError):
        assert found.cause in _CAUSES
        assert found.detail
        return
    assert found.kind == sniff(data, name)
    assert found.parts
    names = [part.name for part in found.parts]
    assert len(set(names)) == len(names)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(
        [
            b"",
            b"PK\x03\x04",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"%PDF-1.4\n",
            b"From: a\nTo: b\n\n",
            b"<html>",
            b"\xff\xfe",
            b"\x89PNG\r\n\x1a\n",
        ]
    ),
)
def test_random_bytes(data, mark):
    _read(mark + data)


@pytest.mark.parametrize("kind", sorted(_FILES))
def test_files_that_are_cut_off(kind):
    data = _FILES[kind]
    for part in range(1, 12):
        _read(data[: len(data) * part // 12])
    _read(data[:-1])


@pytest.mark.parametrize("kind", sorted(_FILES))
def test_files_with_changed_bytes(kind):
    data = _FILES[kind]

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), min_size=1, max_size=12))
    def changed(changes):
        mutated = bytearray(data)
        for place, byte in changes:
            mutated[place] = byte
        _read(bytes(mutated))

    changed()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_workbooks_with_changed_xml(data):
    """Changes inside the members, so that the zip itself stays whole."""
    member = data.draw(
        st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"])
    )
    place, length = data.draw(st.integers(0, 1500)), data.draw(st.integers(0, 40))
    inserted = data.draw(
        st.sampled_from([b"", b"<", b'"', b' r="XFD1048576"', b"9999999999", b"<c><v>1</v></c>", b"\x00", b"&x;"])
    )
    _read(edited(_FILES["xlsx"], member, lambda xml: xml[:place] + inserted + xml[place + length :]))


def test_every_sample_is_read_when_it_is_whole():
    kinds = {kind: sniff(data) for kind, data in _FILES.items()}
    assert kinds == {kind: kind for kind in _FILES} | {"locked": "xlsx"}


def test_no_reading_package_is_loaded_before_a_file_needs_it():
    heavy = {"python_calamine", "openpyxl", "pypdf", "olefile", "charset_normalizer"}
    script = f"import sys, llm_convert.documents; sys.exit(','.join({heavy!r} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_stops_the_process_is_not_taken_for_damage(monkeypatch):
    from llm_convert.documents import reader

    def stop(name, data, options):
        raise KeyboardInterrupt

    monkeypatch.setitem(reader._READERS, "txt", stop)
    with pytest.raises(KeyboardInterrupt):
        read_document("a.txt", b"hello")


def test_a_panic_in_rust_is_a_damaged_file(monkeypatch):
    from llm_convert.documents import reader

    panic = type("PanicException", (BaseException,), {})

    def give_up(name, data, options):
        raise panic

    monkeypatch.setitem(reader._READERS, "txt", give_up)
    with pytest.raises(WorkItemError) as caught:
        read_document("a.txt", b"hello")
    assert caught.value.cause is Cause.UNREADABLE
