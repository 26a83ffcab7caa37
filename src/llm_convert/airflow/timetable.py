"""When a tenant's DAG runs: at its local hours and weekdays, and never for a time that is long past.

Airflow's own cron timetables start the newest missed run as soon as a DAG is unpaused, with ``catchup=False`` too. For
a job that pays for model calls that is a surprise with a price, so this timetable lets such a run go.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from airflow.sdk import timezone as airflow_timezone
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import MultipleCronTriggerTimetable

from llm_convert.contracts.bsda import parse_schedule_time, parse_weekdays

if TYPE_CHECKING:
    from pendulum import DateTime

    from llm_convert.contracts.tenant import TenantConfig

GRACE = timedelta(minutes=30)
"""How long a missed time may still start its run: longer than a scheduler's restart, far shorter than a pause."""


class TenantTimetable(MultipleCronTriggerTimetable):
    """Cron times in a time zone; a time missed by more than the grace is skipped.

    The grace cannot be zero: the DAG processor asks for the next run over and over, also in the seconds between the
    scheduled time and the moment at which the scheduler creates its run. Backfills ask with ``catchup`` and get every
    time, however old.

    Args:
        crons: cron expressions of five fields.
        timezone: the IANA name of the zone they are read in.
        grace: how long after its time a run may still start.
    """

    def __init__(self, *crons: str, timezone: str, grace: timedelta = GRACE) -> None:
        super().__init__(*crons, timezone=timezone)
        self._crons = crons
        self._timezone_name = timezone
        self._grace = grace
        self.description = f"{self.description} ({timezone})"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The timetable from ``serialize``'s data."""
        return cls(*data["crons"], timezone=data["timezone"], grace=timedelta(seconds=data["grace_seconds"]))

    def serialize(self) -> dict[str, Any]:
        """What rebuilds this timetable, as JSON values."""
        return {
            "crons": list(self._crons),
            "timezone": self._timezone_name,
            "grace_seconds": self._grace.total_seconds(),
        }

    def __eq__(self, other: object) -> bool:
        """Equal when they run at the same times by the same rule."""
        if not isinstance(other, TenantTimetable):
            return NotImplemented
        return self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash((self._crons, self._timezone_name, self._grace))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The first time after the last run that is not missed by more than the grace."""
        return self.next_run(
            last_automated_data_interval, restriction, now=airflow_timezone.coerce_datetime(airflow_timezone.utcnow())
        )

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, *, now: DateTime) -> DagRunInfo | None:
        """What ``next_dagrun_info`` answers when it is asked at ``now``."""
        if not restriction.catchup:
            oldest = now - self._grace
            if restriction.earliest is not None:
                oldest = max(oldest, restriction.earliest)
            restriction = TimeRestriction(earliest=oldest, latest=restriction.latest, catchup=True)
            # The cron would go on from an older last run: one missed night after the other.
            last = None if last is None or last.end < oldest else last
        return super().next_dagrun_info(last_automated_data_interval=last, restriction=restriction)


def tenant_timetable(config: TenantConfig) -> TenantTimetable:
    """The timetable of a tenant's schedule; tenants with the same one share it."""
    return _shared(crons_of(config.transform_schedule, config.day_of_week), config.timezone)


@functools.lru_cache(maxsize=1024)
def _shared(crons: tuple[str, ...], timezone: str) -> TenantTimetable:
    # Describing a cron in words costs more than the rest of a DAG's schedule; hundreds of tenants share few schedules.
    return TenantTimetable(*crons, timezone=timezone)


def crons_of(times: Sequence[str], day_of_week: str) -> tuple[str, ...]:
    """One cron expression a minute of the hour: ``(["21", "9"], "mon-fri")`` is ``("0 9,21 * * 1,2,3,4,5",)``.

    Raises:
        ConfigurationError: for times or weekdays that cannot be read.
    """
    weekdays = parse_weekdays(day_of_week)
    days = "*" if len(weekdays) == 7 else ",".join(str(day) for day in sorted(weekdays))
    hours: dict[int, set[int]] = {}
    for text in times:
        hour, minute = parse_schedule_time(text)
        hours.setdefault(minute, set()).add(hour)
    return tuple(
        f"{minute} {','.join(str(hour) for hour in sorted(hours[minute]))} * * {days}" for minute in sorted(hours)
    )
