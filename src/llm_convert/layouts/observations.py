"""Tables of observations: one answer row for each filled value cell, with its headers, labels and section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from llm_convert.contracts.prompt import OutputField, Prompt, Role
from llm_convert.layouts.blocks import find_tables
from llm_convert.layouts.claims import Row, claim
from llm_convert.layouts.found import Ambiguous, Found, listed
from llm_convert.layouts.grid import Grid
from llm_convert.layouts.observation_columns import ValueColumn, value_column
from llm_convert.layouts.observation_labels import row_labels
from llm_convert.layouts.observation_plan import Plan, missing_fields, plan_of
from llm_convert.layouts.outline import Line, outline
from llm_convert.layouts.totals import Rules


def observations(prompt: Prompt, grids: Sequence[Grid]) -> Found:
    """The observations of all tables that show the prompt's fields; if none shows any, of all with room for them."""
    found = Found()
    plans = []
    for grid in grids:
        tables = find_tables(grid)
        for table in tables:
            plan = plan_of(prompt, table, tables[0])
            missing = missing_fields(prompt, plan)
            if missing:
                headers = [cell.text for row in table.header for cell in grid.standing(row)]
                found.misses.append(f"{grid.name}: headers found: {listed(headers)}; not found: {listed(missing)}")
            else:
                plans.append(plan)
    shown = [plan for plan in plans if plan.axes.evidence] or plans
    for plan in shown:
        try:
            found.add(_read(prompt, plan))
        except Ambiguous as question:
            found.questions.append(str(question))
    return found


def _read(prompt: Prompt, plan: Plan) -> Found:
    rules, found = Rules(prompt), Found()
    value = next(field for field in prompt.output.fields if field.role is Role.VALUE)
    columns = [
        column
        for number in plan.table.values
        if (column := value_column(prompt, plan, value, rules, number)) is not None
    ]
    for line in outline(plan.table):
        labels = row_labels(prompt, plan, rules, line)
        if labels is None:
            continue
        if line.row in plan.table.grid.unclear:
            place = plan.table.grid.address(plan.table.grid.standing(line.row)[0])
            raise Ambiguous(f"{place} leaves some columns blank and its pieces don't line up: which ones?")
        found.rows += _observed(plan, value, columns, line, labels)
    if not found.rows:
        found.misses.append(f"{plan.table.grid.name}: a table without a filled cell for {value.name}")
    return found


def _observed(plan: Plan, value: OutputField, columns: Iterable[ValueColumn], line: Line, labels: Row) -> Iterator[Row]:
    for column in columns:
        cell = plan.table.grid.cell(line.row, column.column)
        claimed = None if cell is None else claim(plan.table.grid, cell, value, unit=column.unit, year=plan.year)
        if claimed is not None:
            yield {**plan.titles, **labels, **column.headers, value.name: claimed}
