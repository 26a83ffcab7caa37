"""From a cell to a claimed value with its addresses, in the forms that can be proven.

A text that cannot be read as its field's type is claimed as it stands: the proof then quarantines the row with the
reason, where leaving the value out would lose it in silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.prompt import OutputField
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Claimed
from llm_convert.layouts.grid import Cell, Grid
from llm_convert.layouts.matching import canonical
from llm_convert.readings import ReadingError, Unit, find_dates, is_missing, read, scaled

NUMERIC = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.DECIMAL})
_OWN_MULTIPLIER = re.compile(r"[십백천만억조]|thousand|million|billion", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Something that a document states beside its values: a unit, or the year of its days."""

    address: str
    unit: Unit | None = None
    year: int | None = None


Row = dict[str, Claimed]


def claim(
    grid: Grid, cell: Cell, field: OutputField, *, unit: Stated | None = None, year: Stated | None = None
) -> Claimed | None:
    """The value of a field from one cell; None where the cell says that there is none."""
    if is_missing(cell.value):
        return None
    address = grid.address(cell)
    try:
        if field.type is FieldType.DATE:
            return _date(cell, field, address, year)
        if field.type in NUMERIC and field.unit and unit and unit.unit:
            return _scaled(cell, field, address, unit)
        return Claimed(value=_listed(read(cell.value, field.type), field), at=(address,))
    except ReadingError:
        return Claimed(value=cell.text, at=(address,))


def _listed(value: Scalar, field: OutputField) -> Scalar:
    return (canonical(str(value), field.values) or value) if field.values else value


def _scaled(cell: Cell, field: OutputField, address: str, stated: Stated) -> Claimed:
    own = isinstance(cell.value, str) and _OWN_MULTIPLIER.search(cell.value)
    if stated.unit is None or stated.unit.scale == 1 or own:
        return Claimed(value=read(cell.value, field.type), at=(address,))
    return Claimed(value=scaled(cell.value, stated.unit.scale, field.type), at=(address, stated.address))


def _date(cell: Cell, field: OutputField, address: str, year: Stated | None) -> Claimed:
    try:
        return Claimed(value=read(cell.value, field.type), at=(address,))
    except ReadingError:
        found = find_dates(cell.text)
        if len(found) == 1:
            return Claimed(value=read(found[0], field.type), at=(address,))
        found = find_dates(cell.text, year=year.year) if year else ()
        if year is None or len(found) != 1:
            raise
        return Claimed(value=read(found[0], field.type), at=(address, year.address))


def joined(grid: Grid, cells: Sequence[Cell]) -> Claimed | None:
    """A path of labels or headers as one text, joined by `` > ``.

    Pieces of lines are joined only as far as that can be proven: if they stand side by side in one line.
    """
    cells = list(dict.fromkeys(cells))
    if not cells:
        return None
    if all(cell.whole for cell in cells):
        return Claimed(value=" > ".join(cell.text for cell in cells), at=tuple(map(grid.address, cells)))
    line = [cell for cell in cells if cell.row == cells[-1].row]
    text = " ".join(cell.text for cell in line)
    whole = " ".join(grid.line(cells[-1].row).split())
    return Claimed(value=text if text in whole else cells[-1].text, at=(grid.address(cells[-1]),))
