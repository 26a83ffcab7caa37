"""Real files for the tests of the documents room, made by the programs that people make them with."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import xlsxwriter
import xlwt
from PIL import Image as Picture
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

from llm_convert.contracts.document import Document
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents import ReadOptions, read_document

pdfmetrics.registerFont(UnicodeCIDFont("HYSMyeongJo-Medium"))
SHEET = "xl/worksheets/sheet1.xml"


def xlsx(fill: Callable[[Any], None], **options: Any) -> bytes:
    """A workbook; ``fill`` is handed the xlsxwriter workbook."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, **options})
    fill(book)
    book.close()
    return target.getvalue()


def xlsx_of(cells: dict[tuple[int, int], Any]) -> bytes:
    def fill(book: Any) -> None:
        sheet = book.add_worksheet("자료")
        for (row, column), value in cells.items():
            sheet.write(row, column, value)

    return xlsx(fill, strings_to_formulas=False, strings_to_urls=False)


def xls(fill: Callable[[Any], None]) -> bytes:
    book = xlwt.Workbook()
    fill(book)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def edited(data: bytes, member: str, change: Callable[[bytes], bytes]) -> bytes:
    """The zip with one member changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return target.getvalue()


def with_row(data: bytes, row: bytes) -> bytes:
    """The workbook with a row of XML added to its first sheet."""
    return edited(data, SHEET, lambda xml: re.sub(rb"</sheetData>", row + b"</sheetData>", xml))


def csv_bytes(rows: list[list[str]], *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter).writerows(rows)
    return target.getvalue().encode(encoding)


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    target = io.BytesIO()
    Picture.new("RGB", size, (200, 10, 10)).save(target, "PNG")
    return target.getvalue()


def pdf(*pages: Callable[[Any], None], encrypt: Any = None) -> bytes:
    """A PDF; each page function is handed the canvas."""
    target = io.BytesIO()
    drawing = canvas.Canvas(target, encrypt=encrypt)
    for page in pages:
        page(drawing)
        drawing.showPage()
    drawing.save()
    return target.getvalue()


def text_page(*lines: tuple[tuple[int, str], ...]) -> Callable[[Any], None]:
    """A page of lines; a line is pairs of a place from the left, in points, and a text."""

    def draw(drawing: Any) -> None:
        drawing.setFont("HYSMyeongJo-Medium", 11)
        for number, line in enumerate(lines):
            for left, text in line:
                drawing.drawString(left, 700 - 20 * number, text)

    return draw


def image_page(drawing: Any) -> None:
    drawing.drawImage(ImageReader(io.BytesIO(png())), 50, 500)


def mail(text: str | None = "안녕하세요\n첨부 참고 바랍니다", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "홍길동 <gildong@example.com>"
    message["To"] = "report@example.com"
    message["Subject"] = "주간 실적 보고"
    message["Date"] = "Mon, 06 Jan 2025 09:00:00 +0900"
    if text is not None:
        message.set_content(text)
    if html is not None and text is not None:
        message.add_alternative(html, subtype="html")
    elif html is not None:
        message.set_content(html, subtype="html")
    return message


def attach(message: EmailMessage, name: str, data: bytes, kind: str = "application/octet-stream") -> EmailMessage:
    main, sub = kind.split("/")
    message.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return message


def outcome(data: bytes, name: str, options: ReadOptions) -> Document | WorkItemError:
    """The document, or the one error that reading may end with."""
    try:
        return read_document(name, data, options)
    except WorkItemError as error:
        return error


def fault(data: bytes, name: str = "file", options: ReadOptions | None = None) -> WorkItemError:
    """The error that reading ends with; fails when it does not."""
    found = outcome(data, name, options or ReadOptions())
    assert isinstance(found, WorkItemError), "it was read"
    return found


def cause(data: bytes, name: str = "file", options: ReadOptions | None = None) -> Cause:
    return fault(data, name, options).cause
