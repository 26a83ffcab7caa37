"""A prompt: what to make of a kind of document, and the schema of the rows that come out."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from llm_convert.contracts.base import Contract, Scalar
from llm_convert.contracts.checks import Check, UniqueCheck, fields_of
from llm_convert.contracts.tables import Column, FieldType, TableSchema


class Role(StrEnum):
    """Where in a table a field's value stands, seen from the cell that makes the row."""

    COLUMN = "column"
    """In the same row, under a header with the field's name."""
    VALUE = "value"
    """The cell itself: in an observations layout each filled value cell makes a row."""
    HEADER = "header"
    """Above it, in the header block."""
    LABEL = "label"
    """In the label columns of its row."""
    SECTION = "section"
    """A heading line above its row, or the label that a group of rows shares."""
    TITLE = "title"
    """In the title lines above the table, or in the sheet's name."""


class Layout(StrEnum):
    """What one output row is."""

    RECORDS = "records"
    """One row of the table."""
    OBSERVATIONS = "observations"
    """One filled value cell of the table."""
    ANY_TABLE = "any_table"
    """One filled cell of any table, in a fixed long form: see ``prompts/builtin/any_table.yaml``."""


class OutputField(Contract):
    """One field of the rows: its name, its type, and what documents call it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: FieldType = FieldType.TEXT
    description: str = ""
    aliases: tuple[str, ...] = ()
    """What documents call it, in any language; matched without regard to case, spaces and punctuation."""
    unit: str | None = None
    """The unit the value is wanted in, such as ``KRW``; a document's ``(단위: 천원)`` is scaled to it."""
    role: Role = Role.COLUMN
    required: bool = False
    values: tuple[str, ...] = ()
    """The closed list of values it may take; empty: any."""
    examples: tuple[Scalar, ...] = ()


class OutputSchema(Contract):
    """The table the rows are for, and its fields in order."""

    table: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    fields: tuple[OutputField, ...] = Field(min_length=1)
    layout: Layout = Layout.RECORDS
    skip: tuple[str, ...] = ()
    """Labels of rows and columns that are derived from others and are no data, such as ``영업이익률``."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [f.name for f in self.fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"field names must be unique, found twice: {', '.join(twice)}")
        values = [f.name for f in self.fields if f.role is Role.VALUE]
        if self.layout is Layout.OBSERVATIONS and len(values) != 1:
            raise ValueError(f"an observations layout needs exactly one field with role 'value', found {len(values)}")
        return self

    def field(self, name: str) -> OutputField:
        """The field of this name; KeyError when there is none."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def table_schema(self, key: tuple[str, ...] = ()) -> TableSchema:
        """The table that these rows land in."""
        return TableSchema(
            table=self.table,
            columns=tuple(
                Column(
                    name=f.name,
                    type=f.type,
                    aliases=f.aliases,
                    unit=f.unit,
                    required=f.required,
                    description=f.description,
                )
                for f in self.fields
            ),
            key=key,
        )


class ModelTier(StrEnum):
    """How strong a model the work wants; settings name the model of each tier."""

    FAST = "fast"
    MAIN = "main"
    STRONG = "strong"


class WorkedExample(Contract):
    """A piece of a document and the rows that are wanted of it, as a model is shown before the document itself."""

    document: str = Field(min_length=1)
    rows: tuple[dict[str, Scalar], ...]
    """Values by field; none where the lesson is that such a piece gives no rows."""
    note: str = ""
    """Why, in a sentence."""


class Strategy(StrEnum):
    """A way to convert a document; those that are chosen are tried in order until one of them succeeds."""

    KEPT = "kept"
    """By a program that is kept for its layout: no call."""
    RULES = "rules"
    """By rules over the headers of its tables, where every row is proven and no check fails: no call."""
    PROGRAM = "program"
    """By a program that a model writes for its layout, which is then kept."""
    DIRECT = "direct"
    """The provider is asked for the rows themselves. It ends every document, so nothing may follow it."""


def strategies_in_order(names: tuple[Strategy, ...]) -> tuple[Strategy, ...]:
    """The same strategies.

    Raises:
        ValueError: one is named twice, or stands after ``direct``.
    """
    twice = sorted({name.value for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each strategy may be named once, found twice: {', '.join(twice)}")
    if Strategy.DIRECT in names[:-1]:
        raise ValueError("'direct' ends every document: name it last")
    return names


class Prompt(Contract):
    """One prompt, as its YAML file says it."""

    prompt_id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    title: str = ""
    file_ids: tuple[str, ...] = Field(min_length=1)
    """The FILE_IDs it serves; ``*`` serves any."""
    instructions: str = Field(min_length=1)
    output: OutputSchema
    checks: tuple[Check, ...] = ()
    examples: tuple[WorkedExample, ...] | None = Field(default=None, min_length=1)
    """Shown before the document, where the service's cache keeps them for all calls of the prompt."""
    tier: ModelTier = ModelTier.MAIN
    optional: bool = False
    """An optional prompt's failure is recorded and never counts against the run."""
    strategies: tuple[Strategy, ...] = ()
    """How its documents are converted, in order; empty: as settings say."""

    @field_validator("strategies")
    @classmethod
    def _strategies_are_an_order(cls, names: tuple[Strategy, ...]) -> tuple[Strategy, ...]:
        return strategies_in_order(names)

    @field_validator("instructions")
    @classmethod
    def _instructions_are_said(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("instructions are empty")
        return text

    @model_validator(mode="after")
    def _checks_name_fields(self) -> Self:
        known = {f.name for f in self.output.fields}
        for check in self.checks:
            for name in fields_of(check):
                if name not in known:
                    raise ValueError(
                        f"the {check.kind} check names an unknown field {name!r}; known: {', '.join(sorted(known))}"
                    )
        return self

    @model_validator(mode="after")
    def _examples_name_fields(self) -> Self:
        known = {f.name for f in self.output.fields}
        for number, example in enumerate(self.examples or (), 1):
            unknown = sorted({name for row in example.rows for name in row} - known)
            if unknown:
                raise ValueError(f"example {number} names unknown fields {unknown}; known: {', '.join(sorted(known))}")
        return self

    def serves(self, file_id: str) -> bool:
        """Whether documents of this FILE_ID are converted under this prompt."""
        return "*" in self.file_ids or file_id in self.file_ids

    @property
    def digest(self) -> str:
        """16 hex digits that change when anything that can change an answer changes."""
        # A field that was added later counts only where it is given: what was paid before it keeps its identity.
        later = set() if self.strategies else {"strategies"}
        said = self.model_dump_json(exclude_none=True, exclude=later)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def key(self) -> tuple[str, ...]:
        """The fields that tell two rows of one document apart, from the first unique check."""
        return next((check.fields for check in self.checks if isinstance(check, UniqueCheck)), ())


def folded(text: str) -> str:
    """A label without case, spaces and punctuation: how labels of people are compared."""
    return re.sub(r"[\W_]+", "", text.casefold())
