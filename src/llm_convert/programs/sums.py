"""Sums, percentages and balances over records, in exact decimals."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from llm_convert.contracts.base import Scalar
from llm_convert.programs.controls import Balance, Percent, Sum
from llm_convert.programs.predicates import Direction
from llm_convert.programs.run import Record
from llm_convert.readings import text_of

_NOISE = Decimal("1e-13")
"""Of the sum of all amounts: what binary fractions lose. Whole numbers lose nothing."""

Key = tuple[Scalar, ...]


@dataclass(slots=True)
class Comparison:
    """A stated number and the rows that it was compared with."""

    stated: Record
    terms: Sequence[Record]
    holds: bool = True


class Said(NamedTuple):
    """What a check tells of some cells."""

    text: str
    at: tuple[str, ...]
    """The addresses of the cells that are involved."""
    comparison: Comparison | None = None
    """The one that does not hold; None where it is not about a stated number."""


@dataclass(kw_only=True)
class Compared:
    """What one check did."""

    count: int = 0
    comparisons: list[Comparison] = field(default_factory=list)
    """Those of stated numbers."""
    broken: list[Said] = field(default_factory=list)
    mended: list[Said] = field(default_factory=list)
    """What was corrected."""
    gone: set[int] = field(default_factory=set)
    """The ids of records that are left out now."""
    covered: set[int] = field(default_factory=set)
    """The ids of records that a sum vouches for."""

    def add(self, name: str, stated: Record, *terms: Sequence[Record]) -> Comparison:
        """One more comparison; its records' numbers are covered."""
        comparison = Comparison(stated, [record for group in terms for record in group])
        self.comparisons.append(comparison)
        records = (stated, *comparison.terms)
        self.covered.update(id(record) for record in records if record.value(name) is not None)
        return comparison

    def breaks(self, comparison: Comparison, name: str, text: str) -> None:
        """A comparison does not hold."""
        comparison.holds = False
        at = _places(name, [comparison.stated], comparison.terms)
        self.broken.append(Said(text, at, comparison))


