"""Calls of a tenant whose end nobody has seen: those under way now, and those in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from llm_convert.claims.lease import Lease
from llm_convert.contracts import keys
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.work import Failure, Reply, Result
from llm_convert.objects import find_model
from llm_convert.ports import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call without a reply."""

    call: SentCall
    in_doubt: bool
    """Whoever sent it is gone or gave it up: it may have been charged. False: it is under way."""


def open_calls(store: ObjectStore, tenant: str, now: datetime) -> Iterator[OpenCall]:
    """All of a tenant, by work item."""
    for found in _noted(store, tenant, now):
        if not _is_answered(store, tenant, found.call):
            yield found


def _noted(store: ObjectStore, tenant: str, now: datetime) -> Iterator[OpenCall]:
    """What claims and endings say of calls; a reply may have come since."""
    prefix = f"{keys.work_items(tenant)}/"
    for info in store.list(prefix):
        item_id, _, name = info.key.removeprefix(prefix).partition("/")
        match name:
            case "claim.json":
                yield from _of_claim(find_model(store, info.key, Lease), now)
            case "result.json":
                yield from _of_ending(find_model(store, info.key, Result))
            case "failure.json":
                # A result outranks a failure that was left beside it, and tells the same calls.
                if find_model(store, keys.work(tenant, item_id, "result"), Result) is None:
                    yield from _of_ending(find_model(store, info.key, Failure))


def _is_answered(store: ObjectStore, tenant: str, call: SentCall) -> bool:
    reply = find_model(store, keys.reply(tenant, call.work_item, call.call), Reply)
    return reply is not None and any(attempt.at == call.sent_at for attempt in reply.attempts[-1:])


def _of_claim(lease: Lease | None, now: datetime) -> Iterator[OpenCall]:
    if lease is None:
        return
    yield from (OpenCall(call=call, in_doubt=True) for call in lease.in_doubt)
    if lease.call is not None:
        yield OpenCall(call=lease.call, in_doubt=lease.seconds_left(now) <= 0)


def _of_ending(ending: Result | Failure | None) -> Iterator[OpenCall]:
    if ending is not None:
        yield from (OpenCall(call=call, in_doubt=True) for call in ending.in_doubt)
