"""Which stated unit holds for which field, and when that is a question.

A table's unit holds for the fields that want it; amounts in won are not scaled by a unit of pieces. A unit that no
field wants, or that several different fields could want, is a question: a wrong factor would land in silence.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.prompt import OutputField, folded
from llm_convert.layouts.claims import NUMERIC, Stated
from llm_convert.layouts.found import Ambiguous
from llm_convert.layouts.grid import Cell, Grid
from llm_convert.readings import CURRENCY_NAMES, Unit, find_unit

_CURRENCIES = frozenset(map(folded, CURRENCY_NAMES))


def units_of(
    grid: Grid, fields: Sequence[OutputField], headers: dict[str, Sequence[Cell]], table: Stated | None
) -> dict[str, Stated | None]:
    """For each field the unit of its numbers: its own header's, the lowest first, else the table's.

    Raises:
        Ambiguous: when a stated unit contradicts the one that a field is wanted in.
    """
    wanting = [field for field in fields if field.unit and field.type in NUMERIC and field.name in headers]
    found: dict[str, Stated | None] = {field.name: None for field in fields}
    for field in wanting:
        found[field.name] = _own(grid, field, headers[field.name])
    left = [field for field in wanting if found[field.name] is None]
    if table is None or table.unit is None or not left:
        return found
    agreeing = [field for field in left if not contradicts(field, table.unit)]
    if not agreeing:
        raise _question(left[0], table)
    if not table.unit.name and table.unit.scale != 1 and len({folded(field.unit or "") for field in agreeing}) > 1:
        names = ", ".join(field.name for field in agreeing)
        raise Ambiguous(f"{table.address} states a multiple without a unit: which of {names} does it hold for?")
    return found | {field.name: table for field in agreeing}


def contradicts(field: OutputField, unit: Unit) -> bool:
    """Whether a stated unit is another one than the field is wanted in. Names of counts, 개 or EA, are all one."""
    wanted, stated = folded(field.unit or ""), folded(unit.name)
    if not stated or stated == wanted:
        return False
    return unit.scale != 1 or bool({wanted, stated} & _CURRENCIES)


def _own(grid: Grid, field: OutputField, path: Sequence[Cell]) -> Stated | None:
    for cell in reversed(path):
        unit = find_unit(cell.text)
        if unit is not None:
            stated = Stated(address=grid.address(cell), unit=unit)
            if contradicts(field, unit):
                raise _question(field, stated)
            return stated
    return None


def _question(field: OutputField, stated: Stated) -> Ambiguous:
    name = stated.unit.name if stated.unit else ""
    wanted = f"{field.name} is wanted in {field.unit}"
    return Ambiguous(f"{wanted}, but {stated.address} states {name}: which values are meant?")
