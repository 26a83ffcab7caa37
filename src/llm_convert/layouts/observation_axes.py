"""Which header row and which label column of a table serves which field of an observation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from llm_convert.contracts.prompt import OutputField, OutputSchema, Role, folded
from llm_convert.contracts.tables import FieldType
from llm_convert.layouts.blocks import Table
from llm_convert.layouts.grid import Cell, Kind
from llm_convert.layouts.headers import header_cell, header_path
from llm_convert.layouts.matching import canonical, level_of, names_of, without_unit
from llm_convert.readings import find_dates

_DATES = frozenset({FieldType.DATE, FieldType.DATETIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The header rows and the label columns of each field, and how many of them something but their order told."""

    rows: dict[str, tuple[int, ...]]
    """By header field; more than one where the rest of the rows is left to the last field."""
    columns: dict[str, int]
    """By label or section field."""
    evidence: int


def axes_of(table: Table, schema: OutputSchema) -> Axes:
    """Tell header rows and label columns by closed lists, dates and names, and what is left by its order."""
    rows, by_rows = _header_rows(table, [field for field in schema.fields if field.role is Role.HEADER])
    labels = [field for field in schema.fields if field.role is Role.LABEL]
    sections = [field for field in schema.fields if field.role is Role.SECTION]
    columns, by_columns = _told(table.labels, [*labels, *sections], _column_tests(table))
    left = [column for column in table.labels if column not in columns.values()]
    for fields in (labels, sections):
        # Labels stand next to the figures, their groups further left.
        for field in reversed([field for field in fields if field.name not in columns]):
            if left:
                columns[field.name] = left.pop()
    return Axes(rows=rows, columns=columns, evidence=by_rows + by_columns)


def header_texts(table: Table, row: int) -> list[Cell]:
    """The headers of one row over the values."""
    cells = (header_cell(table.grid, row, column, rows=table.header, values=table.values) for column in table.values)
    return [cell for cell in cells if cell is not None]


def same_for_all(table: Table) -> list[int]:
    """Header rows that say one thing over all values."""
    if len(table.values) < 2:
        return []
    return [
        row for row in table.header if len(set(header_texts(table, row))) == 1 and len(header_texts(table, row)) > 1
    ]


Test = Callable[[OutputField, int], int]


def _told(places: Iterable[int], fields: Sequence[OutputField], tests: Sequence[Test]) -> tuple[dict[str, int], int]:
    """Fields whose place some test tells, each place once."""
    places = list(places)
    found: dict[str, int] = {}
    for test in tests:
        for field in fields:
            scores = {place: test(field, place) for place in places if place not in found.values()}
            best = max(scores, key=lambda place: scores[place], default=None)
            if field.name not in found and best is not None and scores[best] > 0:
                found[field.name] = best
    return found, len(found)


def _header_rows(table: Table, fields: Sequence[OutputField]) -> tuple[dict[str, tuple[int, ...]], int]:
    rows = [row for row in table.header if any(folded(without_unit(cell.text)) for cell in header_texts(table, row))]
    told, evidence = _told(rows, fields, _row_tests(table))
    found: dict[str, tuple[int, ...]] = {name: (row,) for name, row in told.items()}
    left = [row for row in rows if row not in told.values()]
    # One header over all values tells none of them apart: it is a title, unless no field would be left with a row.
    alike = [row for row in same_for_all(table) if row in left]
    left = [row for row in left if row not in alike] if len(left) - len(alike) >= len(fields) - len(found) else left
    rest = [field for field in fields if field.name not in found]
    for index, field in enumerate(rest):
        if not left:
            break
        last = index == len(rest) - 1 and field.type is FieldType.TEXT and not field.values
        found[field.name] = tuple(left) if last else (left[0],)
        left = [] if last else left[1:]
    return found, evidence


def _row_tests(table: Table) -> tuple[Test, ...]:
    def by_values(field: OutputField, row: int) -> int:
        return (
            sum(canonical(cell.text, field.values) is not None for cell in header_texts(table, row))
            if field.values
            else 0
        )

    def by_dates(field: OutputField, row: int) -> int:
        return sum(_is_day(cell) for cell in header_texts(table, row)) if field.type in _DATES else 0

    def by_stub(field: OutputField, row: int) -> int:
        stub = [cell.text for column in table.labels if (cell := table.grid.cell(row, column)) is not None]
        return max((level_of((text,), names_of(field)) for text in stub), default=0)

    return by_values, by_dates, by_stub


def _is_day(cell: Cell) -> bool:
    # Any leap year serves: the question is whether it is a day, not which.
    return cell.kind is Kind.DATE or (isinstance(cell.value, str) and bool(find_dates(cell.text, year=2024)))


def _column_tests(table: Table) -> tuple[Test, ...]:
    def cells(column: int) -> list[Cell]:
        return [cell for row in table.body if (cell := table.grid.cell(row, column)) is not None]

    def by_stub(field: OutputField, column: int) -> int:
        path = header_path(table.grid, column, rows=table.header, values=table.values)
        return level_of(tuple([cell.text for cell in path]), names_of(field))

    def by_values(field: OutputField, column: int) -> int:
        return sum(canonical(cell.text, field.values) is not None for cell in cells(column)) if field.values else 0

    def by_dates(field: OutputField, column: int) -> int:
        return sum(cell.kind is Kind.DATE for cell in cells(column)) if field.type in _DATES else 0

    return by_stub, by_values, by_dates
