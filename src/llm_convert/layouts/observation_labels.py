"""The labels and sections of a row of observations."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.prompt import OutputField, Prompt, Role
from llm_convert.contracts.work import Claimed
from llm_convert.layouts.claims import Row, claim
from llm_convert.layouts.grid import Cell
from llm_convert.layouts.observation_plan import Plan
from llm_convert.layouts.outline import Line
from llm_convert.layouts.totals import Fate, Rules


def row_labels(prompt: Prompt, plan: Plan, rules: Rules, line: Line) -> Row | None:
    """The labels and sections of a row; None when the row is left out."""
    fields = {field.name: field for field in prompt.output.fields if field.role in {Role.LABEL, Role.SECTION}}
    own = list(dict.fromkeys(line.own.values()))
    fate = rules.fate((cell.text for cell in own), fields)
    if fate is Fate.LEFT_OUT:
        return None
    cells = _label_cells(plan, line, [field for field in fields.values() if field.role is Role.LABEL])
    cells |= _section_cells(plan, line, [field for field in fields.values() if field.role is Role.SECTION], cells)
    grid = plan.table.grid
    row = {
        name: claimed for name, cell in cells.items() if (claimed := claim(grid, cell, fields[name], year=plan.year))
    }
    if fate is Fate.STATED_TOTAL:
        total, name = next((c, name) for c in own if (name := rules.label_field(c.text, fields)) is not None)
        for group in rules.groups(name):
            if cells.get(group) == total:
                del row[group]
        row[name] = Claimed(value=total.text, at=(grid.address(total),))
    return row


def _label_cells(plan: Plan, line: Line, fields: Sequence[OutputField]) -> dict[str, Cell]:
    """The label fields' cells. The last field takes the row's last label when its own column is blank."""
    grid = plan.table.grid
    cells = {
        field.name: cell
        for field in fields
        if (column := plan.axes.columns.get(field.name)) is not None
        and (cell := grid.seen(line.row, column)) is not None
    }
    left = [cell for cell in line.own.values() if cell not in cells.values()]
    if fields and fields[-1].name not in cells and left:
        cells[fields[-1].name] = left[-1]
    return cells


def _section_cells(plan: Plan, line: Line, fields: Sequence[OutputField], labels: dict[str, Cell]) -> dict[str, Cell]:
    """The section fields' cells: in their column, where blank means as above, else from the headings above."""
    cells: dict[str, Cell] = {}
    headings = [cell for cell in line.above if cell not in labels.values()]
    for field in reversed(fields):
        column = plan.axes.columns.get(field.name)
        standing = None if column is None else plan.table.grid.seen(line.row, column)
        if standing is not None and standing not in labels.values():
            cells[field.name] = standing
        elif standing is None and headings:
            same = [cell for cell in headings if column is None or cell.column == column]
            if same:
                cells[field.name] = same[-1]
                headings.remove(same[-1])
    return cells
