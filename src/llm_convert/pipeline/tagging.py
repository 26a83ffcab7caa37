"""tag: adds to each row where it came from, and lands the table: once for a tenant, BSDA and branch."""

from __future__ import annotations

from collections import Counter
from typing import Any

from llm_convert.contracts.report import ItemReport, Report, format_usd
from llm_convert.contracts.steps import BranchInputs, Origin, StepRow
from llm_convert.contracts.work import Outcome
from llm_convert.objects import from_jsonl
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.landing import land_rows
from llm_convert.pipeline.lineage import land_lineage, refuse_own_names
from llm_convert.pipeline.results import committed_reports, newest_items


def tag_and_land(context: StepContext) -> dict[str, Any]:
    """Tag and land every table of the branch, then the lineage and the quarantine.

    A table without rows is landed only where an earlier landing of the same night must be emptied.

    Returns:
        ``rows`` in the tables now, ``changed`` and ``unchanged`` tables by name, ``tables``: rows by name,
        ``cost_usd`` by name: what the night's runs paid for it, the ``run`` that was committed last, the ``bsda``.
    """
    inputs = context.found("inputs.json", BranchInputs) or BranchInputs()
    refuse_own_names(inputs.tables)
    landed: dict[str, int] = {}
    changed: list[str] = []
    by_origin: Counter[tuple[str, Origin]] = Counter()
    for table in inputs.tables:
        rows = from_jsonl(context.store.read(context.key(f"converter/{table.table}.jsonl")).data, StepRow)
        typed = context.store.read(context.key(f"converter/{table.table}.parquet")).data
        done = land_rows(context, table.table, typed, rows)
        if done is None:
            continue
        by_origin.update((table.table, row.origin) for row in rows)
        landed[table.table] = done.rows
        changed += [table.table] if done.changed else []
    reports = committed_reports(context.store, context.tenant, context.bsda) if context.carries_results else []
    land_lineage(context, inputs, by_origin, _without_rows(context, reports))
    return {
        "rows": sum(landed.values()),
        "changed": changed,
        "unchanged": [name for name in landed if name not in changed],
        "tables": landed,
        "cost_usd": {name: format_usd(cost) for name, cost in _costs(context, reports, landed).items()},
        "run": reports[-1].run_id if reports else "",
        "bsda": context.bsda,
    }


def _ours(context: StepContext, items: list[ItemReport]) -> list[ItemReport]:
    return [item for item in items if item.source == context.crawled_source.id]


def _without_rows(context: StepContext, reports: list[Report]) -> list[ItemReport]:
    ended = {Outcome.FAILED, Outcome.CLARIFY}
    return [item for item in _ours(context, newest_items(reports)) if item.outcome in ended]


def _costs(context: StepContext, reports: list[Report], tables: dict[str, int]) -> dict[str, int]:
    """Micro-dollars by table. Each report holds what its own run paid, so that all of them make the night's bill."""
    costs = dict.fromkeys(tables, 0)
    for report in reports:
        for item in _ours(context, list(report.items)):
            if item.prompt_id is None or not item.usage.cost_microusd:
                continue
            table = context.prompts.get(item.prompt_id).output.table
            if table in costs:
                costs[table] += item.usage.cost_microusd
    return costs
