"""What Airflow's processes must know by name: the timetable that serialized DAGs hold, and the links."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from llm_convert.airflow.links import BATCH_LINKS, STEP_LINKS
from llm_convert.airflow.timetable import TenantTimetable


class LlmConvertPlugin(AirflowPlugin):
    """Registered by the package's entry point; a scheduler without it cannot read the DAGs."""

    name = "llm_convert"
    timetables = [TenantTimetable]  # noqa: RUF012 - Airflow's own form
    operator_extra_links = [*BATCH_LINKS, *STEP_LINKS]  # noqa: RUF012
