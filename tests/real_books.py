"""The published workbooks read a second way: by openpyxl and the names of their columns, with none of our readers.

One function a workbook; each gives the rows of the target in ``tests/programs/written/NAME.prompt.yaml`` as tuples in
the order of its fields. They say what a person sees in these files, and know nothing of programs.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell.rich_text import TextBlock
from openpyxl.worksheet.worksheet import Worksheet

Rows = Iterator[tuple[Any, ...]]


def rows_of(book: Path, name: str) -> list[tuple[Any, ...]]:
    """All rows of a file that is laid out as the workbook of that name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheets = load_workbook(book, data_only=True, rich_text=True).worksheets
    return list(READ[name](sheets))


def words(value: object) -> str:
    return " ".join(str(value).split())


def number(value: object) -> float | None:
    """A number, or a text that is one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return float(value) if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) else None


def argentina_case1(sheets: list[Worksheet]) -> Rows:
    header, *lines = sheets[0].values
    for day, *numbers in lines:
        if isinstance(day, dt.datetime):
            for series, value in zip(header[1:3], numbers, strict=False):
                if value is not None:
                    yield f"{day:%Y-%m-%d}", series, value


def argentina_case2(sheets: list[Worksheet]) -> Rows:
    (sheet,) = sheets
    daily, monthly = words(sheet["D4"].value), words(sheet["F4"].value)
    month = None
    for fecha, rate, _, mean, *_ in sheet.iter_rows(min_row=5, min_col=3, values_only=True):
        if rate is not None:
            yield _day(fecha), daily, rate
        if isinstance(mean, dt.datetime):
            month = mean
        elif mean is not None:
            yield f"{month:%Y-%m-01}", monthly, mean


def _day(fecha: object) -> str:
    """Some days are typed as text, such as 17-12.09: day, month, year."""
    if isinstance(fecha, dt.datetime):
        return f"{fecha:%Y-%m-%d}"
    day, month, year = re.split(r"\D+", str(fecha).strip())
    return f"{int(year) % 100 + 2000}-{int(month):02}-{int(day):02}"


def argentina_case3(sheets: list[Worksheet]) -> Rows:
    lines = list(sheets[0].iter_rows(min_row=4, max_col=4, values_only=True))
    series = [" ".join(words(part) for part in column if part) for column in zip(*lines[:2], strict=True)]
    year = ""
    for label, *numbers in lines[2:]:
        found = re.search(r"([1-4])º trim", str(label))
        if found is None:
            continue
        year = str(label)[:4].strip() or year
        for name, value in zip(series[1:], numbers, strict=True):
            yield f"{year}-{3 * int(found[1]) - 2:02}-01", name, value


def cashflows(sheets: list[Worksheet]) -> Rows:
    """Amounts of the months; totals, and the column of totals, are left out."""
    section = None
    months = [cell.value for cell in sheets[0][4]]
    for heading, item, *cells in sheets[0].iter_rows(min_row=5, values_only=True):
        amounts = dict(zip(months[2:], cells, strict=True))
        if heading is not None and amounts["April"] is None:
            section = words(heading)
        name = words(heading or item)
        if amounts["April"] is None or name.startswith(("Subtotal", "Total Cash")):
            continue
        for month in (month for month in months if month not in {None, "TOTALS"}):
            yield None if heading else section, name, month, amounts[month]


def school(sheets: list[Worksheet]) -> Rows:
    results, classrooms, educators = sheets
    yield from _results(results)
    yield from _crossed(classrooms, headers=3, label=1, group=2)
    yield from _crossed(educators, headers=6, label=1, group=None)


def _results(sheet: Worksheet) -> Rows:
    measures = [cell.value for cell in sheet[1]]
    group = None
    for label, *cells in sheet.iter_rows(min_row=2, values_only=True):
        filled = [(measure, value) for measure, value in zip(measures[1:], cells, strict=True) if value is not None]
        if not filled:
            group = words(label)
        for measure, value in filled:
            yield group, words(label), words(measure), number(value)


def _crossed(sheet: Worksheet, *, headers: int, label: int, group: int | None) -> Rows:
    """A header of several rows with merged cells: all that stands above a column is its measure."""
    over = {
        (row, column): (area.min_row, area.min_col)
        for area in sheet.merged_cells.ranges
        for row, column in ((cell[0], cell[1]) for cell in area.cells)
    }
    for line in sheet.iter_rows(min_row=headers + 1):
        for cell in line:
            value = number(cell.value)
            if value is None:
                continue
            places = dict.fromkeys(over.get((row, cell.column), (row, cell.column)) for row in range(1, headers + 1))
            parts = [words(text) for place in places if (text := sheet.cell(*place).value) is not None]
            yield (
                words(line[label - 1].value),
                words(line[group - 1].value) if group else None,
                " ".join(parts),
                value,
            )


def toronto_transit(sheets: list[Worksheet]) -> Rows:
    """In thousands in the sheet; lines after a sub-total stand outside of its group."""
    (sheet,) = sheets
    years = [int(str(cell.value).strip()[:4]) for cell in sheet[6][2:] if cell.value is not None]
    view = group = None
    for first, label, *cells in sheet.iter_rows(min_row=7, values_only=True):
        if label is None:
            break
        view, name = first or view, words(label)
        if first:
            group = None
        if all(cell is None for cell in cells):
            group = name
        elif name.endswith("TOTAL"):
            group = None
        else:
            for year, value in zip(years, cells, strict=False):
                if number(value) is not None:
                    yield view, group, name, year, round(number(value) * 1000)


def us_crime_2(sheets: list[Worksheet]) -> Rows:
    """Regions are bold, states indented by spaces; Puerto Rico lies in no region."""
    (sheet,) = sheets
    offenses: list[str] = []
    for cell in sheet[4][2:]:
        offenses.append(_plain(cell.value) if cell.value is not None else offenses[-1])
    measures = ["rate" if str(cell.value).startswith("Rate") else "count" for cell in sheet[5][2:]]
    region = division = state = area = None
    for line in sheet.iter_rows(min_row=6):
        label, year, *cells = line
        if label.value is not None and year.value is not None:
            area = _plain(label.value)
            if area == "United States Total" or area == "Puerto Rico":
                region, division, state = None, None, area if area == "Puerto Rico" else None
            elif label.font.b:
                region, division, state = area, None, None
            elif str(label.value).startswith("  "):
                state = area
            else:
                division, state = area, None
        if number(year.value) is None:
            continue
        for offense, measure, cell in zip(offenses, measures, cells, strict=True):
            if number(cell.value) is not None:
                yield region, division, state, area, int(year.value), offense, measure, number(cell.value)


def _plain(value: Any) -> str:
    """A text without what is set as superscript: marks of footnotes."""
    parts = value if isinstance(value, list) else [value]
    raised = (isinstance(part, TextBlock) and part.font.vertAlign == "superscript" for part in parts)
    return words("".join(str(part) for part, up in zip(parts, raised, strict=True) if not up))


def vaccinations(sheets: list[Worksheet]) -> Rows:
    """Six columns a school year; everything is stored as text, and what is not known as NA, NaN or NReq."""
    sheet = sheets[0]
    top, _, header = (list(row) for row in sheet.iter_rows(max_row=3, values_only=True))
    for line in sheet.iter_rows(min_row=4, values_only=True):
        if str(line[0]).startswith(("HP 2020", "Median")):
            continue
        vaccine = None
        for at in range(1, len(header), 6):
            vaccine = top[at] or vaccine
            coverage, _, survey, pupils = line[at : at + 4]
            survey = None if survey in {"NA", "NaN", "NReq"} else words(survey)
            yield line[0], words(vaccine), header[at], number(coverage), survey, number(pupils)


READ = {
    "argentina_case1": argentina_case1,
    "argentina_case2": argentina_case2,
    "argentina_case3": argentina_case3,
    "cashflows": cashflows,
    "school": school,
    "toronto_transit": toronto_transit,
    "us-crime-2": us_crime_2,
    "vaccinations": vaccinations,
}
"""How each workbook is read."""
