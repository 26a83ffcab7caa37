"""A second reading of an .xlsx by openpyxl for how cells look: bold, indented, with superscript at their end."""

from __future__ import annotations

import io
import warnings
from typing import Any
from unicodedata import normalize

from llm_convert.contracts.document import CellStyle
from llm_convert.errors import MissingExtraError


def styles(data: bytes) -> dict[str, dict[tuple[int, int], CellStyle]]:
    """By sheet name the styles of cells that look unlike plain ones. Raises whatever openpyxl raises."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise MissingExtraError("openpyxl", "documents") from None
    with warnings.catch_warnings():
        # It warns of every extension that it would lose on saving; nothing is saved here.
        warnings.simplefilter("ignore")
        book = load_workbook(io.BytesIO(data), data_only=True, keep_links=False, rich_text=True)
    return {normalize("NFC", sheet.title): _styles(sheet) for sheet in book.worksheets}


def _styles(sheet: Any) -> dict[tuple[int, int], CellStyle]:
    found = {}
    known: dict[int, tuple[bool, int]] = {}
    for (row, column), cell in sheet._cells.items():
        if cell.value is None:
            continue
        # Fonts and alignments are looked up through proxies, which is slow; a workbook has few styles.
        look = known.get(cell.style_id)
        if look is None:
            look = known[cell.style_id] = (bool(cell.font.b), int(cell.alignment.indent or 0))
        bold, raised = _runs(cell.value, look[0])
        style = CellStyle(bold=bold, indent=look[1], raised=raised)
        if style != CellStyle():
            found[row - 1, column - 1] = style
    return found


def _runs(value: Any, bold: bool) -> tuple[bool, str]:
    """Whether the text begins bold, and what of its end is superscript."""
    if isinstance(value, str) or not isinstance(value, list):
        return bold, ""
    runs = [(str(getattr(run, "text", run)), getattr(run, "font", None)) for run in value]
    written = [(text, font) for text, font in runs if text.strip()]
    if written and written[0][1] is not None:
        bold = bool(written[0][1].b)
    raised = ""
    for text, font in reversed(written):
        if font is None or font.vertAlign != "superscript":
            break
        raised = text + raised
    return bold, raised.strip()
