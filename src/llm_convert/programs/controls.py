"""The part of the language that says what must hold between the rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from llm_convert.contracts.base import Scalar
from llm_convert.programs.part import Part
from llm_convert.programs.patterns import check_pattern
from llm_convert.programs.predicates import Direction

Plain = str | list[Scalar] | None
"""A text is a pattern found in a field, a list is the values that it may have, null is blank."""


class Unlike(Part):
    """All but what ``not`` says."""

    not_: Plain = Field(alias="not", description="a pattern, a list of values, or null: the rows that are not so")


Wanted = Plain | Unlike


def _patterns(where: dict[str, Wanted]) -> dict[str, Wanted]:
    for wanted in where.values():
        plain = wanted.not_ if isinstance(wanted, Unlike) else wanted
        if isinstance(plain, str):
            check_pattern(plain)
    return where


Where = Annotated[dict[str, Wanted], AfterValidator(_patterns)]
"""Rows by their fields. ``_table`` and ``_sheet`` are fields too."""


class _Control(Part):
    where: Where = Field({}, description="only these rows take part")
    value: str = Field("value", description="the field with the numbers")
    by: tuple[str, ...] = Field((), description="rows that agree in these fields belong together")
    tolerance: float = Field(0.0, ge=0, description="allowed difference, in the unit after scaling")


class Sum(_Control):
    """Each total equals the sum of its parts less the sum of ``less``. Totals are checked, then left out."""

    check: Literal["sum"]
    total: Where = Field(description="the rows that state totals")
    parts: Where | None = Field(None, description="the rows that are added; by default all that no check calls total")
    less: Where | None = Field(None, description="the rows that are taken away")
    span: Direction | None = Field(
        None,
        description="by position: the parts stand above (up), below (down), left or right of the total, in its column "
        "or row, up to the next total",
    )
    keep: bool = Field(False, description="totals stay among the rows")


class Percent(_Control):
    """Each stated percentage is 100 x part / of, or with ``change`` 100 x (last / first - 1) of its group."""

    check: Literal["percent"]
    stated: Where = Field(description="the rows that state percentages; they are left out afterwards")
    part: Where | None = Field(None, description="the numerator's row; with change: the later one, by default the last")
    of: Where | None = Field(None, description="the denominator's row; with change: the earlier one, the first")
    change: bool = Field(False, description="a change from `of` to `part`")
    factor: float = Field(100.0, description="100 where 4 means 4 %, 1 where 0.04 does")
    keep: bool = Field(False, description="stated percentages stay among the rows")


class Balance(_Control):
    """Opening plus ``plus`` less ``minus`` equals closing, in each group."""

    check: Literal["balance"]
    opening: Where = Field(description="the row of the opening balance")
    plus: Where | None = Field(None, description="rows that add")
    minus: Where | None = Field(None, description="rows that take away")
    closing: Where = Field(description="the row of the closing balance")
    chain: bool = Field(False, description="each group's closing is the next group's opening, in order of appearance")


class Order(Part):
    """The field rises (or falls) from row to row, within the rows that agree in ``by``."""

    check: Literal["order"]
    where: Where = Field({}, description="only these rows take part")
    field: str = Field(description="the field, mostly a date")
    by: tuple[str, ...] = Field((), description="each such group has its own order")
    down: bool = Field(False, description="it falls")
    step: Literal["day", "month", "quarter", "year"] | None = Field(
        None, description="and each is one day, month, quarter or year after the one before"
    )
    mend: bool = Field(
        False, description="a date that another day, month or year alone would put in order is corrected, and reported"
    )


class Unique(Part):
    """No two rows agree in all these fields."""

    check: Literal["unique"]
    where: Where = Field({}, description="only these rows take part")
    fields: tuple[str, ...] = Field(min_length=1, description="the key")


Control = Annotated[Sum | Percent | Balance | Order | Unique, Field(discriminator="check")]


def wheres_of(control: Control) -> list[Where]:
    """The choices of rows that a check makes."""
    wheres: tuple[Where | None, ...]
    match control:
        case Order() | Unique():
            wheres = ()
        case Sum():
            wheres = (control.total, control.parts, control.less)
        case Percent():
            wheres = (control.stated, control.part, control.of)
        case Balance():
            wheres = (control.opening, control.plus, control.minus, control.closing)
    return [where for where in (*wheres, control.where) if where]


def fields_of(control: Control) -> set[str]:
    """The fields that a check names."""
    match control:
        case Order():
            named = {control.field, *control.by}
        case Unique():
            named = {*control.fields}
        case Sum() | Percent() | Balance():
            named = {control.value, *control.by}
    return named.union(name for where in wheres_of(control) for name in where if not name.startswith("_"))
