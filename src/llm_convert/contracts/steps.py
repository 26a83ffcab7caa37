"""What one downstream step leaves for the next."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llm_convert.contracts.base import Contract
from llm_convert.contracts.tables import TableSchema
from llm_convert.contracts.work import Cause, Row


class Origin(Contract):
    """Where a row came from; the tag step lands it beside the row."""

    source: str
    """The source's id."""
    document: str
    sha256: str
    file_id: str
    prompt_id: str | None = None
    """None for tidy documents."""
    provider: str
    model: str
    run_id: str
    """The run that converted the document; the step's name for tidy documents."""


class InputRef(Contract):
    """One set of rows that flows into a branch: a work item's result, or a tidy document."""

    kind: Literal["result", "tidy"]
    key: str
    """The object with the result, or with the document's bytes."""
    table: str
    origin: Origin


class BranchInputs(Contract):
    """All that flows into a branch for a BSDA, and the tables it is for."""

    inputs: tuple[InputRef, ...] = ()
    tables: tuple[TableSchema, ...] = ()


class StepRow(Contract):
    """A row on its way: canonical values, their addresses and the row's origin."""

    table: str
    row: Row
    origin: Origin


class RejectedRow(Contract):
    """A row that a filter kept back, or that could not be given its table's types."""

    table: str
    row: Row
    origin: Origin
    reasons: tuple[str, ...]


class StepFailure(Contract):
    """A tidy document that could not be read into its table."""

    document: str
    source: str
    file_id: str
    cause: Cause
    detail: str


class StepReport(Contract):
    """A step's account for one branch."""

    rows: dict[str, int] = Field(default_factory=dict)
    """Rows that flow on, by table."""
    rejected: dict[str, int] = Field(default_factory=dict)
    """Rows that a declared condition kept back, by table: as wanted, no fault."""
    quarantined: dict[str, int] = Field(default_factory=dict)
    """Rows that are not proven or do not fit their table, by table: a fault."""
    failures: tuple[StepFailure, ...] = ()
