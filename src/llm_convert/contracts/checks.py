"""What a prompt declares to hold between the rows of a document and within them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llm_convert.contracts.base import Contract


class UniqueCheck(Contract):
    """No two rows of a document may agree in all these fields."""

    kind: Literal["unique"]
    fields: tuple[str, ...] = Field(min_length=1)


class RangeCheck(Contract):
    """A value must lie between two bounds, both allowed."""

    kind: Literal["range"]
    field: str
    minimum: float | None = None
    maximum: float | None = None


class SumCheck(Contract):
    """A control total that the document states must equal the sum of its parts.

    A row whose ``label`` field matches ``totals`` is a stated total: it is checked and left out of the result. Its
    parts are the rows of the same ``group`` that are no totals.
    """

    kind: Literal["sum"]
    value: str
    label: str
    totals: tuple[str, ...] = Field(min_length=1)
    """Labels of stated totals, such as ``합계``; compared without regard to case and spaces."""
    group: tuple[str, ...] = ()
    """The fields that a total shares with its parts."""
    tolerance: float = Field(default=0.0, ge=0)
    """How far stated and computed sums may differ, in the field's unit."""


class _Relation(Contract):
    """Between terms that are fields of one row; or, with ``label``, rows of one group."""

    label: str | None = None
    """The field that says which term a row is; None: the terms are fields."""
    value: str | None = None
    """With ``label``: the field with the numbers."""
    group: tuple[str, ...] = ()
    """With ``label``: the fields in which the rows of one comparison agree."""
    tolerance: float = Field(default=0.0, ge=0)
    """How far stated and computed numbers may differ, in the unit of the stated one."""

    @model_validator(mode="after")
    def _says_where_its_numbers_stand(self) -> Self:
        if (self.label is None) != (self.value is None):
            raise ValueError("label and value are given together, or neither: then the terms are fields of one row")
        if self.label is None and self.group:
            raise ValueError("group is for terms that are rows: give label and value, or leave group out")
        return self


class PercentCheck(_Relation):
    """A stated percentage must be that of its part, rounded as it is shown.

    Where terms are rows, the stated percentage is left out of the result like a stated total.
    """

    kind: Literal["percent"]
    stated: str
    """A field, or what ``label`` says, such as ``이익률``."""
    part: str
    of: str
    factor: float = Field(default=100.0, gt=0)
    """100 where 4 means 4 %, 1 where 0.04 does, as percent cells of a workbook are read."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term."""
        return self.stated, self.part, self.of


class BalanceCheck(_Relation):
    """Opening plus ``plus`` less ``minus`` must equal closing."""

    kind: Literal["balance"]
    opening: str
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    closing: str

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term."""
        return self.opening, *self.plus, *self.minus, self.closing


Relation = PercentCheck | BalanceCheck
Check = Annotated[UniqueCheck | RangeCheck | SumCheck | PercentCheck | BalanceCheck, Field(discriminator="kind")]


def fields_of(check: UniqueCheck | RangeCheck | SumCheck | Relation) -> tuple[str, ...]:
    """The fields that a check names."""
    match check:
        case UniqueCheck():
            return check.fields
        case RangeCheck():
            return (check.field,)
        case SumCheck():
            return (check.value, check.label, *check.group)
        case PercentCheck() | BalanceCheck():
            if check.label is None or check.value is None:
                return check.terms
            return (check.value, check.label, *check.group)
