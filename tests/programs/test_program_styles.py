"""Fonts, format indents and superscript from real xlsx files."""

from __future__ import annotations

import io

import xlsxwriter
from programs_kit import table

from llm_convert.documents.options import ReadOptions
from llm_convert.documents.reader import read_document
from llm_convert.programs import execute, load_program, sheet_view


def book() -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as made:
        own = made.add_worksheet("Data")
        bold, indented = made.add_format({"bold": True}), made.add_format({"indent": 2})
        raised, plain = made.add_format({"font_script": 1}), made.add_format()
        own.write_row(0, 0, ["Item", "Qty"])
        own.write(1, 0, "Fruit", bold)
        own.write(1, 1, 3)
        own.write_rich_string(2, 0, plain, "Apple", raised, "1, 2", indented)
        own.write(2, 1, 1)
        own.write_rich_string(3, 0, bold, "Bo", plain, "ld")
        own.write(3, 1, 2)
    return stream.getvalue()


def test_styles_are_read_only_where_they_are_asked_for() -> None:
    (plain,) = read_document("a.xlsx", book()).sheets
    assert plain.styles == {}
    (styled,) = read_document("a.xlsx", book(), ReadOptions(styles=True)).sheets
    assert styled.rows == plain.rows
    looks = {at: (style.bold, style.indent, style.raised) for at, style in styled.styles.items()}
    assert looks == {(1, 0): (True, 0, ""), (2, 0): (False, 2, "1, 2"), (3, 0): (True, 0, "")}
    assert "A 'Apple1, 2' indent 2 raised '1, 2'" in sheet_view(styled)


def test_a_program_uses_them() -> None:
    program = load_program(
        table("""
        anchor: ^Item
        values: ^Qty
        keep: [{column: ^Item, is: {bold: false}}]
        fields:
          group: {column: ^Item, look: up, until: {bold: true}}
          item: {column: ^Item, raised: drop}
          note: {column: ^Item, raised: only}
        """)
    )
    assert program.needs_styles
    document = read_document("a.xlsx", book(), ReadOptions(styles=program.needs_styles))
    assert [record.values for record in execute(program, document).records] == [
        {"group": "Fruit", "item": "Apple", "note": "1, 2"}
    ]


def test_styles_that_were_not_read_are_missed() -> None:
    program = load_program(
        table("""
        anchor: ^Item
        values: ^Qty
        fields: {item: {column: ^Item, raised: drop}}
        """)
    )
    (found,) = execute(program, read_document("a.xlsx", book())).findings
    assert "was the file read with styles?" in found.text
    assert not execute(program, read_document("a.xlsx", book(), ReadOptions(styles=True))).findings


def test_a_book_that_the_second_reader_refuses_keeps_its_values(monkeypatch) -> None:
    from llm_convert.documents import xlsx_styles

    def broken(data: bytes) -> None:
        raise KeyError(data[:2])

    monkeypatch.setattr(xlsx_styles, "styles", broken)
    document = read_document("a.xlsx", book(), ReadOptions(styles=True))
    assert "fonts and indentation could not be read (KeyError)" in document.notes
    assert len(list(document.sheets)) == 1
