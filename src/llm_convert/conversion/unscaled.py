"""Numbers that were taken as they stand although their column or the lines above state a multiple.

A number without its unit's statement equals its cell, and is wrong by a factor of a thousand: comparing can't tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from llm_convert.contracts.document import AddressError, Document, Sheet, parse_cell_reference
from llm_convert.contracts.prompt import OutputField, Prompt, folded
from llm_convert.contracts.work import Claimed
from llm_convert.conversion.grounding import NUMERIC
from llm_convert.readings import find_unit

_ABOVE = 50
"""Rows above the first number in which its unit may be stated."""
_TITLE_CELLS = 3
"""A line with more filled cells is no title."""
Position = tuple[int, int]
Column = tuple[str, str, int]
"""Field, sheet and column."""


def unscaled(
    claimed: Sequence[Mapping[str, Claimed]], prompt: Prompt, document: Document, *, derived: Collection[str] = ()
) -> dict[int, list[str]]:
    """By position, why a row's numbers lack the scale that is stated above them.

    Args:
        claimed: the rows.
        prompt: says which fields are wanted in a unit.
        document: what the addresses lead to.
        derived: fields that code scaled already.
    """
    wanting = {
        field.name: field
        for field in prompt.output.fields
        if field.unit and field.type in NUMERIC and field.name not in derived
    }
    columns: dict[Column, dict[int, list[int]]] = {}
    for position, row in enumerate(claimed):
        for name in wanting:
            claim = row.get(name)
            if claim is not None and claim.value is not None and len(claim.at) == 1:
                _note(columns, name, claim.at[0], position)
    sheets = {sheet.name: sheet for sheet in document.sheets}
    # A wide table has thousands of columns under the same titles.
    titles: dict[tuple[str, int], list[Position]] = {}
    reasons: dict[int, list[str]] = {}
    for (name, title, column), positions in columns.items():
        sheet, top = sheets.get(title), min(positions)
        if sheet is None:
            continue
        if (title, top) not in titles:
            titles[title, top] = _titles(sheet, top)
        stated = _stated(wanting[name], sheet, ((at, column) for at in _above(top)), titles[title, top])
        if stated:
            reason = f"{name}: its unit is stated at {stated}: give the scaled number, and that address after its own"
            for position in (one for some in positions.values() for one in some):
                reasons.setdefault(position, []).append(reason)
    return reasons


def _note(columns: dict[Column, dict[int, list[int]]], name: str, address: str, position: int) -> None:
    sheet, _, reference = address.rpartition("!")
    try:
        row, column = parse_cell_reference(reference)
    except AddressError:
        return
    columns.setdefault((name, sheet, column), {}).setdefault(row, []).append(position)


def _stated(field: OutputField, sheet: Sheet, own: Iterable[Position], titles: Iterable[Position]) -> str:
    """Where a multiple is stated for a column of numbers: its own header, else the nearest title; empty for none."""
    for at in (*own, *titles):
        text = sheet.value(*at)
        unit = find_unit(text) if isinstance(text, str) else None
        if unit is None or (unit.name and folded(unit.name) != folded(field.unit or "")):
            continue
        return sheet.address(*at) if unit.scale != 1 else ""
    return ""


def _titles(sheet: Sheet, row: int) -> list[Position]:
    """The filled cells of the lines above a row that hold few, the nearest first."""
    lines = ((at, sheet.rows[at]) for at in _above(row) if at < len(sheet.rows))
    filled = ([(at, place) for place, value in enumerate(line) if value is not None] for at, line in lines)
    return [at for cells in filled if len(cells) <= _TITLE_CELLS for at in cells]


def _above(row: int) -> range:
    return range(row - 1, max(-1, row - 1 - _ABOVE), -1)
