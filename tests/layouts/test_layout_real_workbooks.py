"""Published workbooks that nobody here made, read in place where they are at hand."""

from __future__ import annotations

import csv
import time
from functools import cache
from pathlib import Path

import pytest
from layouts_kit import REAL

from llm_convert.contracts.work import Answer
from llm_convert.conversion.grounding import prove
from llm_convert.documents import ReadOptions, read_document
from llm_convert.layouts import answer
from llm_convert.prompts.reading import BUILTIN, read_prompt

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the published workbooks are not at hand")

ANY = read_prompt(Path(BUILTIN) / "any_table.yaml")
TRANSIT, CRIME, VACCINES = "1985-2017 ACTUALS", "16tbl02", "SVV Coverage Trend Data"
MMR = "School Assessment - MMR Vaccination > All kindergartners > "

CELLS = [
    ("cashflows", "Cash Flow 12 mo!E7", "May", "Cash Inflows (Income): > Cash Collections", "4709"),
    ("cashflows", "Cash Flow 12 mo!C14", "April", "Available Cash Balance", "-4407"),
    ("cashflows", "Cash Flow 12 mo!E39", "May", "Other Cash Out Flows: > Capital Purchases", "1958"),
    ("school", "Sheet1!H6", "% Proficient", "Economic Status > Non-Economically Disadvantaged", "0.394366197183"),
    ("school", "Sheet2!J5", "Possible Points by Item Type > OR > %", "Algebra II > Grade 11", "0.239583333333"),
    ("school", "Sheet3!D8", "EDUCATOR EXPERIENCE > Years in MA > % > 3+", "Region", "0.896170212765"),
    ("toronto_transit", f"{TRANSIT}!C8", "2017", "WHO > ADULT > TOKENS", "76106"),
    ("toronto_transit", f"{TRANSIT}!E20", "2015 *", "WHO > ADULT > SUB-TOTAL", "434889"),
    ("toronto_transit", f"{TRANSIT}!AI55", "1985", "WHEN > SYSTEM TOTAL", "432160"),
    ("us-crime-2", f"{CRIME}!E6", "Violent crime3 > Rate per 100,000", "United States Total6, 7, 8, 9 > 2015", "384.6"),
    ("us-crime-2", f"{CRIME}!F18", "Murder and nonnegligent manslaughter", "New England6 > Maine > 2015", "23"),
    ("us-crime-2", f"{CRIME}!E203", "Violent crime3 > Rate per 100,000", "Puerto Rico9 > Percent change", "2"),
    ("vaccinations", f"{VACCINES}!B4", f"{MMR}2009-10", "Alabama", "94.0"),
    ("vaccinations", f"{VACCINES}!D11", f"{MMR}SURVEY TYPE", "Delaware", "Random sample"),
    ("argentina_case1", "Hoja1!C256", "Var. Anual", "2014-03-01", "0.3745765951"),
    (
        "argentina_case2",
        "TCR diario y TCNPM!F38",
        "Tipo de Cambio Nominal Promedio Mensual",
        "2002-04-01",
        "2.855106250000001",
    ),
    ("argentina_case3", "Exportaciones!B8", "Indice de precios de exportación", "1986 1º trim. > 2º trim.", "72.7"),
]


@cache
def found(name: str) -> Answer:
    path = REAL / f"{name}.xlsx"
    document = read_document(path.name, path.read_bytes(), ReadOptions())
    started = time.perf_counter()
    given = answer(ANY, document)
    assert time.perf_counter() - started < 2
    proven, quarantined = prove(given, ANY, document)
    assert not quarantined, quarantined[:3]
    assert len(proven) == len(given.rows) > 0
    return given


@pytest.mark.parametrize(("name", "address", "column", "row", "value"), CELLS)
def test_a_cell_that_was_looked_up_by_hand(name: str, address: str, column: str, row: str, value: str) -> None:
    (cell,) = [cell for cell in found(name).rows if cell["value"].at == (address,)]
    assert {key: cell[key].value for key in ("column_path", "row_path", "value")} == {
        "column_path": column,
        "row_path": row,
        "value": value,
    }


def series(name: str, column: str) -> dict[str, float]:
    rows = (row for row in found(name).rows if "column_path" in row and row["column_path"].value == column)
    return {str(row["row_path"].value): float(str(row["value"].value)) for row in rows}


def expected(file: str, column: int) -> dict[str, float]:
    with (REAL / "expected" / file).open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    return {row[0][:10]: float(row[column]) for row in rows if row[column]}


@pytest.mark.parametrize(
    ("name", "column", "file", "index"),
    [
        ("argentina_case1", "IPC-CqP", "argentina_case1.Hoja1.csv", 1),
        ("argentina_case1", "Var. Anual", "argentina_case1.Hoja1.csv", 2),
        ("argentina_case2", "Tipo de Cambio Nominal Promedio Mensual", "argentina_case2.Hoja2.csv", 1),
    ],
)
def test_whole_series_are_what_another_tool_expects(name: str, column: str, file: str, index: int) -> None:
    ours, theirs = series(name, column), expected(file, index)
    off = {day for day in ours.keys() | theirs.keys() if day not in ours or ours[day] != pytest.approx(theirs.get(day))}
    # The expected file says 2014-03-02 for a cell that says 2014-03-01.
    assert off <= ({"2014-03-01", "2014-03-02"} if name == "argentina_case2" else set())
    assert len(ours) > 80


def test_quarters_come_in_their_order() -> None:
    column = "Indice de términos del intercambio"
    assert list(series("argentina_case3", column).values()) == pytest.approx(
        list(expected("argentina_case3.Hoja1.csv", 3).values())
    )


def test_every_total_of_the_transit_sheet_is_the_sum_of_its_group() -> None:
    parts: dict[tuple[str, str], float] = {}
    totals: dict[tuple[str, str], float] = {}
    for row in found("toronto_transit").rows:
        group, _, label = str(row["row_path"].value).rpartition(" > ")
        key = (group, str(row["column_path"].value))
        if label == "SUB-TOTAL":
            totals[key] = float(str(row["value"].value))
        elif label != "SYSTEM TOTAL":
            parts[key] = parts.get(key, 0.0) + float(str(row["value"].value))
    assert len(totals) == 5 * 33
    assert all(parts[key] == total for key, total in totals.items())


def test_the_notes_of_a_workbook_are_no_table() -> None:
    assert {row["sheet"].value for row in found("vaccinations").rows} == {VACCINES}
