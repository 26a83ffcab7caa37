"""What a run of a program gives: records, what the checks said, and what its writer should know."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.work import Answer, Claimed
from llm_convert.programs.language import Program
from llm_convert.programs.placed import Placed
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.values import Got


@dataclass(slots=True)
class Record:
    """One row as it came from its value cell."""

    table: str
    sheet: str
    cell: Position
    """The value cell's row and column, as the table is read (exchanged where it is transposed)."""
    fields: dict[str, int]
    """The place of each field in ``got``; shared by all rows of a table."""
    got: tuple[Got, ...]
    occurrence: int
    """Which occurrence of the table, over the whole run."""
    turned: bool = False
    """Whether the table is transposed."""
    corrected: str = ""
    """How a check corrected one of its dates; its cell says otherwise."""

    def value(self, field: str) -> Scalar:
        """A field's value; ``_table`` and ``_sheet`` are fields too."""
        index = self.fields.get(field)
        if index is not None:
            return self.got[index].value
        return {"_table": self.table, "_sheet": self.sheet}.get(field)

    @property
    def values(self) -> dict[str, Scalar]:
        """Every field's value."""
        return {name: got.value for name, got in zip(self.fields, self.got, strict=True)}

    def at(self, field: str) -> tuple[str, ...]:
        """The addresses that a field's value comes from."""
        index = self.fields.get(field)
        return () if index is None else self.got[index].at

    def replace(self, field: str, got: Got) -> None:
        """Put another value in a field."""
        self.got = tuple(got if index == self.fields[field] else one for index, one in enumerate(self.got))


class Kind(StrEnum):
    """What a finding is about."""

    CHECK = "check"
    """A declared check does not hold."""
    OWN_FAULT = "own_fault"
    """A stated number that the sheet's own numbers do not give, where the same check holds beside it."""
    MENDED = "mended"
    """A date that was corrected because its neighbours and the program say so; its cell says otherwise."""
    NO_ROWS = "no_rows"
    BLANK_FIELD = "blank_field"
    """A field that is blank in every row."""
    REQUIRED = "required"
    """A row without a required field."""
    UNREAD = "unread"
    """Content that is not what the field wants, such as text where a number is expected."""
    UNUSED = "unused"
    """Number cells that no table used."""
    ABSENT = "absent"
    """An optional table, or one of several matching sheets, that is not there."""
    LEFT_OUT = "left_out"
    """Sheets with numbers that every table's ``sheet`` passes over: on purpose, but a person may want to know."""
    TOTALS = "totals"
    """Rows that read like totals and that no check names."""
    UNKNOWN_FIELD = "unknown_field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the writer of the program, or a person, should know."""

    kind: Kind
    text: str
    at: tuple[str, ...] = ()
    table: str = ""
    name: str = ""
    """The check or the field that it is about: the same from week to week, unlike the text."""

    def __str__(self) -> str:
        where = f" [{', '.join(self.at[:5])}{', ...' if len(self.at) > 5 else ''}]" if self.at else ""
        return f"{self.kind.value}: {f'table {self.table}: ' if self.table else ''}{self.text}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one declared check compared."""

    name: str
    compared: int
    broken: int
    own: int = 0
    """Of the broken ones: faults of the sheet itself."""


@dataclass(kw_only=True)
class Run:
    """A program's run over a document."""

    program: Program
    records: list[Record]
    """The rows, without what checks and ``drop`` leave out."""
    left_out: list[Record]
    """Stated totals and dropped rows."""
    checks: list[Checked]
    findings: list[Finding]
    rows: dict[str, int]
    """Rows of each table, before anything is left out."""
    coverage: float
    """The share of number values that stand under a sum, percent or balance check."""
    target: tuple[str, ...] | None
    """The target's fields, where there was one: further fields of a program are for its checks."""
    placed: list[Placed] = field(repr=False)
    planes: list[Plane] = field(repr=False)

    @property
    def problems(self) -> list[Finding]:
        """The findings that say that something is wrong, and not only what is there."""
        return [one for one in self.findings if one.kind not in {Kind.ABSENT, Kind.LEFT_OUT}]

    def answer(self) -> Answer:
        """The rows in the form that a provider answers in, to be proven like any answer."""
        known: dict[int, Claimed] = {}

        def claimed(got: Got) -> Claimed:
            # Labels are shared by many rows; a contract takes its time to be made.
            found = known.get(id(got))
            if found is None:
                found = known[id(got)] = Claimed.model_construct(value=got.value, at=got.at)
            return found

        def row(record: Record) -> dict[str, Claimed]:
            fields = zip(record.fields, record.got, strict=True)
            return {name: claimed(got) for name, got in fields if self.target is None or name in self.target}

        return Answer.model_construct(rows=tuple(map(row, self.records)))

    def told(self) -> str:
        """What to tell the program's writer, a line each."""
        lines = [f"rows: {', '.join(f'{name} {count}' for name, count in self.rows.items())}"]
        lines += [f"check {one.name}: {one.compared - one.broken} of {one.compared} hold" for one in self.checks]
        lines.append(f"{self.coverage:.0%} of the numbers stand under a check of sums")
        return "\n".join([*lines, *map(str, self.findings)])
