"""Sheets by calamine: values where they stand, merged ranges, hidden sheets left out unless asked for.

Used by ``xlsx`` and ``xls``, which know how far each sheet reaches before calamine may touch it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import TYPE_CHECKING
from unicodedata import normalize

from llm_convert.contracts.document import CellRange, CellValue, Sheet, Visibility
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.extent import Extent
from llm_convert.documents.options import Contents, ReadOptions, listed, too_many_cells
from llm_convert.errors import MissingExtraError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook, SheetMetadata

_EXACT = 2**53
Rows = list[tuple[CellValue, ...]]
Grid = tuple[Rows, tuple[CellRange, ...]]
"""A sheet's rows and merged ranges."""
Sparse = Callable[[int, Extent], Grid]
"""Reads the sheet of an index cell by cell, for sheets whose few cells lie far apart."""


@dataclass(slots=True)
class _LeftOut:
    hidden: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        said = (("hidden", self.hidden), ("empty", self.empty), ("chart or macro", self.other))
        return tuple(f"left out {what} sheets: {listed(names)}" for what, names in said if names)


def read_sheets(data: bytes, options: ReadOptions, extents: Sequence[Extent], sparse: Sparse | None = None) -> Contents:
    """The sheets of a workbook.

    Args:
        data: the workbook.
        options: whether hidden sheets are read, and how many cells at most.
        extents: how far each sheet reaches, in the workbook's order.
        sparse: reads a sheet whose rectangle has more cells than are allowed; where there is none, no sheet may be so.

    Raises:
        WorkItemError: EMPTY_DOCUMENT when no sheet that is read holds a value, TOO_LARGE for too many cells.
    """
    book = _load(data)
    widest = max((extent.box for extent in extents), default=0)
    if widest > options.max_cells and (sparse is None or len(extents) != len(book.sheets_metadata)):
        # Where it is not certain which sheet is the far one, none may be touched.
        raise too_many_cells("a sheet of the workbook", widest, options.max_cells)
    left_out = _LeftOut()
    sheets: list[Sheet] = []
    room = options.max_cells
    for index, meta, visibility in _chosen(book, options, left_out):
        extent = extents[index] if index < len(extents) else Extent()
        far = extent.box > options.max_cells
        rows, merged = sparse(index, extent) if sparse and far else _dense(book.get_sheet_by_index(index), extent)
        room -= sum(map(len, rows))
        if room < 0:
            raise too_many_cells(f"the workbook up to sheet {meta.name!r}", options.max_cells - room, options.max_cells)
        if rows:
            name = normalize("NFC", meta.name)
            sheets.append(Sheet(name=name, rows=tuple(rows), merged=merged, visibility=visibility))
        else:
            left_out.empty.append(meta.name)
    if not sheets:
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "; ".join(("no sheet holds a value", *left_out.notes())))
    return Contents(parts=tuple(sheets), notes=left_out.notes())


def _chosen(
    book: CalamineWorkbook, options: ReadOptions, left_out: _LeftOut
) -> Iterator[tuple[int, SheetMetadata, Visibility]]:
    """The sheets to read, by their index in the workbook; the others are noted."""
    for index, meta in enumerate(book.sheets_metadata):
        visibility = _visibility(meta)
        if not _has_cells(meta):
            left_out.other.append(meta.name)
        elif visibility is Visibility.VISIBLE or options.include_hidden_sheets:
            yield index, meta, visibility
        else:
            left_out.hidden.append(meta.name)


def cell_value(value: CellValue) -> CellValue:
    """A value as the contract has it: empty texts are None, whole numbers int, midnights dates."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, datetime) and value.time() == time():
        return value.date()
    return value


def trimmed(row: Iterable[CellValue], left: int = 0) -> tuple[CellValue, ...]:
    """A row without the empty cells at its end, after this many empty ones."""
    values = [cell_value(value) for value in row]
    while values and values[-1] is None:
        values.pop()
    return (None,) * left + tuple(values) if values else ()


def place_errors(rows: Rows, errors: dict[tuple[int, int], str]) -> None:
    """Write the texts of error cells where the reader left nothing."""
    for (row, column), text in sorted(errors.items()):
        rows.extend(() for _ in range(row + 1 - len(rows)))
        values = list(rows[row]) + [None] * (column + 1 - len(rows[row]))
        if values[column] is None:
            values[column] = text
            rows[row] = tuple(values)


def _load(data: bytes) -> CalamineWorkbook:
    try:
        from python_calamine import PasswordError, load_workbook
    except ImportError:
        raise MissingExtraError("python-calamine", "documents") from None
    try:
        return load_workbook(io.BytesIO(data))
    except PasswordError:
        raise WorkItemError(Cause.PASSWORD_PROTECTED, "the workbook has a password") from None


def _dense(sheet: CalamineSheet, extent: Extent) -> Grid:
    rows: Rows = []
    if sheet.start is not None:
        top, left = sheet.start
        rows = [()] * top
        rows.extend(trimmed(row, left) for row in sheet.to_python(skip_empty_area=True))
    place_errors(rows, extent.errors)
    while rows and not rows[-1]:
        rows.pop()
    return rows, tuple(CellRange(*first, *last) for first, last in sheet.merged_cell_ranges or ())


def _visibility(meta: SheetMetadata) -> Visibility:
    from python_calamine import SheetVisibleEnum

    if meta.visible == SheetVisibleEnum.Visible:
        return Visibility.VISIBLE
    return Visibility.HIDDEN if meta.visible == SheetVisibleEnum.Hidden else Visibility.VERY_HIDDEN


def _has_cells(meta: SheetMetadata) -> bool:
    from python_calamine import SheetTypeEnum

    return meta.typ == SheetTypeEnum.WorkSheet
