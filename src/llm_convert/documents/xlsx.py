"""Workbooks of Excel 2007 and later (.xlsx, .xlsm)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from llm_convert.contracts.document import Sheet
from llm_convert.contracts.work import WorkItemError
from llm_convert.documents import xlsx_details, xlsx_styles
from llm_convert.documents.archive import Archive
from llm_convert.documents.extent import Extent
from llm_convert.documents.options import INFLATION, Contents, ReadOptions, too_many_cells
from llm_convert.documents.workbook import Grid, read_sheets
from llm_convert.documents.xlsx_scan import extents, sheet_members

_SPARSE_CELLS = 500_000
"""Cells that are read one by one where they lie far apart: each costs some 300 bytes and 10 microseconds."""
_DETAILED_CELLS = 1_000_000
_DETAILED_RANGES = 10_000
"""Merged ranges of one sheet from which on openpyxl, which compares each with all others, takes more than a second."""


def read(name: str, data: bytes, options: ReadOptions) -> Contents:  # noqa: ARG001 - every format's module has this form
    """One Sheet for each visible sheet with values; formulas, hidden rows and styles only where asked for."""
    archive = Archive(data, options.max_bytes * INFLATION)
    found = extents(archive, options.max_cells)
    members = sheet_members(archive)
    for member, extent in found.items():
        if member not in members and extent.box > options.max_cells:
            raise too_many_cells("a table of the workbook", extent.box, options.max_cells)
    # openpyxl makes an object of each cell, those under a merged range among them.
    cells = sum(extent.cells + extent.merged for extent in found.values())
    ranges = max((extent.ranges for extent in found.values()), default=0)

    def sparse(index: int, extent: Extent) -> Grid:
        if cells > _SPARSE_CELLS or ranges > _DETAILED_RANGES:
            raise too_many_cells(f"sheet {index + 1}", extent.box, options.max_cells)
        return xlsx_details.sparse_grid(data, index, options.max_cells)

    contents = read_sheets(data, options, [found.get(member, Extent()) for member in members], sparse)
    too_much = f"{cells:,} cells" if cells > _DETAILED_CELLS else ""
    if ranges > _DETAILED_RANGES:
        too_much = f"{ranges:,} merged ranges on one sheet"
    if options.details:
        contents = _completed(data, contents, too_much, "formulas and hidden rows", _detailed)
    if options.styles:
        contents = _completed(data, contents, too_much, "fonts and indentation", _styled)
    return contents


def _completed(
    data: bytes, contents: Contents, too_much: str, what: str, read: Callable[[bytes, list[Sheet]], list[Sheet]]
) -> Contents:
    """The contents with what a second reader tells; without it, and with a note, where that fails."""
    if too_much:
        return _with_note(contents, f"{what} were not read: the workbook has {too_much}")
    try:
        sheets = read(data, [part for part in contents.parts if isinstance(part, Sheet)])
    except WorkItemError:
        raise
    except Exception as error:  # noqa: BLE001 - the values are there already: a second reader's fault loses details alone
        return _with_note(contents, f"{what} could not be read ({type(error).__name__})")
    return Contents(parts=tuple(sheets), notes=contents.notes)


def _detailed(data: bytes, sheets: list[Sheet]) -> list[Sheet]:
    found = xlsx_details.details(data)
    return [xlsx_details.completed(sheet, found) for sheet in sheets]


def _styled(data: bytes, sheets: list[Sheet]) -> list[Sheet]:
    found = xlsx_styles.styles(data)
    return [replace(sheet, styles=found.get(sheet.name, {})) for sheet in sheets]


def _with_note(contents: Contents, note: str) -> Contents:
    return Contents(parts=contents.parts, notes=(*contents.notes, note))
