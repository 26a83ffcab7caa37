"""Workbooks of Excel 97 to 2003 (.xls)."""

from __future__ import annotations

from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents import ole
from llm_convert.documents.options import Contents, ReadOptions, too_many_cells
from llm_convert.documents.workbook import read_sheets


def read(name: str, data: bytes, options: ReadOptions) -> Contents:  # noqa: ARG001 - every format's module has this form
    """One Sheet for each visible sheet with values.

    Raises:
        WorkItemError: PASSWORD_PROTECTED when its records are encrypted.
    """
    stream = ole.workbook_stream(data)
    if ole.has_password(stream):
        raise WorkItemError(Cause.PASSWORD_PROTECTED, "the workbook has a password")

    extents = ole.extents(stream)
    # calamine reads every sheet when it opens the workbook, hidden ones too.
    cells = sum(extent.box for extent in extents)
    if cells > options.max_cells:
        raise too_many_cells("the workbook", cells, options.max_cells)
    contents = read_sheets(data, options, extents)
    if not options.details:
        return contents
    return Contents(parts=contents.parts, notes=(*contents.notes, "formulas and hidden rows are read from .xlsx alone"))
