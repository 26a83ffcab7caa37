"""A work item's line of the report, told from how it ended alone: the same whoever of many tasks tells it."""

from __future__ import annotations

from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.shown import one_line
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Failure, Result
from llm_convert.job.plan import Planned


def line_of(planned: Planned, ending: Result | Failure, run_id: str, *, untold: frozenset[str]) -> ItemReport:
    """The line of an item that ended.

    Args:
        planned: the item.
        ending: as the ledger keeps it.
        run_id: of the run that reports; what an earlier one ended is reused.
        untold: earlier runs that left no report: what they paid is told here.
    """
    item, succeeded = planned.item, isinstance(ending, Result)
    assert item is not None
    reused = ending.run_id != run_id
    told_before = reused and ending.run_id not in untold
    return ItemReport(
        document=planned.name,
        source=planned.source,
        sha256=item.document_sha256,
        file_id=item.file_id,
        prompt_id=item.prompt_id,
        work_item=item.id,
        outcome=ending.outcome,
        cause=None if isinstance(ending, Result) else ending.cause,
        # What a model asks, and labels that a check quotes, may hold line breaks: a log is read by lines.
        detail=one_line("; ".join(_notes(planned, ending))),
        rows=len(ending.rows) if isinstance(ending, Result) else 0,
        quarantined=len(ending.quarantined) if succeeded else 0,
        reused=reused,
        optional=item.optional,
        usage=Usage() if told_before else ending.paid,
        seconds=0.0 if reused else round(ending.seconds, 3),
        provider=ending.provider if isinstance(ending, Result) else _last_asked(ending),
        model=ending.model if isinstance(ending, Result) else "",
        strategy=ending.strategy if isinstance(ending, Result) else "",
        drift=ending.drift,
        in_doubt_calls=0 if told_before else len(ending.in_doubt),
        in_doubt_microusd=0 if told_before else sum(call.worst_case_microusd for call in ending.in_doubt),
    )


def _notes(planned: Planned, ending: Result | Failure) -> list[str]:
    """How it came to be converted, where that is not plain, and how it ended."""
    chosen = [planned.note] if planned.note else []
    ended = [] if isinstance(ending, Result) else [ending.said]
    return [*chosen, *ended, *ending.notes]


def _last_asked(failure: Failure) -> str:
    return failure.attempts[-1].provider if failure.attempts else ""
