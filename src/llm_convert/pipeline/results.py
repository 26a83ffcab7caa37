"""fileid_mapping_hai: says of each result of the model which table it is for, and hands it to its branch.

It looks at every committed run of the night and takes the newest ending of each document and prompt, so that a run
narrowed to one FILE_ID adds to what earlier runs gave and removes nothing.
"""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.report import ItemReport, Report
from llm_convert.contracts.steps import BranchInputs, InputRef, Origin
from llm_convert.contracts.tables import Column, TableSchema
from llm_convert.contracts.work import Outcome, Result
from llm_convert.errors import ConfigurationError
from llm_convert.objects import read_model
from llm_convert.pipeline.context import StepContext
from llm_convert.ports import ObjectStore


def map_results(context: StepContext) -> dict[str, int]:
    """Hand the night's results to this branch.

    Returns:
        Counts: ``results``, ``rows``, ``tables``.
    """
    items = newest_items(committed_reports(context.store, context.tenant, context.bsda))
    ours = [item for item in items if item.source == context.crawled_source.id and item.prompt_id is not None]
    results = [_result(context, item) for item in ours if item.outcome is Outcome.SUCCEEDED]
    prompts = {item.prompt_id for item in ours if item.prompt_id is not None}
    schemas = [context.prompts.get(name).output.table_schema(context.prompts.get(name).key) for name in sorted(prompts)]
    inputs = BranchInputs(
        inputs=tuple(_reference(item, result) for item, result in zip(_succeeded(ours), results, strict=True)),
        tables=merge_schemas(schemas),
    )
    context.leave("inputs.json", inputs)
    return {"results": len(results), "rows": sum(len(result.rows) for result in results), "tables": len(inputs.tables)}


def committed_reports(store: ObjectStore, tenant: str, bsda: str) -> list[Report]:
    """The reports of a night's runs, oldest first."""
    prefix = f"{keys.night(tenant, bsda)}/run/"
    found = [
        Report.from_json(store.read(info.key).data) for info in store.list(prefix) if info.key.endswith("/report.json")
    ]
    return sorted(found, key=lambda report: (report.finished_at, report.run_id))


def newest_items(reports: list[Report]) -> list[ItemReport]:
    """The newest account of each document and prompt, in the order of the newest report, then of older ones.

    A document that an older run skipped, and a newer one converted, counts as converted; and the other way round: a run
    that was narrowed to something else says nothing about it.
    """
    newest: dict[tuple[str, str, str, str | None], ItemReport] = {}
    for report in reversed(reports):
        for item in report.items:
            newest.setdefault((item.source, item.document, item.sha256, item.prompt_id), item)
    worked = {key[:3] for key, item in newest.items() if item.work_item is not None}
    return [item for key, item in newest.items() if item.work_item is not None or key[:3] not in worked]


def merge_schemas(schemas: list[TableSchema]) -> tuple[TableSchema, ...]:
    """One schema a table, by name: prompts that share a table add their columns to it.

    Raises:
        ConfigurationError: two prompts give one column different types.
    """
    merged: dict[str, TableSchema] = {}
    for schema in schemas:
        known = merged.get(schema.table)
        merged[schema.table] = schema if known is None else _merge(known, schema)
    return tuple(merged[name] for name in sorted(merged))


def _merge(one: TableSchema, other: TableSchema) -> TableSchema:
    columns = {column.name: column for column in one.columns}
    for column in other.columns:
        held = columns.setdefault(column.name, column)
        if held.type is not column.type:
            raise ConfigurationError(
                f"table {one.table!r}: column {column.name!r} is {held.type.value} in one prompt "
                f"and {column.type.value} in another",
                remedy="Give it one type, or another name.",
            )
    return TableSchema(
        table=one.table, columns=tuple(_optional(column, one, other) for column in columns.values()), key=()
    )


def _optional(column: Column, one: TableSchema, other: TableSchema) -> Column:
    """A column that only one of the prompts gives can't be required of the other's rows."""
    both = all(any(c.name == column.name for c in schema.columns) for schema in (one, other))
    return column if both else column.model_copy(update={"required": False})


def _succeeded(items: list[ItemReport]) -> list[ItemReport]:
    return [item for item in items if item.outcome is Outcome.SUCCEEDED]


def _result(context: StepContext, item: ItemReport) -> Result:
    assert item.work_item is not None
    return read_model(context.store, keys.work(context.tenant, item.work_item, "result"), Result)


def _reference(item: ItemReport, result: Result) -> InputRef:
    origin = Origin(
        source=item.source,
        document=item.document,
        sha256=item.sha256,
        file_id=result.item.file_id,
        prompt_id=item.prompt_id,
        provider=result.provider,
        model=result.model,
        run_id=result.run_id,
    )
    return InputRef(
        kind="result", key=keys.work(result.item.tenant, result.item.id, "result"), table=result.table, origin=origin
    )
