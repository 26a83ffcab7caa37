"""Which column holds which field once a header is found; what is equally good twice is a question, not a guess."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from llm_convert.contracts.prompt import OutputField, Role
from llm_convert.contracts.tables import FieldType
from llm_convert.layouts.found import Ambiguous
from llm_convert.layouts.grid import Cell, Grid, Kind
from llm_convert.layouts.record_headers import Candidate, HeaderBlock
from llm_convert.readings import ReadingError, read

_SAMPLE = 50
"""Rows that are looked at to tell a column of values from an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """The column of each field, its header, and which columns the table spans."""

    columns: dict[str, int]
    headers: dict[str, tuple[Cell, ...]]
    left: int
    right: int


def mappings(grid: Grid, block: HeaderBlock, fields: Sequence[OutputField], end: int) -> list[Mapping]:
    """One mapping; several where the whole header is repeated side by side.

    Raises:
        Ambiguous: when two columns are a field equally well, naming both headers.
    """
    usable = {
        field.name: _usable(grid, block, field, block.columns[field.name], end)
        for field in fields
        if field.name in block.columns
    }
    return [_mapping(grid, block, fields, part, end) for part in _side_by_side(usable)]


def _usable(
    grid: Grid, block: HeaderBlock, field: OutputField, candidates: Sequence[Candidate], end: int
) -> tuple[Candidate, ...]:
    """Of several columns those with content, and of those the ones whose content can be read as the field."""
    if len(candidates) == 1:
        return tuple(candidates)
    cells = {candidate: _sample(grid, block, candidate.column, end) for candidate in candidates}
    filled = [candidate for candidate in candidates if cells[candidate]] or list(candidates[:1])
    readable = [candidate for candidate in filled if any(_reads(cell, field.type) for cell in cells[candidate])]
    return tuple(readable or filled)


def _sample(grid: Grid, block: HeaderBlock, column: int, end: int) -> list[Cell]:
    return [
        cell
        for row in range(block.bottom + 1, min(end, block.bottom + 1 + _SAMPLE))
        if (cell := grid.cell(row, column)) is not None
    ]


def _reads(cell: Cell, type: FieldType) -> bool:
    try:
        return read(cell.value, type) is not None
    except ReadingError:
        return False


def _side_by_side(columns: dict[str, tuple[Candidate, ...]]) -> list[dict[str, tuple[Candidate, ...]]]:
    """The header's parts where it is one header several times over, each part right of the one before."""
    counts = {len(candidates) for candidates in columns.values()}
    if len(counts) != 1 or counts == {1} or len(columns) < 2:
        return [columns]
    parts: list[dict[str, tuple[Candidate, ...]]] = [
        {name: (candidates[i],) for name, candidates in columns.items()} for i in range(counts.pop())
    ]
    edges = [[part[name][0].column for name in part] for part in parts]
    apart = all(max(a) < min(b) for a, b in itertools.pairwise(edges))
    return parts if apart else [columns]


def _mapping(
    grid: Grid, block: HeaderBlock, fields: Sequence[OutputField], columns: dict[str, tuple[Candidate, ...]], end: int
) -> Mapping:
    for name, candidates in columns.items():
        if len(candidates) > 1:
            named = " or ".join(f"{c.said!r} at {grid.address(c.path[-1])}" for c in candidates[:3])
            raise Ambiguous(f"which column is {name}: {named}?")
    found = {name: candidates[0].column for name, candidates in columns.items()}
    headers = {name: candidates[0].path for name, candidates in columns.items()}
    found |= _unnamed_label(grid, block, fields, found, end)
    return Mapping(columns=found, headers=headers, left=min(found.values()), right=max(found.values()))


def _unnamed_label(
    grid: Grid, block: HeaderBlock, fields: Sequence[OutputField], columns: dict[str, int], end: int
) -> dict[str, int]:
    """The column of texts under a blank header, left of all others, for the one label field that no header names."""
    missing = [field for field in fields if field.role is Role.LABEL and field.name not in columns]
    left = min(columns.values())
    for column in range(left - 1, -1, -1) if len(missing) == 1 else ():
        if any(grid.seen(row, column) for row in range(block.top, block.bottom + 1)):
            return {}
        if any(cell.kind is Kind.TEXT for cell in _sample(grid, block, column, end)):
            return {missing[0].name: column}
    return {}
