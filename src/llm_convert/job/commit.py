"""Committing a run: each task leaves its part, and whoever finds all parts there writes the report.

Two tasks that finish together both find all parts; they write the same report, and the first one's stays.
"""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.launch import JobRequest
from llm_convert.contracts.report import Report, ReportPart
from llm_convert.contracts.usage import Usage
from llm_convert.objects import create_model, overwrite, read_model
from llm_convert.ports import ObjectStore


def commit(
    store: ObjectStore, request: JobRequest, run_id: str, part: ReportPart, *, provider: str, max_failed_fraction: float
) -> Report | None:
    """Leave a task's part; the committed report when it was the last one, else None."""
    place = request.tenant, request.bsda, run_id
    overwrite(store, keys.report_part(*place, part.task), part.to_json())
    parts = [ReportPart.from_json(store.read(info.key).data) for info in store.list(keys.report_parts(*place))]
    if {found.task for found in parts} < set(range(part.tasks)):
        return None
    report = merge(request, run_id, parts, provider=provider, max_failed_fraction=max_failed_fraction)
    create_model(store, keys.report(*place), report)
    return read_model(store, keys.report(*place), Report)


def merge(
    request: JobRequest, run_id: str, parts: list[ReportPart], *, provider: str, max_failed_fraction: float
) -> Report:
    """One report in the manifest's order, the same however many tasks there were."""
    lines = sorted((line for part in parts for line in part.lines), key=lambda line: line.position)
    return Report(
        tenant=request.tenant,
        bsda=request.bsda,
        run_id=run_id,
        provider=provider,
        file_id=request.file_id,
        prompt_id=request.prompt_id,
        started_at=min(part.started_at for part in parts),
        finished_at=max(part.finished_at for part in parts),
        items=tuple(line.item for line in lines),
        usage=sum((line.item.usage for line in lines), Usage()),
        max_failed_fraction=max_failed_fraction,
    )
