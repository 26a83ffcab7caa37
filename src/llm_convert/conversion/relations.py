"""Percentages and balances: between fields of one row, or between rows of one group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.checks import BalanceCheck, PercentCheck, Relation
from llm_convert.contracts.prompt import folded
from llm_convert.contracts.work import Row

_MOST_DECIMALS = 9
"""Of a stated percentage: what a workbook computed is shown with all that a double has, which is no rounding."""
Terms = dict[str, "Term"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One number of a comparison, with the place that it stands at."""

    name: str
    number: Decimal
    place: str

    def __str__(self) -> str:
        return f"{self.name} {self.number:f} at {self.place}"


def number_of(value: Scalar) -> Decimal:
    """An amount as an exact number; a blank one is zero."""
    return Decimal(0) if value is None else Decimal(str(value))


def row_faults(check: Relation, rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """Where the terms are fields: the position of each row in which they disagree, and how."""
    for index, row in enumerate(rows):
        terms = {name: _term(name, row, name) for name in check.terms if row.values.get(name) is not None}
        fault = _fault(check, terms)
        if fault:
            yield index, fault


def group_faults(check: Relation, rows: Sequence[Row]) -> Iterator[str]:
    """Where the terms are rows: how those of each group disagree; empty for each group that agrees."""
    assert check.label is not None
    assert check.value is not None
    names = {folded(name): name for name in check.terms}
    groups: dict[tuple[Scalar, ...], Terms] = {}
    for row in rows:
        name = names.get(folded(str(row.values.get(check.label))))
        if name is not None and row.values.get(check.value) is not None:
            group = tuple(row.values.get(field) for field in check.group)
            groups.setdefault(group, {}).setdefault(name, _term(name, row, check.value))
    for group, terms in groups.items():
        if _stated(check) in terms:
            fault = _fault(check, terms)
            within = ", ".join(f"{name} {value}" for name, value in zip(check.group, group, strict=True))
            yield f"{fault} ({within})" if fault and within else fault


def is_stated(check: Relation, row: Row) -> bool:
    """Whether a row states a percentage, which is checked and is no data."""
    label = row.values.get(check.label) if check.label is not None else None
    return isinstance(check, PercentCheck) and isinstance(label, str) and folded(label) == folded(check.stated)


def _term(name: str, row: Row, field: str) -> Term:
    place = " and ".join(row.at.get(field, ("an unknown place",))[:1])
    return Term(name=name, number=number_of(row.values[field]), place=place)


def _stated(check: Relation) -> str:
    return check.stated if isinstance(check, PercentCheck) else check.closing


def _fault(check: Relation, terms: Terms) -> str:
    if _stated(check) not in terms:
        return ""
    return _percent_fault(check, terms) if isinstance(check, PercentCheck) else _balance_fault(check, terms)


def _percent_fault(check: PercentCheck, terms: Terms) -> str:
    stated, part, of = terms[check.stated], terms.get(check.part), terms.get(check.of)
    if part is None or of is None or not of.number:
        lacking = check.part if part is None else check.of
        return f"{stated} can't be compared: {lacking} is {'zero' if part and of else 'not there'}"
    computed = part.number / of.number * Decimal(repr(check.factor))
    if abs(stated.number - computed) <= _rounding(stated.number) + Decimal(repr(check.tolerance)):
        return ""
    shown = computed.quantize(Decimal(1).scaleb(-min(_MOST_DECIMALS, _decimals(stated.number) + 2)))
    return f"{stated} is not that of {part} and {of}, which give {shown.normalize():f}"


def _balance_fault(check: BalanceCheck, terms: Terms) -> str:
    closing, opening = terms[check.closing], terms.get(check.opening)
    if opening is None and check.label is not None:
        return f"{closing} can't be compared: {check.opening} is not there"
    signs = [(check.opening, 1), *((name, 1) for name in check.plus), *((name, -1) for name in check.minus)]
    found = [(terms[name], sign) for name, sign in signs if name in terms]
    result = sum((term.number * sign for term, sign in found), Decimal(0))
    if abs(closing.number - result) <= Decimal(repr(check.tolerance)):
        return ""
    said = "".join(f"{' less ' if sign < 0 else ' plus ' if at else ''}{term}" for at, (term, sign) in enumerate(found))
    return f"{closing} is not {said or 'nothing'}, which give {result:f}: a difference of {closing.number - result:f}"


def _rounding(stated: Decimal) -> Decimal:
    """Half of the last digit that is shown."""
    return Decimal(5).scaleb(-1 - min(_MOST_DECIMALS, _decimals(stated)))


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
