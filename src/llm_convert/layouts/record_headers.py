"""Where the header of a table of records is: the rows whose texts name the most fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llm_convert.contracts.prompt import OutputField, Role, folded
from llm_convert.layouts.grid import Cell, Grid, Kind
from llm_convert.layouts.headers import MOST_ROWS, header_path
from llm_convert.layouts.matching import forms, level_of, names_of

_LONGEST = 120
"""Characters of the longest text that can be a header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A column that may hold a field."""

    column: int
    path: tuple[Cell, ...]
    level: int

    @property
    def said(self) -> str:
        """Its header as a person reads it."""
        return " > ".join(cell.text for cell in self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderBlock:
    """Header rows, and for each field the columns that may hold it, equally well."""

    top: int
    bottom: int
    left: int
    right: int
    columns: dict[str, tuple[Candidate, ...]]
    required: int
    """How many required fields it names."""

    @property
    def rank(self) -> tuple[int, int, int, int, int]:
        """The better the higher: required fields, all fields, none of them twice, how sure, then fewer rows.

        Where columns can't be told apart, more rows: the group above them may tell, or is at least worth saying.
        """
        twice = sum(len(candidates) > 1 for candidates in self.columns.values())
        surest = sum(candidates[0].level for candidates in self.columns.values())
        height = self.bottom - self.top
        return self.required, len(self.columns), -twice, 0 if twice else surest, height if twice else -height


def column_fields(fields: Iterable[OutputField]) -> list[OutputField]:
    """The fields that a column of a table of records can hold."""
    return [field for field in fields if field.role is not Role.TITLE]


def must_have_column(field: OutputField) -> bool:
    """Whether a table without a header for this field is not the one that is looked for."""
    return field.required and field.role not in {Role.TITLE, Role.SECTION, Role.LABEL}


def find_headers(grid: Grid, fields: Sequence[OutputField]) -> list[HeaderBlock]:
    """The header blocks of a grid that name enough fields, top down, none overlapping."""
    wanted = column_fields(fields)
    enough = min(2, len(wanted))
    blocks = [block for block in _blocks(grid, wanted) if len(block.columns) >= enough]
    complete = sum(must_have_column(field) for field in wanted)
    blocks = sorted(
        (block for block in blocks if block.required == complete), key=lambda block: block.rank, reverse=True
    )
    kept: list[HeaderBlock] = []
    for block in blocks:
        # A table that names fewer than half of what the best one names is another table.
        alike = not kept or 2 * len(block.columns) >= len(kept[0].columns)
        if alike and all(block.bottom < other.top or block.top > other.bottom for other in kept):
            kept.append(block)
    return sorted(kept, key=lambda block: block.top)


def nearest_header(grid: Grid, fields: Sequence[OutputField]) -> HeaderBlock | None:
    """The block that names the most fields, enough or not."""
    return max(_blocks(grid, column_fields(fields)), key=lambda block: block.rank, default=None)


def _blocks(grid: Grid, fields: Sequence[OutputField]) -> list[HeaderBlock]:
    names = {field.name: names_of(field) for field in fields}
    known = frozenset(name for folds in names.values() for name in folds)
    begun = frozenset(name[:length] for name in known for length in range(1, len(name)))
    found = []
    for top in range(grid.height):
        if not _touches(grid, top, known, begun):
            continue
        for bottom in range(top, min(top + MOST_ROWS, grid.height)):
            if any(cell.kind in {Kind.NUMBER, Kind.DATE} for cell in grid.standing(bottom)) and bottom > top:
                break
            block = _block(grid, range(top, bottom + 1), fields, names)
            if block is not None:
                found.append(block)
    return found


def _touches(grid: Grid, row: int, known: frozenset[str], begun: frozenset[str]) -> bool:
    """Whether some cell of a row is a field's name, or may be the first word of one that is split over rows."""
    standing = grid.standing(row)
    cells = [cell for cell in standing if isinstance(cell.value, str) and len(cell.text) <= _LONGEST]
    if any(cell.kind in {Kind.NUMBER, Kind.DATE} for cell in standing):
        # A row of data: only names as they stand can make it a header.
        return sum(folded(cell.text) in known for cell in cells) >= 2
    if any(text in known or text in begun for cell in cells for _, text in forms((cell.text,))):
        return True
    # Groups above the names tell columns of one name apart; a title alone in its row does not.
    return len(cells) >= 2 and any((span := grid.area(row, cell.column)) and span.right > span.left for cell in cells)


def _block(
    grid: Grid, rows: range, fields: Sequence[OutputField], names: dict[str, frozenset[str]]
) -> HeaderBlock | None:
    columns = sorted({column for row in rows for column in grid.rows[row]} | _spanned(grid, rows))
    paths = {column: header_path(grid, column, rows=rows, values=columns) for column in columns}
    texts = {column: tuple([cell.text for cell in path]) for column, path in paths.items()}
    found: dict[str, tuple[Candidate, ...]] = {}
    for field in fields:
        candidates = [
            Candidate(column=column, path=path, level=level)
            for column, path in paths.items()
            if path and (level := level_of(texts[column], names[field.name]))
        ]
        if candidates:
            best = max(candidate.level for candidate in candidates)
            found[field.name] = tuple(candidate for candidate in candidates if candidate.level == best)
    if not found:
        return None
    _leave_to_the_surer(found)
    matched = [candidate.column for candidates in found.values() for candidate in candidates]
    required = sum(must_have_column(field) and field.name in found for field in fields)
    return HeaderBlock(
        top=rows[0], bottom=rows[-1], left=min(matched), right=max(matched), columns=found, required=required
    )


def _spanned(grid: Grid, rows: range) -> set[int]:
    """Columns under a merged header that hold anything below it."""
    areas = {area for row in rows for area in grid.areas(row) if grid.cell(area.top, area.left) is not None}
    return {column for area in areas for column in grid.columns if area.left <= column <= area.right}


def _leave_to_the_surer(found: dict[str, tuple[Candidate, ...]]) -> None:
    """A column that names two fields belongs to the one it names more surely."""
    surest: dict[int, int] = {}
    for candidates in found.values():
        for candidate in candidates:
            surest[candidate.column] = max(candidate.level, surest.get(candidate.column, 0))
    for name, candidates in list(found.items()):
        left = tuple(candidate for candidate in candidates if candidate.level == surest[candidate.column])
        if left:
            found[name] = left
        else:
            del found[name]


def same_header(grid: Grid, row: int, block: HeaderBlock) -> bool:
    """Whether a row repeats the last row of a header."""
    pairs = [(candidates[0].path[-1], grid.seen(row, candidates[0].column)) for candidates in block.columns.values()]
    return all(cell is not None and folded(cell.text) == folded(header.text) for header, cell in pairs)
