"""Where a value that does not stand at its address stands instead: for whoever mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llm_convert.contracts.document import (
    AddressError,
    CellValue,
    Document,
    Sheet,
    TextPage,
    parse_cell_reference,
)
from llm_convert.errors import LlmConvertError

_REACH = 30
"""Cells and lines to each side that are looked at: an answer may hold ten thousand wrong values."""


def nearest_place(address: str, document: Document, fits: Callable[[CellValue], bool]) -> str:
    """The nearest cell of the same row or column, or the nearest line, that fits; empty where none does.

    Args:
        address: of a place that does not fit.
        fits: whether what stands somewhere is what was meant; may raise for what it can't read.
    """
    name, _, reference = address.rpartition("!")
    try:
        part = document.part(name)
        if isinstance(part, TextPage):
            near = _lines(part, reference)
        elif isinstance(part, Sheet) and reference.strip() != "name":
            near = _cells(part, reference)
        else:
            return ""
        return next((place for place, value in near if value is not None and _fits(fits, value)), "")
    except AddressError:
        return ""


def _fits(fits: Callable[[CellValue], bool], value: CellValue) -> bool:
    try:
        return fits(value)
    except (LlmConvertError, ValueError):
        return False


def _cells(sheet: Sheet, reference: str) -> Iterator[tuple[str, CellValue]]:
    row, column = parse_cell_reference(reference)
    for step in range(1, _REACH + 1):
        for down, right in ((0, -step), (0, step), (-step, 0), (step, 0)):
            at = row + down, column + right
            if min(at) >= 0:
                yield sheet.address(*at), sheet.value(*at)


def _lines(page: TextPage, reference: str) -> Iterator[tuple[str, CellValue]]:
    cited = int(reference.strip().rpartition(" ")[2]) - 1
    for step in range(1, _REACH + 1):
        for at in (cited - step, cited + step):
            if 0 <= at < len(page.lines):
                yield page.address(at), page.lines[at]
