"""Two tables about all the others, landed the same way: which inputs gave which rows, and which rows were held back.

``llm_convert_lineage`` has a row for each input of a branch, ``llm_convert_quarantine`` one for each row that a check,
a filter or a table's types kept out, with the reasons. The tag columns say where each came from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from llm_convert.contracts import keys
from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.steps import BranchInputs, InputRef, Origin, RejectedRow, StepRow
from llm_convert.contracts.tables import Column, FieldType, TableSchema
from llm_convert.contracts.work import Failure, QuarantinedRow, Reply, Result, Row
from llm_convert.errors import ConfigurationError, ObjectNotFoundError
from llm_convert.objects import find_model, from_jsonl, read_model
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.landing import land_rows
from llm_convert.pipeline.parquet import typed_parquet

LINEAGE = TableSchema(
    table="llm_convert_lineage",
    columns=(
        Column(name="table_name"),
        Column(name="landed", type=FieldType.INTEGER, description="rows in the table"),
        Column(name="held_back", type=FieldType.INTEGER, description="rows in llm_convert_quarantine"),
    ),
)
QUARANTINE = TableSchema(
    table="llm_convert_quarantine",
    columns=(
        Column(name="table_name"),
        Column(name="step", description="job, filter or converter"),
        Column(name="verdict", description="rejected: as a declared filter wants it; quarantined: a fault"),
        Column(name="reasons", description="a JSON list"),
        Column(name="row_values", description="a JSON object"),
    ),
)
_LEFT = (
    ("filter", "rejected", "filter/rejected.jsonl"),
    ("filter", "quarantined", "filter/quarantined.jsonl"),
    ("converter", "quarantined", "converter/quarantined.jsonl"),
)

Held = tuple[str, str, RejectedRow]
"""Step, verdict and row."""


def refuse_own_names(tables: tuple[TableSchema, ...]) -> None:
    """Raises ConfigurationError for a table that has the name of one of these two."""
    for table in tables:
        if table.table in {LINEAGE.table, QUARANTINE.table}:
            raise ConfigurationError(
                f"the table name {table.table!r} is this library's own", remedy="Give the table another name."
            )


def land_lineage(
    context: StepContext, inputs: BranchInputs, landed: Mapping[tuple[str, Origin], int], failed: list[ItemReport]
) -> None:
    """Land both tables for a branch.

    Args:
        landed: by table and origin, how many rows are in the table.
        failed: the work items that ended without rows; what they held is quarantined.
    """
    held = [*_held_by_steps(context), *_held_by_results(context, inputs), *_held_by_failures(context, failed)]
    counts = Counter((row.table, row.origin) for _, _, row in held)
    lines = [_line(reference, landed, counts) for reference in inputs.inputs]
    _land(context, LINEAGE, lines)
    _land(context, QUARANTINE, [_held_row(*one) for one in held])


def _land(context: StepContext, table: TableSchema, rows: list[StepRow]) -> None:
    land_rows(context, table.table, typed_parquet(table, rows), rows)


def _line(
    reference: InputRef, landed: Mapping[tuple[str, Origin], int], held: Mapping[tuple[str, Origin], int]
) -> StepRow:
    key = (reference.table, reference.origin)
    values = {"table_name": reference.table, "landed": landed.get(key, 0), "held_back": held.get(key, 0)}
    return StepRow(table=LINEAGE.table, row=Row(values=values), origin=reference.origin)


def _held_row(step: str, verdict: str, held: RejectedRow) -> StepRow:
    values = {
        "table_name": held.table,
        "step": step,
        "verdict": verdict,
        "reasons": json.dumps(held.reasons, ensure_ascii=False),
        "row_values": json.dumps(held.row.values, ensure_ascii=False, sort_keys=True),
    }
    return StepRow(table=QUARANTINE.table, row=Row(values=values, at=held.row.at), origin=held.origin)


def _held_by_steps(context: StepContext) -> Iterator[Held]:
    for step, verdict, name in _LEFT:
        try:
            data = context.store.read(context.key(name)).data
        except ObjectNotFoundError:
            continue
        for row in from_jsonl(data, RejectedRow):
            yield step, verdict, row


def _held_by_results(context: StepContext, inputs: BranchInputs) -> Iterator[Held]:
    for reference in inputs.inputs:
        if reference.kind == "result":
            quarantined = read_model(context.store, reference.key, Result).quarantined
            yield from _held_by_job(reference.table, reference.origin, quarantined)


def _held_by_failures(context: StepContext, failed: list[ItemReport]) -> Iterator[Held]:
    for item in failed:
        if item.work_item is None or item.prompt_id is None:
            continue
        failure = find_model(context.store, keys.work(context.tenant, item.work_item, "failure"), Failure)
        if failure is not None and failure.quarantined:
            table = context.prompts.get(item.prompt_id).output.table
            yield from _held_by_job(table, _origin(context, item, failure), failure.quarantined)


def _held_by_job(table: str, origin: Origin, rows: tuple[QuarantinedRow, ...]) -> Iterator[Held]:
    for bad in rows:
        yield "job", "quarantined", RejectedRow(table=table, row=bad.row, origin=origin, reasons=bad.reasons)


def _origin(context: StepContext, item: ItemReport, failure: Failure) -> Origin:
    # A failure does not keep which model answered; its reply does.
    reply = find_model(context.store, keys.work(context.tenant, failure.item.id, "reply"), Reply)
    return Origin(
        source=item.source,
        document=item.document,
        sha256=item.sha256,
        file_id=failure.item.file_id,
        prompt_id=item.prompt_id,
        provider=reply.provider if reply else "",
        model=reply.model if reply else "",
        run_id=failure.run_id,
    )
