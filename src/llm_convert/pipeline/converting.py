"""converter: gives the filtered rows their table's types, as Parquet; what does not fit is quarantined."""

from __future__ import annotations

from collections import Counter

from llm_convert.contracts.steps import BranchInputs, RejectedRow, StepReport, StepRow
from llm_convert.contracts.tables import TableSchema
from llm_convert.objects import from_jsonl, overwrite, to_jsonl
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.parquet import typed_parquet
from llm_convert.readings import ReadingError, read

INTEGER_BOUND = 2**63


def convert_rows(context: StepContext) -> StepReport:
    """Type every filtered row of every table of the branch."""
    inputs = context.found("inputs.json", BranchInputs) or BranchInputs()
    counts: dict[str, int] = {}
    quarantined: list[RejectedRow] = []
    for table in inputs.tables:
        rows = from_jsonl(context.store.read(context.key(f"filter/{table.table}.jsonl")).data, StepRow)
        fitting = []
        for row in rows:
            reasons, typed = _fit(table, row)
            if reasons:
                quarantined.append(RejectedRow(table=table.table, row=row.row, origin=row.origin, reasons=reasons))
            else:
                fitting.append(typed)
        overwrite(context.store, context.key(f"converter/{table.table}.jsonl"), to_jsonl(list(fitting)))
        overwrite(context.store, context.key(f"converter/{table.table}.parquet"), typed_parquet(table, fitting))
        counts[table.table] = len(fitting)
    overwrite(context.store, context.key("converter/quarantined.jsonl"), to_jsonl(list(quarantined)))
    report = StepReport(rows=counts, quarantined=dict(Counter(row.table for row in quarantined)))
    context.leave("converter.json", report)
    return report


def _fit(table: TableSchema, row: StepRow) -> tuple[tuple[str, ...], StepRow]:
    """The reasons why a row does not fit its table, and the row with every column in its canonical form."""
    reasons, values = [], {}
    for column in table.columns:
        try:
            value = read(row.row.values.get(column.name), column.type)
        except ReadingError as error:
            reasons.append(f"{column.name}: {error}")
            continue
        if value is None and column.required:
            reasons.append(f"{column.name}: is required and blank")
        if isinstance(value, int) and not -INTEGER_BOUND <= value < INTEGER_BOUND:
            reasons.append(f"{column.name}: {value} does not fit 64 bits")
        values[column.name] = value
    return tuple(reasons), row.model_copy(update={"row": row.row.model_copy(update={"values": values})})
