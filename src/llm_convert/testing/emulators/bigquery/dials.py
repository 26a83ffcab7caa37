"""What can go wrong or take long, as data: set a dial while the emulator runs, and the next request meets it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class BigQueryDials:
    """The emulator's behaviour beside the protocol."""

    latency_seconds: float = 0.0
    """Every response waits for as long."""
    job_seconds: float = 0.0
    """A job is RUNNING for at least as long before it does its work."""
    pending_seconds: float = 0.0
    """A job is PENDING for as long before it runs."""
    fail_next: list[int] = field(default_factory=list)
    """HTTP statuses for the next requests, in order; such a request has no effect. 0 cuts the connection instead."""
    lose_every_nth_response: int = 0
    """Every n-th request takes effect and its connection is cut without a response; 0 loses none."""
    missing_permissions: set[str] = field(default_factory=set)
    """Permissions that the caller does not have, such as ``bigquery.tables.create``."""


class Missing:
    """The permissions that the dials say are missing at the moment of asking."""

    def __init__(self, dials: BigQueryDials) -> None:
        self._dials = dials

    def __contains__(self, permission: object) -> bool:
        return permission in self._dials.missing_permissions
