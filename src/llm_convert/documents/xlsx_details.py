"""A second reading of an .xlsx by openpyxl: formulas, hidden rows, and sheets whose few cells lie far apart.

openpyxl is ten times slower than calamine, so nothing comes here unless it is asked for or calamine can't do it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import normalize

from llm_convert.contracts.document import CellRange, Sheet, cell_reference
from llm_convert.documents.extent import MAX_COLUMNS, MAX_ROWS
from llm_convert.documents.options import too_many_cells
from llm_convert.documents.workbook import Grid, Rows, cell_value
from llm_convert.errors import MissingExtraError


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What calamine does not tell of a sheet."""

    formulas: Mapping[str, str]
    hidden_rows: frozenset[int]


def details(data: bytes) -> dict[str, Details]:
    """Formulas and hidden rows by sheet name. Raises whatever openpyxl raises."""
    book = _load(data, data_only=False)
    return {normalize("NFC", sheet.title): _details(sheet) for sheet in book.worksheets}


def completed(sheet: Sheet, found: Mapping[str, Details]) -> Sheet:
    """The sheet with its details, as far as there are any."""
    known = found.get(sheet.name)
    return replace(sheet, formulas=known.formulas, hidden_rows=known.hidden_rows) if known else sheet


def sparse_grid(data: bytes, index: int, max_cells: int) -> Grid:
    """The rows and merged ranges of one sheet, the rows allocated only as far as each reaches.

    Raises:
        WorkItemError: TOO_LARGE when even so they would take more cells than allowed.
    """
    book = _load(data, data_only=True)
    title = book.sheetnames[index]
    filled = {(row, column): value for row, column, value in _cells(book[title]) if value is not None and value != ""}
    if not filled:
        return [], ()
    merged = tuple(
        CellRange(r.min_row - 1, r.min_col - 1, r.max_row - 1, r.max_col - 1) for r in book[title].merged_cells.ranges
    )
    return _spread(filled, title, max_cells), merged


def _spread(filled: Mapping[tuple[int, int], Any], title: str, max_cells: int) -> Rows:
    last: dict[int, int] = {}
    for row, column in filled:
        last[row] = max(column, last.get(row, 0))
    rows_needed, cells_needed = max(last) + 1, sum(last.values()) + len(last)
    if rows_needed > MAX_ROWS or max(last.values()) >= MAX_COLUMNS or cells_needed > max_cells:
        raise too_many_cells(f"sheet {title!r}", max(cells_needed, rows_needed), max_cells)
    rows: Rows = [()] * rows_needed
    for row, column in last.items():
        rows[row] = tuple(cell_value(filled.get((row, at))) for at in range(column + 1))
    return rows


def _load(data: bytes, *, data_only: bool) -> Any:
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise MissingExtraError("openpyxl", "documents") from None
    with warnings.catch_warnings():
        # It warns of every extension that it would lose on saving; nothing is saved here.
        warnings.simplefilter("ignore")
        return load_workbook(io.BytesIO(data), data_only=data_only, keep_links=False)


def _details(sheet: Any) -> Details:
    formulas = {}
    for row, column, value in _cells(sheet, formulas=True):
        text = value if isinstance(value, str) else getattr(value, "text", None)
        if text:
            formulas[cell_reference(row, column)] = text
    hidden = frozenset(number - 1 for number, row in sheet.row_dimensions.items() if row.hidden)
    return Details(formulas=formulas, hidden_rows=hidden)


def _cells(sheet: Any, *, formulas: bool = False) -> Iterator[tuple[int, int, Any]]:
    """Row and column from 0, and value. ``iter_rows`` would create every cell of the rectangle; this does not."""
    for (row, column), cell in sorted(sheet._cells.items()):
        if not formulas or cell.data_type == "f":
            yield row - 1, column - 1, cell.value
