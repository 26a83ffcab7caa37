"""Committing a run: each task leaves its part, and whoever finds that the parts tell of every line writes the report.

Two tasks that finish together both find that; they write the same report, and the first one's stays.
"""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.launch import JobRequest
from llm_convert.contracts.report import ItemReport, Report, ReportPart
from llm_convert.contracts.usage import Usage
from llm_convert.objects import create_model, overwrite, read_model
from llm_convert.ports import ObjectStore


def commit(
    store: ObjectStore, request: JobRequest, run_id: str, part: ReportPart, *, provider: str, max_failed_fraction: float
) -> Report | None:
    """Leave a task's part; the committed report when nothing is missing any more, else None."""
    place = request.tenant, request.bsda, run_id
    overwrite(store, keys.report_part(*place, part.task), part.to_json())
    parts = [ReportPart.from_json(store.read(info.key).data) for info in store.list(keys.report_parts(*place))]
    lines = _lines(parts)
    if len(lines) < part.positions:
        return None
    report = Report(
        tenant=request.tenant,
        bsda=request.bsda,
        run_id=run_id,
        provider=provider,
        file_id=request.file_id,
        prompt_id=request.prompt_id,
        started_at=min(part.started_at for part in parts),
        finished_at=max(part.finished_at for part in parts),
        items=tuple(lines[position] for position in sorted(lines)),
        usage=sum((line.usage for line in lines.values()), sum((part.routing for part in parts), Usage())),
        max_failed_fraction=max_failed_fraction,
    )
    create_model(store, keys.report(*place), report)
    return read_model(store, keys.report(*place), Report)


def _lines(parts: list[ReportPart]) -> dict[int, ItemReport]:
    """By position; of two that differ the one that knows of an end outranks the one that gave up waiting for it."""
    lines: dict[int, ItemReport] = {}
    for part in parts:
        for line in part.lines:
            standing = lines.get(line.position)
            if standing is None or (standing.cause is not None and line.item.cause is None):
                lines[line.position] = line.item
    return lines
