"""The DAG of a tenant whose configuration is wrong: it stands in its place, says what is wrong, and fails.

An import error would take every other tenant of the same file out of the schedule, and a missing DAG would be noticed
in the morning, by the customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from airflow.sdk import DAG, BaseOperator

from llm_convert.airflow.faults import told_to_airflow
from llm_convert.airflow.timetable import TenantTimetable, crons_of
from llm_convert.contracts.bsda import DEFAULT_TIMEZONE
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError


class ConfigurationErrorOperator(BaseOperator):
    """Fails with a configuration's error, without a retry."""

    ui_color = "#f5c6c6"

    def __init__(self, *, error: ConfigurationError, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    def execute(self, context: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002
        """Raise AirflowFailException with the error's own words."""
        with told_to_airflow():
            raise self.error
        raise AssertionError("told_to_airflow never swallows an error")


def refused_dag(dag_id: str, entry: Mapping[str, Any], error: ConfigurationError) -> DAG:
    """A DAG with one task that fails, at the tenant's times where those can be read."""
    dag = DAG(
        dag_id=dag_id,
        schedule=_schedule(entry),
        catchup=False,
        max_active_runs=1,
        tags=[str(entry["customer_code"]), "llm_convert", "configuration error"],
        doc_md=f"**The tenant's configuration is wrong.** {error}",
    )
    ConfigurationErrorOperator(task_id="check", dag=dag, error=error, retries=0)
    return dag


def _schedule(entry: Mapping[str, Any]) -> TenantTimetable | None:
    fields = {name: field.default for name, field in TenantConfig.model_fields.items()}
    times = entry.get("transform_schedule", fields["transform_schedule"])
    try:
        crons = crons_of([times] if isinstance(times, str) else times, entry.get("day_of_week", fields["day_of_week"]))
        timetable = TenantTimetable(*crons, timezone=entry.get("timezone", DEFAULT_TIMEZONE))
        timetable.validate()
    except Exception:  # noqa: BLE001 - whatever is wrong with the schedule, the DAG itself says it
        return None
    return timetable
