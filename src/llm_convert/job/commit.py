"""Committing a run: each task leaves its part, and whoever finds that the parts tell of every line writes the report.

Two tasks that finish together both find that; they write the same report, and the first one's stays. Lines go from part
to report as the JSON that they are: no more than one object's bytes are in memory.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from llm_convert.contracts import keys
from llm_convert.contracts.launch import JobRequest
from llm_convert.contracts.report import Report, ReportPart
from llm_convert.contracts.usage import Usage
from llm_convert.errors import PreconditionFailedError
from llm_convert.job.account import Account, Tally
from llm_convert.objects import overwrite, read_model
from llm_convert.ports import ObjectStore

_NO_ITEMS = b'"items":[]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A run whose report is there."""

    key: str
    tally: Tally
    usage: Usage
    max_failed_fraction: float

    def read(self, store: ObjectStore) -> Report:
        """The report, whole."""
        return read_model(store, self.key, Report)


def commit(
    store: ObjectStore,
    request: JobRequest,
    run_id: str,
    part: ReportPart,
    account: Account,
    *,
    provider: str,
    max_failed_fraction: float,
) -> Committed | None:
    """Leave a task's part; the committed run when nothing is missing any more, else None.

    Args:
        part: what the task says of itself.
        account: its lines; those of other tasks are added.
    """
    place = request.tenant, request.bsda, run_id
    parts = [part]
    if part.tasks > 1:
        overwrite(store, keys.report_part(*place, part.task), b"".join(_part_lines(part, account)))
        parts = [_merged(store, info.key, account) for info in store.list(keys.report_parts(*place))]
    if len(account) < part.positions:
        return None
    tally = account.tally()
    usage = sum((part.routing for part in parts), tally.usage)
    report = Report(
        tenant=request.tenant,
        bsda=request.bsda,
        run_id=run_id,
        provider=provider,
        file_id=request.file_id,
        prompt_id=request.prompt_id,
        started_at=min(part.started_at for part in parts),
        finished_at=max(part.finished_at for part in parts),
        usage=usage,
        max_failed_fraction=max_failed_fraction,
    )
    key = keys.report(*place)
    with contextlib.suppress(PreconditionFailedError):
        store.create(key, _with_items(report, account))
    return Committed(key=key, tally=tally, usage=usage, max_failed_fraction=max_failed_fraction)


def _part_lines(part: ReportPart, account: Account) -> Iterator[bytes]:
    """JSON lines: the part itself, then each position and its item."""
    yield part.to_json() + b"\n"
    for position, line in account.lines():
        yield b'{"position":%d,"item":%s}\n' % (position, line)


def _merged(store: ObjectStore, key: str, account: Account) -> ReportPart:
    """Take a part's lines in; of two that differ the one that knows of an end outranks the one that gave up waiting."""
    head, *lines = store.read(key).data.splitlines()
    for line in lines:
        found = json.loads(line)
        position, item = found["position"], found["item"]
        if position not in account or ("cause" not in item and b'"cause":' in account.line(position)):
            account.put(position, json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())
    return ReportPart.from_json(head)


def _with_items(report: Report, account: Account) -> bytes:
    before, _, after = report.to_json().partition(_NO_ITEMS)
    items = b",".join(line for _, line in account.lines())
    return b"".join([before, b'"items":[', items, b"]", after])
