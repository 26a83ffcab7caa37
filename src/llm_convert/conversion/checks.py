"""The checks a prompt declares, run on proven rows: ranges, uniqueness, control totals, percentages and balances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.checks import BalanceCheck, PercentCheck, RangeCheck, SumCheck, UniqueCheck
from llm_convert.contracts.prompt import Prompt, folded
from llm_convert.contracts.work import QuarantinedRow, Row
from llm_convert.conversion.relations import group_faults, is_stated, number_of, row_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks leave."""

    rows: list[Row]
    """Without stated totals and percentages that are rows of their own."""
    quarantined: list[QuarantinedRow]
    disagreements: list[str]
    """Stated totals, percentages and balances of several rows that do not hold, each in one line with its addresses."""
    totals: int
    """Those that were compared."""


def check_rows(prompt: Prompt, rows: Sequence[Row]) -> Checked:
    """Run every check of a prompt; totals first, while they still stand among the rows."""
    sums = [check for check in prompt.checks if isinstance(check, SumCheck)]
    relations = [check for check in prompt.checks if isinstance(check, PercentCheck | BalanceCheck)]
    compared = [line for check in relations if check.label is not None for line in group_faults(check, rows)]
    parts = [row for row in rows if not any(is_stated(check, row) for check in relations)]
    disagreements = [
        line for check in sums for line in _disagreements(check, parts, _labels_of_totals(sums, check.label))
    ]
    totals = sum(_is_total(check, row) for check in sums for row in parts)
    left = [row for row in parts if not any(_is_total(check, row) for check in sums)]
    reasons: dict[int, list[str]] = {}
    for check in prompt.checks:
        if isinstance(check, RangeCheck):
            _note(reasons, _out_of_range(check, left))
        elif isinstance(check, UniqueCheck):
            _note(reasons, _not_unique(check, left))
        elif isinstance(check, PercentCheck | BalanceCheck) and check.label is None:
            _note(reasons, dict(row_faults(check, left)))
    return Checked(
        rows=[row for index, row in enumerate(left) if index not in reasons],
        quarantined=[QuarantinedRow(row=left[index], reasons=tuple(said)) for index, said in sorted(reasons.items())],
        disagreements=[*disagreements, *filter(None, compared)],
        totals=totals + len(compared),
    )


def _note(reasons: dict[int, list[str]], found: dict[int, str]) -> None:
    for index, reason in found.items():
        reasons.setdefault(index, []).append(reason)


def _out_of_range(check: RangeCheck, rows: Sequence[Row]) -> dict[int, str]:
    found = {}
    for index, row in enumerate(rows):
        value = row.values.get(check.field)
        if value is None:
            continue
        number = number_of(value)
        if check.minimum is not None and number < Decimal(repr(check.minimum)):
            found[index] = f"{check.field}: {value} is below the minimum {check.minimum:g}"
        elif check.maximum is not None and number > Decimal(repr(check.maximum)):
            found[index] = f"{check.field}: {value} is above the maximum {check.maximum:g}"
    return found


def _not_unique(check: UniqueCheck, rows: Sequence[Row]) -> dict[int, str]:
    """Every row of a repeated key: code can't say which of them is the right one."""
    keys = [tuple(row.values.get(name) for name in check.fields) for row in rows]
    counts = Counter(keys)
    said = ", ".join(check.fields)
    return {
        index: f"{said}: {counts[key]} rows of this document share this key"
        for index, key in enumerate(keys)
        if counts[key] > 1
    }


def _labels_of_totals(sums: Sequence[SumCheck], label: str) -> frozenset[str]:
    """What totals of every level are called: a grand total is the sum of lines, not of lines and sub-totals."""
    return frozenset(folded(total) for check in sums if check.label == label for total in check.totals)


def _disagreements(check: SumCheck, rows: Sequence[Row], no_parts: frozenset[str]) -> list[str]:
    parts: dict[tuple[Scalar, ...], list[Row]] = {}
    for row in rows:
        if folded(str(row.values.get(check.label))) not in no_parts:
            parts.setdefault(_group(check, row), []).append(row)
    found = []
    for row in rows:
        if _is_total(check, row):
            own = parts.get(_group(check, row), [])
            stated = number_of(row.values.get(check.value))
            summed = sum((number_of(part.values.get(check.value)) for part in own), Decimal(0))
            if abs(stated - summed) > Decimal(repr(check.tolerance)):
                found.append(_said(check, row, stated, summed, own))
    return found


def _said(check: SumCheck, row: Row, stated: Decimal, summed: Decimal, parts: Sequence[Row]) -> str:
    group = ", ".join(f"{name} {row.values.get(name)}" for name in check.group)
    # A line that was left out of the sum, or taken twice, is as large as the difference.
    off = abs(stated - summed)
    alike = [_place(check, part) for part in parts if abs(number_of(part.values.get(check.value))) == off]
    return (
        f"{row.values.get(check.label)} at {_place(check, row)}{f' ({group})' if group else ''} states {stated:f}, "
        f"its {len(parts)} lines add up to {summed:f}: a difference of {stated - summed:f}"
        f"{f', as much as the line at {alike[0]}' if alike else ''}"
    )


def _place(check: SumCheck, row: Row) -> str:
    return " and ".join(row.at.get(check.value, ("an unknown place",))[:1])


def _is_total(check: SumCheck, row: Row) -> bool:
    label = row.values.get(check.label)
    return isinstance(label, str) and folded(label) in {folded(total) for total in check.totals}


def _group(check: SumCheck, row: Row) -> tuple[Scalar, ...]:
    return tuple(row.values.get(name) for name in check.group)
