"""check: red when any document failed or was quarantined, while the good ones have flowed on."""

from __future__ import annotations

from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.shown import one_line
from llm_convert.contracts.steps import StepReport
from llm_convert.contracts.work import Outcome, told_of
from llm_convert.errors import DataError
from llm_convert.pipeline.context import StepContext
from llm_convert.pipeline.results import committed_reports, newest_items

SHOWN = 20


def check_night(context: StepContext) -> dict[str, int]:
    """Look at every run and step of the night.

    Returns:
        Counts of what is well: ``succeeded``, ``skipped``, ``rejected`` rows.

    Raises:
        DataError: a person is needed; one line for each fault, with its remedy.
    """
    items = newest_items(committed_reports(context.store, context.tenant, context.bsda))
    steps = [
        (branch, step, report)
        for branch in context.config.sources
        for step in ("filter", "converter")
        if (report := _step_report(context, branch, step)) is not None
    ]
    faults = [_item_fault(item) for item in items if item.counts_against_run]
    faults += [f"{failure.document}: {told_of(failure.cause)}" for _, _, report in steps for failure in report.failures]
    faults += [
        f"{count} rows of {table} were quarantined by {step}-{branch}; see steps/{branch}/{step}/quarantined.jsonl"
        for branch, step, report in steps
        for table, count in report.quarantined.items()
    ]
    if faults:
        remedy = f"For the details run: llm-convert report {context.tenant} {context.bsda}"
        raise DataError(_said(faults), remedy=remedy)
    return {
        "succeeded": sum(item.outcome is Outcome.SUCCEEDED for item in items),
        "skipped": sum(item.outcome is Outcome.SKIPPED for item in items),
        "rejected": sum(count for _, _, report in steps for count in report.rejected.values()),
    }


def _step_report(context: StepContext, branch: str, step: str) -> StepReport | None:
    other = StepContext(
        store=context.store,
        warehouse=context.warehouse,
        config=context.config,
        settings=context.settings,
        prompts=context.prompts,
        bsda=context.bsda,
        branch=branch,
    )
    return other.found(f"{step}.json", StepReport)


def _item_fault(item: ItemReport) -> str:
    what = f"{item.document} under {item.prompt_id}: {item.outcome.value}"
    if item.outcome is Outcome.SUCCEEDED:
        return f"{what}, but {item.quarantined} of its rows were quarantined; see its result in the store"
    return f"{what}, {told_of(item.cause)}" if item.cause is not None else what


def _said(faults: list[str]) -> str:
    more = [f"... and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    head = f"{len(faults)} need a person; everything else has been landed:"
    return "\n".join([head, *(f"- {one_line(fault)}" for fault in faults[:SHOWN]), *more])
