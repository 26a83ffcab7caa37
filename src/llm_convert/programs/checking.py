"""Running the declared checks over records. Totals are rows like all others until they are checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.document import Sheet
from llm_convert.programs.controls import Balance, Control, Order, Percent, Sum, Unique, Unlike, Wanted, Where
from llm_convert.programs.language import Program
from llm_convert.programs.ordering import check_order, check_unique
from llm_convert.programs.own_faults import own_faults
from llm_convert.programs.patterns import pattern
from llm_convert.programs.run import Checked, Finding, Kind, Record
from llm_convert.programs.sums import Compared, Said, check_balance, check_percent, check_sum
from llm_convert.readings import text_of

SHOWN = 20
"""Broken places of one check that are told; the others are counted."""


@dataclass(kw_only=True)
class Outcome:
    """What the checks leave and say."""

    sheets: Sequence[Sheet]
    kept: list[Record]
    left_out: list[Record]
    checks: list[Checked] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    coverage: float = 0.0


def check_all(program: Program, by_table: Sequence[Sequence[Record]], sheets: Sequence[Sheet]) -> Outcome:
    """Run the checks of each table over its records, then those across tables over all that they left."""
    outcome = Outcome(sheets=sheets, kept=[], left_out=[])
    gone: set[int] = set()
    covered: set[int] = set()
    for table, label, records in zip(program.tables, program.names(), by_table, strict=True):
        _run(table.checks, records, f"{label}: " if table.name else f"table {label}: ", outcome, gone, covered)
    everything = [record for records in by_table for record in records]
    _run(program.checks, everything, "", outcome, gone, covered)
    for table, records in zip(program.tables, by_table, strict=True):
        gone.update(id(record) for where in table.drop for record in chosen(where, records))
    outcome.kept = [record for record in everything if id(record) not in gone]
    outcome.left_out = [record for record in everything if id(record) in gone]
    outcome.coverage = len(covered) / len(everything) if everything else 0.0
    return outcome


def chosen(where: Where, records: Sequence[Record]) -> list[Record]:
    """The records whose fields are as a choice of rows says."""
    found = list(records)
    for name, wanted in where.items():
        known: dict[Scalar, bool] = {}
        kept = []
        for record in found:
            value = record.value(name)
            if value not in known:
                known[value] = is_chosen(value, wanted)
            if known[value]:
                kept.append(record)
        found = kept
    return found


def is_chosen(value: Scalar, wanted: Wanted) -> bool:
    """Whether a field's value is what a choice of rows says: a pattern, one of several, blank, or none of these."""
    if isinstance(wanted, Unlike):
        return not is_chosen(value, wanted.not_)
    if wanted is None or value is None:
        return value is None and (wanted is None or (isinstance(wanted, list) and None in wanted))
    if isinstance(wanted, str):
        return pattern(wanted).matches(text_of(value))
    return any(text_of(value) == text_of(one) for one in wanted)


def _run(
    controls: Sequence[Control],
    records: Sequence[Record],
    prefix: str,
    outcome: Outcome,
    gone: set[int],
    covered: set[int],
) -> None:
    """The checks of one table, or of all."""
    stated = _stated(controls, records)
    for number, control in enumerate(controls, 1):
        compared = _compared(control, chosen(control.where, records), stated)
        name = f"{prefix}{control.check} {number}"
        value = "" if isinstance(control, Order | Unique) else control.value
        own = own_faults(compared.comparisons, value, outcome.sheets)
        outcome.checks.append(Checked(name=name, compared=compared.count, broken=len(compared.broken), own=len(own)))
        if not compared.count:
            outcome.findings.append(
                Finding(kind=Kind.CHECK, name=name, text=f"{name} compared nothing: no row is what it names")
            )
        ours, sheets = _parted(compared, own)
        outcome.findings += _told(Kind.CHECK, name, ours)
        outcome.findings += _told(Kind.OWN_FAULT, name, sheets)
        for text, at, _ in compared.mended:
            outcome.findings.append(Finding(kind=Kind.MENDED, name=name, text=f"{name}: {text}", at=at))
        gone.update(compared.gone)
        covered.update(compared.covered)


def _parted(compared: Compared, own: set[int]) -> tuple[list[Said], list[Said]]:
    """What is broken: by the program's reading, and in the sheet itself."""
    ours = [said for said in compared.broken if id(said.comparison) not in own]
    return ours, [said for said in compared.broken if id(said.comparison) in own]


def _told(kind: Kind, name: str, broken: Sequence[Said]) -> Iterator[Finding]:
    beside = ", while the same cells beside it agree: the sheet itself is off" if kind is Kind.OWN_FAULT else ""
    for text, at, _ in broken[:SHOWN]:
        yield Finding(kind=kind, name=name, text=f"{name}: {text}{beside}", at=at)
    if len(broken) > SHOWN:
        yield Finding(kind=kind, name=name, text=f"{name}: {len(broken) - SHOWN} more do not hold")


def _stated(controls: Sequence[Control], records: Sequence[Record]) -> set[int]:
    """The rows that some check calls a total: they are no parts, unless a check says so."""
    wheres = [control.total for control in controls if isinstance(control, Sum)]
    wheres += [control.stated for control in controls if isinstance(control, Percent)]
    return {id(record) for where in wheres for record in chosen(where, records)}


def _without(gone: set[int], records: Sequence[Record]) -> list[Record]:
    return [record for record in records if id(record) not in gone]


def _compared(control: Control, records: Sequence[Record], stated: set[int]) -> Compared:
    def rows(where: Where | None) -> list[Record]:
        return [] if where is None else chosen(where, records)

    match control:
        case Sum():
            parts = rows(control.parts) if control.parts is not None else _without(stated, records)
            return check_sum(control, rows(control.total), parts, rows(control.less))
        case Percent():
            said = {id(record) for record in rows(control.stated)}
            others = _without(said, records)
            part = _without(said, rows(control.part)) if control.part is not None else others
            of = _without(said, rows(control.of)) if control.of is not None else others
            return check_percent(control, rows(control.stated), part, of)
        case Balance():
            opening, closing = rows(control.opening), rows(control.closing)
            return check_balance(control, opening, rows(control.plus), rows(control.minus), closing)
        case Order():
            return check_order(control, records)
        case Unique():
            return check_unique(control, records)