def number_of(value: Scalar) -> Decimal | None:
    """A value as an exact number; None where it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def key_of(record: Record, by: tuple[str, ...]) -> Key:
    """The group of a record."""
    return tuple([record.value(name) for name in by])


def grouped(records: Iterable[Record], by: tuple[str, ...]) -> dict[Key, list[Record]]:
    """Records by group, in order of appearance."""
    groups: dict[Key, list[Record]] = {}
    fields: dict[str, int] | None = None
    places: list[int] | None = None
    for record in records:
        if record.fields is not fields:
            fields = record.fields
            places = [fields[name] for name in by] if all(name in fields for name in by) else None
        got = record.got
        key = key_of(record, by) if places is None else tuple([got[place].value for place in places])
        own = groups.get(key)
        if own is None:
            groups[key] = [record]
        else:
            own.append(record)
    return groups


def check_sum(check: Sum, totals: list[Record], parts: list[Record], less: list[Record]) -> Compared:
    """Each total against its parts."""
    compared = Compared(gone=set() if check.keep else {id(record) for record in totals})
    are_totals = {id(record) for record in totals}
    parts = [record for record in parts if id(record) not in are_totals]
    added, taken = grouped(parts, check.by), grouped(less, check.by)
    lines = _Lines(check.span, parts, totals) if check.span is not None else None
    for total in totals:
        stated = number_of(total.value(check.value))
        if stated is None:
            continue
        key = key_of(total, check.by)
        own = lines.parts_of(total) if lines is not None else added.get(key, [])
        if lines is not None and check.by:
            own = [record for record in own if key_of(record, check.by) == key]
        _compare(check, compared, total, stated, own, taken.get(key, []))
    return compared


def _compare(
    check: Sum, compared: Compared, total: Record, stated: Decimal, parts: list[Record], less: list[Record]
) -> None:
    compared.count += 1
    plus, minus = _numbers(parts, check.value), _numbers(less, check.value)
    summed = sum(plus, Decimal(0)) - sum(minus, Decimal(0))
    if not plus and not minus and stated:
        text = f"{_said(total, check.by)} states {stated:f} and has no parts"
        compared.broken.append(Said(text, total.at(check.value)))
        return
    comparison = compared.add(check.value, total, parts, less)
    if abs(stated - summed) > _allowed(check.tolerance, [stated, *plus, *minus]):
        text = f"{_said(total, check.by)} states {stated:f}, its {len(plus) + len(minus)} parts give {summed:f}"
        compared.breaks(comparison, check.value, f"{text}: off by {stated - summed:f}")


def check_percent(check: Percent, stated: list[Record], part: list[Record], of: list[Record]) -> Compared:
    """Each stated percentage against its two rows."""
    compared = Compared(gone=set() if check.keep else {id(record) for record in stated})
    parts, wholes = grouped(part, check.by), grouped(of, check.by)
    for record in stated:
        said = number_of(record.value(check.value))
        key = key_of(record, check.by)
        if said is None:
            continue
        compared.count += 1
        pair = parts.get(key, [])[-1:] + wholes.get(key, [])[:1]
        numbers = _numbers(pair, check.value)
        if len(numbers) != 2 or not numbers[1] or pair[0] is pair[1]:
            text = f"{_said(record, check.by)} has no two rows to compare"
            compared.broken.append(Said(text, record.at(check.value)))
            continue
        comparison = compared.add(check.value, record, pair)
        share = numbers[0] / numbers[1] - (1 if check.change else 0)
        computed = share * Decimal(repr(check.factor))
        if abs(said - computed) > _allowed(check.tolerance, [said, computed]):
            text = f"{_said(record, check.by)} states {said:f}, {numbers[0]:f} to {numbers[1]:f} is {computed:.4f}"
            compared.breaks(comparison, check.value, text)
    return compared


def check_balance(
    check: Balance, opening: list[Record], plus: list[Record], minus: list[Record], closing: list[Record]
) -> Compared:
    """Opening and changes against closing, and each closing against the next opening."""
    compared = Compared()
    opens, adds, takes = grouped(opening, check.by), grouped(plus, check.by), grouped(minus, check.by)
    previous: Record | None = None
    for key, (close, *_) in grouped(closing, check.by).items():
        first = opens.get(key, [])
        rows = [*first, *adds.get(key, []), *takes.get(key, [])]
        stated = number_of(close.value(check.value))
        if stated is None or not _numbers(first, check.value):
            continue
        compared.count += 1
        result = sum(_numbers([*first, *adds.get(key, [])], check.value), Decimal(0))
        result -= sum(_numbers(takes.get(key, []), check.value), Decimal(0))
        comparison = compared.add(check.value, close, rows)
        if abs(stated - result) > _allowed(check.tolerance, [stated, *_numbers(rows, check.value)]):
            text = f"{_said(close, check.by)} states {stated:f}, opening and changes give {result:f}"
            compared.breaks(comparison, check.value, text)
        if check.chain and previous is not None:
            _chained(check, compared, previous, first[0])
        previous = close
    return compared


def _chained(check: Balance, compared: Compared, closing: Record, opening: Record) -> None:
    before, after = number_of(closing.value(check.value)), number_of(opening.value(check.value))
    if before is None or after is None or abs(before - after) <= _allowed(check.tolerance, [before, after]):
        return
    text = f"{_said(opening, check.by)} opens with {after:f}, the one before closed with {before:f}"
    compared.broken.append(Said(text, (*opening.at(check.value), *closing.at(check.value))))


class _Lines:
    """Parts by position: in the total's column or row, between the total before and the total itself."""

    def __init__(self, span: Direction, parts: list[Record], totals: list[Record]) -> None:
        self._axis = 0 if span in {Direction.UP, Direction.DOWN} else 1
        self._before = span in {Direction.UP, Direction.LEFT}
        self._parts = self._by_line(parts)
        self._totals = self._by_line(totals)
        self._places = {line: [self._place(one) for one in records] for line, records in self._parts.items()}

    def parts_of(self, total: Record) -> list[Record]:
        """The parts of a total."""
        line, place = self._line(total), self._place(total)
        places = [self._place(one) for one in self._totals[line]]
        at = bisect_left(places, place)
        parts, where = self._parts.get(line, []), self._places.get(line, [])
        if self._before:
            first = places[at - 1] if at else -1
            return parts[bisect_left(where, first) : bisect_left(where, place)]
        last = places[at + 1] if at + 1 < len(places) else 1 << 40
        return parts[bisect_left(where, place) : bisect_left(where, last)]

    def _by_line(self, records: list[Record]) -> dict[tuple[str, int, int], list[Record]]:
        lines: dict[tuple[str, int, int], list[Record]] = {}
        for record in sorted(records, key=self._place):
            lines.setdefault(self._line(record), []).append(record)
        return lines

    def _line(self, record: Record) -> tuple[str, int, int]:
        return record.sheet, record.occurrence, record.cell[1 - self._axis]

    def _place(self, record: Record) -> int:
        return record.cell[self._axis]


def _numbers(records: Sequence[Record], name: str) -> list[Decimal]:
    return [number for record in records if (number := number_of(record.value(name))) is not None]


def _allowed(tolerance: float, numbers: Sequence[Decimal]) -> Decimal:
    if all(number == number.to_integral_value() for number in numbers):
        return Decimal(repr(tolerance))
    return Decimal(repr(tolerance)) + _NOISE * sum(map(abs, numbers), Decimal(0))


def _said(record: Record, by: tuple[str, ...]) -> str:
    names = by or tuple(name for name, value in record.values.items() if isinstance(value, str))[:3]
    return ", ".join(f"{name} {text_of(record.value(name))!r}" for name in names) or "the row"


def _places(name: str, *groups: Sequence[Record]) -> tuple[str, ...]:
    return tuple(address for group in groups for record in group for address in record.at(name)[:1])[:12]
