"""Files that attack their reader, each small beside what it asks for; run as a program it reads them within bounds.

The program prints a JSON line for each: its name, what came of it, and the seconds.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
import zipfile
from collections.abc import Callable

from document_files import SHEET, edited, outcome, pdf, text_page, with_row, xlsx_of

from llm_convert.contracts.work import WorkItemError
from llm_convert.documents import ReadOptions

MEMORY_BYTES = 3 << 30
"""Of addresses, which is more than what is used: each thread's heap alone reserves 64 MB."""
STYLED = ReadOptions(styles=True, details=True)
_MAIL = 'From: a\nTo: b\nSubject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
_SMALL = xlsx_of({(0, 0): "a", (1, 0): 1})
_ROW_END = b"</sheetData>"


def _after_rows(more: bytes) -> bytes:
    return edited(_SMALL, SHEET, lambda xml: xml.replace(_ROW_END, _ROW_END + more))


def _merged(*ranges: bytes) -> bytes:
    return _after_rows(b"<mergeCells>" + b"".join(b'<mergeCell ref="%s"/>' % one for one in ranges) + b"</mergeCells>")


def _with_entities(member: str, cell: bytes, entities: bytes) -> bytes:
    def change(xml: bytes) -> bytes:
        head = b'<?xml version="1.0"?><!DOCTYPE x [' + entities + b"]>"
        return head + xml[xml.index(b"?>") + 2 :].replace(_ROW_END, cell + _ROW_END).replace(b'"Calibri"', b'"&a9;"')

    return edited(_SMALL, member, change)


def _laughs() -> bytes:
    inner = [b"&a;", *(b"&a%d;" % level for level in range(1, 9))]
    return b'<!ENTITY a "ha">' + b"".join(b'<!ENTITY a%d "%s">' % (at, one * 10) for at, one in enumerate(inner, 1))


def _cell(entity: bytes) -> bytes:
    return b'<row r="9"><c r="A9" t="inlineStr"><is><t>%s</t></is></c></row>' % entity


def _nested_zip(levels: int) -> bytes:
    data = b"x"
    for _ in range(levels):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.zip", data)
        data = target.getvalue()
    return data


def _cycle() -> bytes:
    formulas = b'<row r="9"><c r="A9"><f>A10+1</f><v>4</v></c></row><row r="10"><c r="A10"><f>A9+1</f></c></row>'
    return with_row(_SMALL, formulas)


def _nested_mail(levels: int) -> bytes:
    boxes = "".join(f'Content-Type: multipart/mixed; boundary="b{at}"\n\n--b{at}\n' for at in range(levels))
    return f"From: a\nTo: b\nSubject: s\n{boxes}Content-Type: text/plain\n\nx\n".encode()


def _page(markup: bytes) -> bytes:
    return b"<html><table><tr><td>1<td>2</table>" + markup


def _header(line: str) -> bytes:
    return f"From: a\nTo: b\n{line}\n\nbody".encode()


ATTACKS: dict[str, tuple[Callable[[], bytes], ReadOptions]] = {
    "a million empty rows": (
        lambda: with_row(_SMALL, b"".join(b'<row r="%d"/>' % row for row in range(3, 1_000_003))),
        ReadOptions(),
    ),
    "16,384 columns": (lambda: xlsx_of({(0, column): column for column in range(16_384)}), ReadOptions()),
    "one range over everything": (lambda: _merged(b"A1:XFD1048576", b"A1:B2", b"B2:C3"), STYLED),
    "a hundred thousand ranges": (lambda: _merged(*(b"A%d:C%d" % (row, row) for row in range(1, 100_001))), STYLED),
    "a cell of twenty megabytes": (lambda: with_row(_SMALL, _cell(b"x" * 20_000_000)), ReadOptions()),
    "laughing cells": (lambda: _with_entities(SHEET, _cell(b"&a9;"), _laughs()), ReadOptions()),
    "laughing styles": (lambda: _with_entities("xl/styles.xml", b"", _laughs()), STYLED),
    "a foreign file as an entity": (
        lambda: _with_entities(SHEET, _cell(b"&f;"), b'<!ENTITY f SYSTEM "file:///etc/hostname">'),
        STYLED,
    ),
    "formulas in a circle": (_cycle, STYLED),
    "zips in zips": (lambda: _nested_zip(200), ReadOptions()),
    "a mail of twenty thousand parts": (
        lambda: (_MAIL + "--b\nContent-Type: text/plain\n\nx\n" * 20_000 + "--b--\n").encode(),
        ReadOptions(),
    ),
    "a mail of five thousand attachments": (
        lambda: (_MAIL + '--b\nContent-Disposition: attachment; filename="a.csv"\n\na,b\n1,2\n' * 5_000).encode(),
        ReadOptions(),
    ),
    "boxes in boxes": (lambda: _nested_mail(5_000), ReadOptions()),
    "mails in mails": (lambda: b"From: a\nTo: b\nContent-Type: message/rfc822\n\n" * 5_000, ReadOptions()),
    "thirty thousand headers": (
        lambda: _header("\n".join(f"X-{at}: \xff" for at in range(30_000))),
        ReadOptions(),
    ),
    "a subject of encoded words": (lambda: _header("Subject: " + "=?utf-8?B?aGVsbG8=?= " * 100_000), ReadOptions()),
    "a type of half a million parameters": (
        lambda: _header("Content-Type: text/plain" + ';"' * 500_000),
        ReadOptions(),
    ),
    "comments without end": (lambda: _page(b"<!--" * 200_000), ReadOptions()),
    "tags without end": (lambda: _page(b"<a " * 200_000), ReadOptions()),
    "quotation marks without end": (lambda: _page(b'<a b="' * 100_000), ReadOptions()),
    "a tag of three hundred thousand attributes": (lambda: _page(b"<p " + b"a=1 " * 300_000 + b">"), ReadOptions()),
    "tables in tables": (lambda: _page(b"<table><tr><td>x" * 20_000), ReadOptions()),
    "spans over everything": (
        lambda: b"<html><table><tr>" + b"<td rowspan=65534 colspan=1000>1" * 1_000 + b"<tr><td>2" * 1_000,
        ReadOptions(max_cells=1_000_000),
    ),
    "a million empty lines": (lambda: b"a,b\n1,2\n" + b"\n" * 1_000_000 + b"3,4\n", ReadOptions()),
    "four million commas": (lambda: b"a,b\n1,2\n" + b"," * 4_000_000, ReadOptions(max_cells=1_000_000)),
    "an open quotation mark": (lambda: b"a,b\n1,2\n" + b'"' * 2_000_001, ReadOptions()),
    "a page that repeats a text": (lambda: pdf(text_page(((60, "x" * 20_000),))), ReadOptions()),
}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for name, (make, options) in ATTACKS.items():
        data = make()
        started = time.perf_counter()
        found = outcome(data, "file", options)
        seconds = time.perf_counter() - started
        if isinstance(found, WorkItemError):
            said = found.cause.value
        else:
            said = ", ".join(f"{type(part).__name__} {part.name}" for part in found.parts[:3])
        notes = found.notes if said.startswith("Sheet") else ()
        sys.stdout.write(json.dumps([name, said, seconds, notes]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
