"""The BSDA of a DAG run, decided in one place, so that every task of a run works on the same one.

It is a function of the run alone. It never asks for the time now: a task that is retried after midnight must still
work on the night it was started for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from llm_convert.contracts.bsda import ingestion_id, parse_bsda
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """The times of a DAG run, aware; a run by hand may have neither an interval nor a logical date."""

    data_interval_end: datetime | None = None
    logical_date: datetime | None = None
    run_after: datetime | None = None

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Self:
        """From a task's context."""
        run = context["dag_run"]
        return cls(
            data_interval_end=getattr(run, "data_interval_end", None),
            logical_date=getattr(run, "logical_date", None),
            run_after=getattr(run, "run_after", None),
        )

    @property
    def moment(self) -> datetime:
        """When the run stands for, as a plain datetime in UTC.

        Raises:
            ConfigurationError: for a run without any time.
        """
        found = self.data_interval_end or self.logical_date or self.run_after
        if found is None:
            raise ConfigurationError(
                "the DAG run has no data interval, logical date or run_after",
                remedy="Give the run a BSDA of 8 or 14 digits.",
            )
        # Airflow's datetimes are pendulum's, whose date arithmetic in a zone that is not pendulum's is off by a day.
        return datetime.fromtimestamp(found.timestamp(), tz=UTC)


def resolve_bsda(config: TenantConfig, asked: str | None, times: RunTimes) -> str:
    """The 14-digit BSDA of a run.

    Args:
        config: its schedule, weekdays and time zone say which time of a day a run belongs to.
        asked: the run's ``BSDA`` parameter, 8 or 14 digits; empty or None: the newest scheduled time of the run.
        times: the run's times.

    Raises:
        ConfigurationError: ``BSDA must be 8 or 14 digits`` for anything else.
    """
    if asked:
        return parse_bsda(asked)
    return ingestion_id(
        config.transform_schedule, times.moment, day_of_week=config.day_of_week, timezone=config.timezone
    )
