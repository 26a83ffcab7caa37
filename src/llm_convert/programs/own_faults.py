"""Which stated numbers are wrong in the sheet itself, and not because a program reads it wrongly.

A program that leaves out a line, or takes one twice, does so in every column; a sheet that is off by itself is off in
one place, while the same cells of its neighbours add up. Each amount that may have been left out, or taken too much,
must stand in such a neighbour too: where it is zero or blank, the neighbour adds up either way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.document import CellValue, Sheet, parse_cell_reference
from llm_convert.programs.contents import contents_of
from llm_convert.programs.predicates import Content
from llm_convert.programs.run import Record
from llm_convert.programs.sums import Comparison, number_of
from llm_convert.readings import text_of

FEWEST_NEIGHBOURS = 2
"""That must hold: a single one may do so by chance."""
Place = tuple[int, int]
_Line = tuple[str, int, int]
"""A sheet, an axis (0 for rows, 1 for columns) and the place along it."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """A comparison by the places of its numbers."""

    comparison: Comparison
    sheet: str
    stated: Place
    terms: frozenset[Place]

    def along(self, axis: int) -> frozenset[int]:
        """The rows (or columns) of its terms."""
        return frozenset(place[axis] for place in self.terms)

    def straight(self, axis: int) -> bool:
        """Whether all of it lies in one row (or column)."""
        return self.along(axis) == {self.stated[axis]}


def own_faults(comparisons: Sequence[Comparison], value: str, sheets: Iterable[Sheet]) -> set[int]:
    """The ids of the comparisons that do not hold in the sheet itself.

    Args:
        comparisons: all that one check made.
        value: the field with the numbers.
        sheets: of the document.
    """
    if all(one.holds for one in comparisons):
        return set()
    by_name = {sheet.name: sheet for sheet in sheets}
    laid = [found for one in comparisons if (found := _laid(one, value)) is not None]
    return {
        id(one.comparison)
        for (_, axis, _), line in _lines(laid).items()
        if _mostly_holds(line)
        for one in line
        if not one.comparison.holds and _has_neighbours(one, line, axis, by_name)
    }


def _laid(comparison: Comparison, value: str) -> _Laid | None:
    """None where the numbers stand on several sheets, a place is not known, or what may be a number is none."""
    places = [_place(record, value) for record in (comparison.stated, *comparison.terms)]
    known = [place for place in places if place is not None]
    if any(number_of(term.value(value)) is None and _has_digits(term.value(value)) for term in comparison.terms):
        return None
    if len(known) < len(places) or len({sheet for sheet, _ in known}) != 1:
        return None
    (sheet, stated), *terms = known
    return _Laid(comparison, sheet, stated, frozenset(place for _, place in terms))


def _place(record: Record, value: str) -> tuple[str, Place] | None:
    sheet, _, reference = next(iter(record.at(value)), "").rpartition("!")
    return (sheet, parse_cell_reference(reference)) if sheet else None


def _lines(laid: Sequence[_Laid]) -> Mapping[_Line, list[_Laid]]:
    """Comparisons whose totals stand in one row and add up columns, or the other way round."""
    lines: defaultdict[_Line, list[_Laid]] = defaultdict(list)
    for one in laid:
        for axis in (0, 1):
            if one.terms and one.straight(1 - axis):
                lines[one.sheet, axis, one.stated[axis]].append(one)
    return lines


def _mostly_holds(line: Sequence[_Laid]) -> bool:
    held = sum(one.comparison.holds for one in line)
    return held >= FEWEST_NEIGHBOURS and 2 * held > len(line)


def _has_neighbours(broken: _Laid, line: Sequence[_Laid], axis: int, sheets: Mapping[str, Sheet]) -> bool:
    sheet = sheets.get(broken.sheet)
    if sheet is None:
        return False
    alike = [one for one in line if one.comparison.holds and _same_cells(broken, one, axis, sheet)]
    return len(alike) >= FEWEST_NEIGHBOURS and all(
        any(_is_amount(_cell(sheet, other, at, axis)) for other in alike)
        for at in range(len(sheet.rows) if axis == 0 else sheet.width)
        if at != broken.stated[axis] and _is_amount(_cell(sheet, broken, at, axis))
    )


def _same_cells(one: _Laid, other: _Laid, axis: int, sheet: Sheet) -> bool:
    """Whether both add up the same rows (or columns), but for those where one of them holds no number."""
    own, others = one.along(axis), other.along(axis)
    return not any(_has_digits(_cell(sheet, one, at, axis)) for at in others - own) and not any(
        _has_digits(_cell(sheet, other, at, axis)) for at in own - others
    )


def _cell(sheet: Sheet, of: _Laid, at: int, axis: int) -> CellValue:
    """What stands in a comparison's column in some row, or in its row in some column."""
    row, column = (at, of.stated[1]) if axis == 0 else (of.stated[0], at)
    return sheet.value(row, column)


def _has_digits(value: CellValue | Scalar) -> bool:
    return any(map(str.isdigit, text_of(value)))


def _is_amount(value: CellValue) -> bool:
    """A number that is not zero: where all neighbours have none, they say nothing of whether it belongs to the sum."""
    return value is not None and Content.NUMBER in contents_of(value) and bool(set("123456789") & set(text_of(value)))
