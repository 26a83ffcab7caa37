"""The schema of a landed table."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from llm_convert.contracts.base import Contract, Scalar


class FieldType(StrEnum):
    """The types a value can have. They name the reading of a source's text and the type of a landed column."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    """A double, exactly as stored in a workbook: rates, indices, measurements."""
    DECIMAL = "decimal"
    """DECIMAL(38, 9), exact: money."""
    DATE = "date"
    DATETIME = "datetime"
    BOOLEAN = "boolean"


class Column(Contract):
    """One column of a landed table."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: FieldType = FieldType.TEXT
    aliases: tuple[str, ...] = ()
    unit: str | None = None
    required: bool = False
    description: str = ""


class TableSchema(Contract):
    """A landed table: its own columns, to which the tag step adds where each row came from."""

    table: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _key_names_columns(self) -> Self:
        known = {column.name for column in self.columns}
        for name in self.key:
            if name not in known:
                raise ValueError(f"the key names an unknown column {name!r}; known: {', '.join(sorted(known))}")
        return self

    def column(self, name: str) -> Column:
        """The column of this name; KeyError when there is none."""
        for candidate in self.columns:
            if candidate.name == name:
                return candidate
        raise KeyError(name)


class Operator(StrEnum):
    """How a filter compares."""

    EQUALS = "=="
    NOT_EQUALS = "!="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    IN = "in"
    NOT_IN = "not in"
    FILLED = "filled"


class FilterCondition(Contract):
    """A row flows on only when this holds; a row for which it does not is kept aside with the reason."""

    field: str
    op: Operator
    value: Scalar | tuple[Scalar, ...] = None
    reason: str = ""
    """Said for a rejected row; by default the condition itself."""

    @property
    def said(self) -> str:
        """The reason in words."""
        operand = "" if self.op is Operator.FILLED else f" {self.value!r}"
        return self.reason or f"{self.field} is not {self.op.value}{operand}"
