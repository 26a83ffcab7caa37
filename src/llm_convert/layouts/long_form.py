"""Every table in one fixed long form: a row for each filled cell, with the paths of its headers and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Claimed
from llm_convert.layouts.blocks import Table, find_tables
from llm_convert.layouts.claims import Row, joined
from llm_convert.layouts.grid import Grid
from llm_convert.layouts.headers import header_path
from llm_convert.layouts.outline import outline
from llm_convert.readings import read


def long_form(prompt: Prompt, grids: Sequence[Grid]) -> list[Row]:
    """The rows of the ``any_table`` layout; of its five fields those that the prompt declares."""
    wanted = {field.name for field in prompt.output.fields}
    return [
        {name: claim for name, claim in row.items() if name in wanted}
        for grid in grids
        for number, table in enumerate(find_tables(grid), 1)
        for row in _rows(table, number)
    ]


def _rows(table: Table, number: int) -> Iterator[Row]:
    grid = table.grid
    place = {"sheet": Claimed(value=grid.name), "table_number": Claimed(value=number)}
    headers = {
        column: joined(grid, header_path(grid, column, rows=table.header, values=table.values))
        for column in table.values
    }
    for line in outline(table):
        label = joined(grid, line.path)
        for column in table.values:
            cell = grid.cell(line.row, column)
            value = None if cell is None else read(cell.value, FieldType.TEXT)
            if cell is None or value is None:
                continue
            row = {**place, "value": Claimed(value=value, at=(grid.address(cell),))}
            header = None if line.row in grid.unclear else headers[column]
            yield row | ({"column_path": header} if header else {}) | ({"row_path": label} if label else {})
