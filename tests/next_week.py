"""The published workbooks as their publishers might send them a week later: other numbers, further rows, other dates.

Nearly all amounts are thrice what they were, so that totals hold where they held; quotients are computed anew.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell import Cell, MergedCell
from openpyxl.worksheet.worksheet import Worksheet

from real_books import READ, number

FACTOR = 3
MOST_DECIMALS = 6
"""A file holds 16 digits of a number."""


def next_week(book: Path, to: Path, name: str) -> list[tuple[Any, ...]]:
    """Write next week's file of the workbook of that name; the rows that stand in it, by the second reading."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = load_workbook(book, data_only=True, rich_text=True)
        CHANGED[name](file.worksheets)
        file.save(to)
    return list(READ[name](file.worksheets))


def thrice(cell: Cell | MergedCell) -> None:
    """Three times the number, with its decimals, a text where it was one."""
    was = number(cell.value)
    if was is None:
        return
    decimals = min(MOST_DECIMALS, len(repr(cell.value).strip("'").partition(".")[2]))
    now = round(was * FACTOR, decimals)
    cell.value = f"{now:.{decimals}f}" if isinstance(cell.value, str) else type(cell.value)(now)


def all_thrice(
    sheet: Worksheet, first_row: int, first_column: int, skip: Callable[[int], bool] = lambda row: False
) -> None:
    for line in sheet.iter_rows(min_row=first_row, min_col=first_column):
        for cell in line:
            if not skip(cell.row):
                thrice(cell)


def line_after(sheet: Worksheet, row: int, values: dict[int, object]) -> None:
    """A further line below one; what stands below moves down where the next line is not free."""
    if any(cell.value is not None for cell in sheet[row + 1]):
        sheet.insert_rows(row + 1)
    for column, value in values.items():
        sheet.cell(row + 1, column, value)


def argentina_case1(sheets: list[Worksheet]) -> None:
    (sheet,) = sheets
    all_thrice(sheet, 2, 2)
    line_after(sheet, 256, {1: dt.datetime(2014, 4, 1), 2: 1561.25, 3: 1.1234, 4: "Provisorio"})


def argentina_case2(sheets: list[Worksheet]) -> None:
    (sheet,) = sheets
    all_thrice(sheet, 5, 4)
    line_after(sheet, 2993, {3: dt.datetime(2014, 4, 11), 4: 24.0044})
    line_after(sheet, 2994, {3: dt.datetime(2014, 4, 14), 4: 24.0071, 6: dt.datetime(2014, 4, 1)})
    line_after(sheet, 2995, {3: dt.datetime(2014, 4, 15), 4: 24.0103, 6: 24.0059})


def argentina_case3(sheets: list[Worksheet]) -> None:
    (sheet,) = sheets
    all_thrice(sheet, 7, 2)
    line_after(sheet, 119, {1: "            2º trim.", 2: 571.2, 3: 421.6})
    for row in range(7, 121):
        exports, imports, terms = (sheet.cell(row, column) for column in (2, 3, 4))
        imports.value = round(imports.value * 0.9, 1)
        terms.value = round(exports.value / imports.value * 100, MOST_DECIMALS)


def cashflows(sheets: list[Worksheet]) -> None:
    (sheet,) = sheets
    sheet["A2"].value = "Year 2"
    all_thrice(sheet, 5, 3)


def school(sheets: list[Worksheet]) -> None:
    results, classrooms, educators = sheets
    all_thrice(results, 2, 2)
    all_thrice(classrooms, 4, 3)
    all_thrice(educators, 7, 2)
    line_after(classrooms, 9, {1: "Statistics", 2: "Grade 12", 3: "7"})


def toronto_transit(sheets: list[Worksheet]) -> None:
    """A further year to the right, with the figures of the one before it."""
    (sheet,) = sheets
    sheet["A4"].value = sheet["A4"].value.replace("1985", "1984")
    sheet["A60"].value = dt.datetime(2018, 1, 25, 9, 12)
    all_thrice(sheet, 7, 3)
    sheet.cell(6, 36, "1984")
    for row in range(7, 56):
        sheet.cell(row, 36, sheet.cell(row, 35).value)


def us_crime_2(sheets: list[Worksheet]) -> None:
    """Changes in per cent stay as they are; both years are a year on."""
    (sheet,) = sheets
    all_thrice(sheet, 6, 3, skip=lambda row: "Percent" in str(sheet.cell(row, 2).value) or row > 203)
    for row in range(1, 204):
        for column in (1, 2):
            cell = sheet.cell(row, column)
            if isinstance(cell.value, int):
                cell.value += 1
            elif row < 4 and isinstance(cell.value, str):
                cell.value = re.sub(r"20\d\d", lambda year: str(int(year[0]) + 1), cell.value)


def vaccinations(sheets: list[Worksheet]) -> None:
    """A further state, as the one above it."""
    sheet = sheets[0]
    all_thrice(sheet, 4, 2)
    last = {cell.column: cell.value for cell in sheet[54]}
    line_after(sheet, 54, {**last, 1: "Guam"})


CHANGED: dict[str, Callable[[list[Worksheet]], None]] = {
    "argentina_case1": argentina_case1,
    "argentina_case2": argentina_case2,
    "argentina_case3": argentina_case3,
    "cashflows": cashflows,
    "school": school,
    "toronto_transit": toronto_transit,
    "us-crime-2": us_crime_2,
    "vaccinations": vaccinations,
}
"""What a week changes in each workbook."""
