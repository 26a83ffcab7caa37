"""tag: adds to each row where it came from, and lands the table: once for a tenant, BSDA and branch."""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.steps import BranchInputs, StepRow
from llm_convert.contracts.tables import TableSchema
from llm_convert.errors import ObjectNotFoundError
from llm_convert.objects import from_jsonl, overwrite
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.parquet import digest_of, tagged_parquet
from llm_convert.ports import Load


def tag_and_land(context: StepContext) -> dict[str, int | list[str]]:
    """Tag and land every table of the branch.

    A table without rows is landed only where an earlier landing of the same night must be emptied.

    Returns:
        ``rows`` in the tables now, ``changed`` and ``unchanged`` tables by name.
    """
    inputs = context.found("inputs.json", BranchInputs) or BranchInputs()
    rows = 0
    changed: list[str] = []
    unchanged: list[str] = []
    for table in inputs.tables:
        landed = _land(context, table)
        if landed is None:
            continue
        rows += landed[0]
        (changed if landed[1] else unchanged).append(table.table)
    return {"rows": rows, "changed": changed, "unchanged": unchanged}


def _land(context: StepContext, table: TableSchema) -> tuple[int, bool] | None:
    rows = from_jsonl(context.store.read(context.key(f"converter/{table.table}.jsonl")).data, StepRow)
    typed = context.store.read(context.key(f"converter/{table.table}.parquet")).data
    key = keys.table(context.tenant, table.table, context.bsda, context.branch)
    if not rows and not _exists(context, key):
        return None
    tagged = tagged_parquet(typed, rows, tenant=context.tenant, bsda=context.bsda, branch=context.branch)
    overwrite(context.store, key, tagged)
    landed = context.warehouse.land(
        Load(
            table=table.table,
            tenant=context.tenant,
            bsda=context.bsda,
            branch=context.branch,
            digest=digest_of(tagged),
            parquet=tagged,
            uri=context.store.locate(key),
        )
    )
    return landed.rows, landed.changed


def _exists(context: StepContext, key: str) -> bool:
    try:
        context.store.read(key)
    except ObjectNotFoundError:
        return False
    return True
