"""Tables of records: one answer row for each row of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_convert.contracts.prompt import OutputField, Prompt, Role
from llm_convert.layouts.claims import Row
from llm_convert.layouts.found import Ambiguous, Found, listed
from llm_convert.layouts.grid import Grid
from llm_convert.layouts.record_body import Body
from llm_convert.layouts.record_columns import Mapping, mappings
from llm_convert.layouts.record_headers import (
    HeaderBlock,
    column_fields,
    find_headers,
    must_have_column,
    nearest_header,
)
from llm_convert.layouts.record_rows import read_rows
from llm_convert.layouts.titles import remarked_unit, said_in, stated_unit, stated_year, title_claims
from llm_convert.layouts.totals import Rules

_BELOW = 10
"""Last lines of a table in which a note may state the unit."""


def records(prompt: Prompt, grids: Sequence[Grid]) -> Found:
    """The records of all tables that name enough of a prompt's fields: at least half as many as the best one does."""
    fields = prompt.output.fields
    blocks = {grid: find_headers(grid, fields) for grid in grids}
    most = max((len(block.columns) for found in blocks.values() for block in found), default=0)
    found = Found()
    for grid, headers in blocks.items():
        enough = [block for block in headers if 2 * len(block.columns) >= most]
        if enough:
            _read_grid(prompt, grid, enough, found)
        else:
            found.misses += _miss(grid, fields)
    return found


def _read_grid(prompt: Prompt, grid: Grid, blocks: Sequence[HeaderBlock], found: Found) -> None:
    fields, rules = prompt.output.fields, Rules(prompt)
    for index, block in enumerate(blocks):
        end = blocks[index + 1].top if index + 1 < len(blocks) else grid.height
        start = blocks[index - 1].bottom + 1 if index else 0
        try:
            for mapping in mappings(grid, block, fields, end):
                body = _body(grid, block, mapping, fields, rules, start=start, end=end, first=blocks[0])
                found.rows += read_rows(body)
        except Ambiguous as question:
            found.questions.append(str(question))


def _body(
    grid: Grid,
    block: HeaderBlock,
    mapping: Mapping,
    fields: Sequence[OutputField],
    rules: Rules,
    *,
    start: int,
    end: int,
    first: HeaderBlock,
) -> Body:
    """All that reading the rows of one table needs."""
    above = list(_title_rows(grid, start, block.top, first))
    said = said_in(grid, above)
    unit = (
        remarked_unit(grid, range(block.bottom, block.top - 1, -1))
        or stated_unit(grid, reversed(above))
        or remarked_unit(grid, range(max(block.bottom + 1, end - _BELOW), end))
    )
    titles: Row = title_claims([field for field in fields if field.role is Role.TITLE], said)
    return Body(
        grid=grid,
        block=block,
        mapping=mapping,
        fields=column_fields(fields),
        rules=rules,
        end=end,
        titles=titles,
        unit=unit,
        year=stated_year(said),
        repeated=first is not block,
    )


def _title_rows(grid: Grid, start: int, top: int, first: HeaderBlock) -> Iterator[int]:
    """The lines above a table: of the sheet's head, and what stands directly above this one."""
    yield from range(0, min(first.top, top))
    if top > first.top:
        row = top - 1
        while row >= start and 0 < len(grid.standing(row)) <= 2:
            row -= 1
        yield from range(row + 1, top)


def _miss(grid: Grid, fields: Sequence[OutputField]) -> list[str]:
    """What a grid has instead of the wanted headers; nothing where it has no rows side by side."""
    block = nearest_header(grid, fields)
    if block is None:
        row = next((row for row in range(grid.height) if len(grid.standing(row)) >= 2), None)
        if row is None:
            return []
        headers = [cell.text for cell in grid.standing(row)]
    else:
        headers = [cell.text for row in range(block.top, block.bottom + 1) for cell in grid.standing(row)]
    columns = block.columns if block else {}
    missing = [
        f"{field.aliases[0] if field.aliases else field.name}{' (required)' if must_have_column(field) else ''}"
        for field in column_fields(fields)
        if field.name not in columns
    ]
    return [f"{grid.name}: headers found: {listed(headers)}; not found: {listed(missing)}"]
