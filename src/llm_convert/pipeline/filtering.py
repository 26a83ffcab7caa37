"""filter: lets through the rows that meet the tenant's declared conditions; keeps the others with the reason."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, InvalidOperation

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.steps import BranchInputs, InputRef, RejectedRow, StepFailure, StepReport, StepRow
from llm_convert.contracts.tables import FilterCondition, Operator, TableSchema
from llm_convert.contracts.work import QuarantinedRow, Result, Row, WorkItemError
from llm_convert.errors import unknown_name
from llm_convert.objects import overwrite, read_model, to_jsonl
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.tidy import read_tidy, tidy_inputs
from llm_convert.readings import same


def filter_rows(context: StepContext) -> StepReport:
    """Read the branch's inputs and filter their rows."""
    inputs = (
        (context.found("inputs.json", BranchInputs) or BranchInputs())
        if context.carries_results
        else tidy_inputs(context)
    )
    if not context.carries_results:
        context.leave("inputs.json", inputs)
    _check_filters(context, inputs.tables)
    accepted: dict[str, list[StepRow]] = {table.table: [] for table in inputs.tables}
    rejected: list[RejectedRow] = []
    quarantined: list[RejectedRow] = []
    failures: list[StepFailure] = []
    for reference in inputs.inputs:
        try:
            rows, held = _rows(context, reference, inputs.tables)
        except WorkItemError as error:
            failures.append(_failure(reference, error))
            continue
        quarantined += [_rejected(reference, bad.row, bad.reasons) for bad in held]
        for row in rows:
            reasons = tuple(c.said for c in context.config.filters.get(reference.table, ()) if not holds(c, row.values))
            if reasons:
                rejected.append(_rejected(reference, row, reasons))
            else:
                accepted[reference.table].append(StepRow(table=reference.table, row=row, origin=reference.origin))
    for table, step_rows in accepted.items():
        overwrite(context.store, context.key(f"filter/{table}.jsonl"), to_jsonl(list(step_rows)))
    overwrite(context.store, context.key("filter/rejected.jsonl"), to_jsonl(list(rejected)))
    overwrite(context.store, context.key("filter/quarantined.jsonl"), to_jsonl(list(quarantined)))
    report = StepReport(
        rows={table: len(step_rows) for table, step_rows in accepted.items()},
        rejected=dict(Counter(row.table for row in rejected)),
        quarantined=dict(Counter(row.table for row in quarantined)),
        failures=tuple(failures),
    )
    context.leave("filter.json", report)
    return report


def _check_filters(context: StepContext, tables: tuple[TableSchema, ...]) -> None:
    """Refuse a condition on a table or column that nobody declares: a mistyped one would let everything through."""
    prompted = {context.prompts.get(prompt_id).output.table for prompt_id in context.prompts.prompt_ids}
    known = prompted | {table.table for table in context.config.tables}
    for name, conditions in context.config.filters.items():
        if name not in known:
            raise unknown_name("table", name, known, where="filters")
        columns = {column.name for table in tables if table.table == name for column in table.columns}
        for condition in conditions:
            if columns and condition.field not in columns:
                raise unknown_name("column", condition.field, columns, where=f"filters.{name}")


def _rows(
    context: StepContext, reference: InputRef, tables: tuple[TableSchema, ...]
) -> tuple[list[Row], list[QuarantinedRow]]:
    if reference.kind == "result":
        # The quarantine of a result is told by the run's report; only proven rows flow on.
        return list(read_model(context.store, reference.key, Result).rows), []
    return read_tidy(context, reference, next(table for table in tables if table.table == reference.table))


def holds(condition: FilterCondition, values: dict[str, Scalar]) -> bool:
    """Whether a row's values meet a condition. A blank value meets none but ``!=`` and ``not in``."""
    value = values.get(condition.field)
    operands = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    match condition.op:
        case Operator.FILLED:
            return value is not None
        case Operator.EQUALS | Operator.IN:
            return any(_equal(value, operand) for operand in operands)
        case Operator.NOT_EQUALS | Operator.NOT_IN:
            return not any(_equal(value, operand) for operand in operands)
        case _:
            return value is not None and _compare(condition.op, value, operands[0])


def _equal(value: Scalar, operand: Scalar) -> bool:
    """Equality of a row's value and a person's operand: decimals are text in a row and numbers in a configuration."""
    if isinstance(operand, int | float) and not isinstance(operand, bool) and isinstance(value, str):
        try:
            return Decimal(value) == Decimal(repr(operand))
        except InvalidOperation:
            return False
    return same(value, operand)


def _compare(op: Operator, value: Scalar, operand: Scalar) -> bool:
    try:
        left, right = Decimal(str(value)), Decimal(str(operand))
        difference = (left > right) - (left < right)
    except InvalidOperation:
        difference = (str(value) > str(operand)) - (str(value) < str(operand))
    return {
        Operator.GREATER: difference > 0,
        Operator.GREATER_OR_EQUAL: difference >= 0,
        Operator.LESS: difference < 0,
        Operator.LESS_OR_EQUAL: difference <= 0,
    }[op]


def _rejected(reference: InputRef, row: Row, reasons: tuple[str, ...]) -> RejectedRow:
    return RejectedRow(table=reference.table, row=row, origin=reference.origin, reasons=reasons)


def _failure(reference: InputRef, error: WorkItemError) -> StepFailure:
    return StepFailure(
        document=reference.origin.document,
        source=reference.origin.source,
        file_id=reference.origin.file_id,
        cause=error.cause,
        detail=str(error),
    )
