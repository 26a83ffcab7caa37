"""What goes wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Dials:
    """May be changed while the emulator runs; each request reads them when it is answered."""

    latency_seconds: float = 0.0
    """Passes before a request is carried out."""
    fail_next: list[int] = field(default_factory=list)
    """Statuses, taken from the front, one a request, which is then not carried out."""
    retry_after: str | None = None
    """The Retry-After header of what ``fail_next`` refuses: seconds, or a date."""
    lose_every_nth_response: int = 0
    """Every n-th request takes effect and its connection is cut before the answer; 0 loses none, 1 all."""
    only_for: str = ""
    """``fail_next`` and ``lose_every_nth_response`` touch and count requests alone whose method and path start so, such
    as ``POST /upload``. Clients also ask for things of their own: the Python one, where OpenTelemetry is installed, for
    the bucket, from a thread, unless the variables of ``GcsEmulator.environment`` are set."""
    missing_permissions: set[str] = field(default_factory=set)
    """Such as ``storage.objects.create``: refused with 403 where needed, and left out by testIamPermissions."""
    object_writes_per_second: float = 0.0
    """How often one object may be created, changed or deleted; sooner is refused with 429. The service says 1 a second;
    0: no limit."""
    object_writes_at_once: int = 1
    """How many of these may come at once after a pause. The service does not say; it is known to bear a few."""
