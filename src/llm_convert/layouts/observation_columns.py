"""The value columns of a table of observations: which are wanted, and what their headers say."""

from __future__ import annotations

from dataclasses import dataclass

from llm_convert.contracts.prompt import OutputField, Prompt, Role
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Claimed
from llm_convert.layouts.blocks import Table
from llm_convert.layouts.claims import NUMERIC, Row, Stated, claim, joined
from llm_convert.layouts.grid import Cell, Grid, Kind
from llm_convert.layouts.observation_plan import Plan, listed_header, path_of
from llm_convert.layouts.totals import Fate, Rules
from llm_convert.layouts.units import units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueColumn:
    """A value column that is wanted, and what its headers say."""

    column: int
    headers: Row
    unit: Stated | None


def value_column(prompt: Prompt, plan: Plan, value: OutputField, rules: Rules, number: int) -> ValueColumn | None:
    """What a value column says; None when it is left out."""
    table = plan.table
    path = path_of(table, number)
    fields = [field for field in prompt.output.fields if field.role is Role.HEADER]
    names = frozenset(field.name for field in fields)
    fate = rules.fate((cell.text for cell in path), names)
    if fate is Fate.LEFT_OUT or not _holds(table, number, value):
        return None
    headers: Row = {}
    if fate is Fate.STATED_TOTAL:
        total, name = next((c, name) for c in path if (name := rules.label_field(c.text, names)) is not None)
        headers[name] = Claimed(value=total.text, at=(table.grid.address(total),))
    for field in fields:
        claimed = None if field.name in headers else _header(plan, field, number)
        if claimed is not None:
            headers[field.name] = claimed
        elif field.values and field.name not in headers:
            return None
    return ValueColumn(
        column=number, headers=headers, unit=units_of(table.grid, [value], {value.name: path}, plan.unit)[value.name]
    )


def _holds(table: Table, column: int, value: OutputField) -> bool:
    """Whether a column holds such values at all: a column of remarks has no numbers."""
    if value.type not in NUMERIC:
        return True
    cells = [
        cell
        for row in table.body
        if (cell := table.grid.cell(row, column)) is not None and cell.kind is not Kind.MISSING
    ]
    return 2 * sum(cell.kind in {Kind.NUMBER, Kind.PERIOD} for cell in cells) >= len(cells) > 0


def _header(plan: Plan, field: OutputField, column: int) -> Claimed | None:
    table, rows = plan.table, plan.axes.rows.get(field.name, ())
    if field.values:
        cell = listed_header(table, column, field)
        return None if cell is None else claim(table.grid, cell, field, year=plan.year)
    path = path_of(table, column)
    cells = [cell for cell in path if any(_covers(table.grid, cell, row) for row in rows)]
    if len(cells) > 1 and field.type is FieldType.TEXT:
        return joined(table.grid, cells)
    return claim(table.grid, cells[-1], field, year=plan.year) if cells else None


def _covers(grid: Grid, cell: Cell, row: int) -> bool:
    area = grid.area(cell.row, cell.column)
    return cell.row == row or (area is not None and area.top <= row <= area.bottom)
