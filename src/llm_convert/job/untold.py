"""Runs that no report tells of: they were killed before they could leave one, and what they paid is on the bill."""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.launch import run_id_of
from llm_convert.ports import ObjectStore


def untold_runs(store: ObjectStore, tenant: str, bsda: str, run_id: str) -> frozenset[str]:
    """The tries of a launch before this one, back to the last that left a report.

    A launch is tried again only when its last try is over: none of them will leave a report any more. A run that was
    started from a shell, without a number, follows none.
    """
    launch_key, _, number = run_id.rpartition("-")
    found: set[str] = set()
    for attempt in range(int(number) - 1 if launch_key and number.isdecimal() else 0, 0, -1):
        earlier = run_id_of(launch_key, attempt)
        if any(store.list(keys.report(tenant, bsda, earlier))):
            break
        found.add(earlier)
    return frozenset(found)
