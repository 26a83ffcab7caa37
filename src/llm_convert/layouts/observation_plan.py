"""How one table of observations is read: its axes, what its titles say, and which fields it has no room for."""

from __future__ import annotations

from dataclasses import dataclass

from llm_convert.contracts.prompt import OutputField, Prompt, Role
from llm_convert.layouts.blocks import Table
from llm_convert.layouts.claims import Row, Stated
from llm_convert.layouts.grid import Cell
from llm_convert.layouts.headers import header_path
from llm_convert.layouts.matching import canonical
from llm_convert.layouts.observation_axes import Axes, axes_of, header_texts, same_for_all
from llm_convert.layouts.titles import remarked_unit, said_in, stated_unit, stated_year, title_claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one table is read."""

    table: Table
    axes: Axes
    titles: Row
    unit: Stated | None
    year: Stated | None


def plan_of(prompt: Prompt, table: Table, first: Table) -> Plan:
    """What is known about a table before its cells are read; ``first`` is the topmost table of its sheet."""
    grid = table.grid
    above = sorted({*range(min(first.top, table.top)), *range(table.title_top, table.top)})
    said = said_in(grid, above, [header_texts(table, row)[0] for row in same_for_all(table)])
    below = range(table.body[-1] + 1, min(table.body[-1] + 6, grid.height))
    unit = (
        remarked_unit(grid, reversed(table.header)) or stated_unit(grid, reversed(above)) or remarked_unit(grid, below)
    )
    titles = title_claims([field for field in prompt.output.fields if field.role is Role.TITLE], said)
    return Plan(table=table, axes=axes_of(table, prompt.output), titles=titles, unit=unit, year=stated_year(said))


def missing_fields(prompt: Prompt, plan: Plan) -> list[str]:
    """Fields that a table has no room for, or whose closed list none of its headers is in."""
    missing = []
    for field in prompt.output.fields:
        if field.role is Role.HEADER and (field.required or field.values):
            rows = plan.axes.rows.get(field.name, ())
            listed_columns = (
                [listed_header(plan.table, column, field) for column in plan.table.values] if field.values else [rows]
            )
            if not rows or not any(listed_columns):
                missing.append(f"{field.name} (header)")
        elif field.role is Role.LABEL and field.required and not plan.table.labels:
            missing.append(f"{field.name} (label)")
    return missing


def path_of(table: Table, column: int) -> tuple[Cell, ...]:
    """The headers of a value column, top down."""
    return header_path(table.grid, column, rows=table.header, values=table.values)


def listed_header(table: Table, column: int, field: OutputField) -> Cell | None:
    """The header of a value column that is in a field's closed list."""
    return next((cell for cell in path_of(table, column) if canonical(cell.text, field.values) is not None), None)
