"""Workbooks whose bytes depend on nothing but what is written into them."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

from llm_convert.errors import MissingExtraError

HEAD = {"bold": True, "align": "center", "valign": "vcenter", "border": 1, "bg_color": "#DDE6F0", "text_wrap": True}
TITLE = {"bold": True, "align": "center", "font_size": 14}
LABEL = {"border": 1, "valign": "vcenter"}
AMOUNT = {"border": 1, "num_format": "#,##0"}
RATE = {"border": 1, "num_format": "0.0%"}


def workbook_bytes(fill: Callable[[Any], None], *, written_at: datetime) -> bytes:
    """The bytes of an xlsx workbook.

    Args:
        fill: writes into the ``xlsxwriter.Workbook`` that it is given.
        written_at: what the properties say; without it the clock would get into the bytes.

    Raises:
        MissingExtraError: when xlsxwriter is not installed.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise MissingExtraError("xlsxwriter", "samples") from None
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"created": written_at})
    fill(book)
    book.close()
    return buffer.getvalue()


def merge(sheet: Any, area: tuple[int, int, int, int], value: object, style: Any) -> None:
    """Write one value over a rectangle: top, left, bottom, right from 0. A single cell is written and not merged."""
    top, left, bottom, right = area
    if (top, left) == (bottom, right):
        sheet.write(top, left, value, style)
    else:
        sheet.merge_range(top, left, bottom, right, value, style)
