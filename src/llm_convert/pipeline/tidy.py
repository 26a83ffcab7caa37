"""Tidy documents: read straight into a declared table, by its columns' names and aliases, and proven like any other."""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.checks import UniqueCheck
from llm_convert.contracts.manifest import Manifest, ManifestEntry
from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt
from llm_convert.contracts.steps import BranchInputs, InputRef, Origin
from llm_convert.contracts.tables import TableSchema
from llm_convert.contracts.work import Cause, QuarantinedRow, Row, WorkItemError
from llm_convert.conversion.checks import check_rows
from llm_convert.conversion.grounding import prove
from llm_convert.documents import ReadOptions, read_document
from llm_convert.layouts import answer
from llm_convert.objects import read_model
from llm_convert.pipeline.context import StepContext

MODEL = "tidy-1"
"""What stands in place of a model's name for rows that no model made."""


def tidy_inputs(context: StepContext) -> BranchInputs:
    """The tidy documents of the branch's source, and the tables they are for."""
    manifest = read_model(context.store, keys.documents(context.tenant, context.bsda, context.source.id), Manifest)
    # The same bytes under two names are landed once, under the first.
    first = {(entry.table, entry.file.sha256): entry for entry in reversed(manifest.entries) if entry.table is not None}
    inputs = tuple(_reference(entry) for entry in manifest.entries if entry in first.values())
    used = {reference.table for reference in inputs}
    return BranchInputs(inputs=inputs, tables=tuple(table for table in context.config.tables if table.table in used))


def read_tidy(context: StepContext, reference: InputRef, table: TableSchema) -> tuple[list[Row], list[QuarantinedRow]]:
    """The proven and the quarantined rows of one tidy document.

    Raises:
        WorkItemError: the document can't be read, or does not hold the table.
    """
    options = ReadOptions(
        include_hidden_sheets=context.config.include_hidden_sheets, max_bytes=context.settings.max_document_bytes
    )
    document = read_document(reference.origin.document, context.store.read(reference.key).data, options)
    prompt = _as_prompt(table)
    found = answer(prompt, document)
    if found.clarify:
        raise WorkItemError(Cause.CLARIFY, found.clarify)
    if not found.rows:
        raise WorkItemError(found.cause or Cause.NO_TABLE_FOUND, found.detail)
    proven, quarantined = prove(found, prompt, document)
    checked = check_rows(prompt, proven)
    return checked.rows, quarantined + checked.quarantined


def _as_prompt(table: TableSchema) -> Prompt:
    """The table as a prompt that the layouts understand: one row a record, the key unique."""
    fields = tuple(
        OutputField(
            name=c.name, type=c.type, aliases=c.aliases, unit=c.unit, required=c.required, description=c.description
        )
        for c in table.columns
    )
    checks = (UniqueCheck(kind="unique", fields=table.key),) if table.key else ()
    return Prompt(
        prompt_id="tidy",
        file_ids=("*",),
        instructions=f"Read the table {table.table}.",
        output=OutputSchema(table=table.table, fields=fields),
        checks=checks,
    )


def _reference(entry: ManifestEntry) -> InputRef:
    assert entry.table is not None and entry.file_id is not None
    origin = Origin(
        source=entry.file.source,
        document=entry.file.name,
        sha256=entry.file.sha256,
        file_id=entry.file_id,
        provider="tidy",
        model=MODEL,
        run_id="tidy",
    )
    return InputRef(kind="tidy", key=entry.file.key, table=entry.table, origin=origin)
