"""For DAGs that call a function from a PythonOperator: only the import changes.

    from llm_convert.airflow.task_functions import DAGHelper, TaskFunctions

    PythonOperator(
        task_id="llm-convert-batch",
        python_callable=TaskFunctions.llm_convert_batch,
        op_kwargs={"params": CONFIG},
    )

``LlmConvertBatchOperator`` does more: it shows links, and it can wait without a worker slot. ``docs/moving.md`` shows
the way there and back, line by line.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llm_convert.airflow.asking import Asked, open_batch
from llm_convert.airflow.bsda import RunTimes
from llm_convert.airflow.faults import told_to_airflow
from llm_convert.contracts.base import parse
from llm_convert.contracts.bsda import DEFAULT_TIMEZONE, ingestion_id
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from llm_convert.airflow.batch import Batch

log = logging.getLogger(__name__)

PLACE_KEYS = ("project_id", "llm_job_name", "llm_job_region")
"""Where the job is; what CONFIG says of it goes before the tenant's own configuration."""
READ_KEYS = (
    "customer_code",
    *PLACE_KEYS,
    "file_id",
    "prompt_id",
    "transform_schedule",
    "day_of_week",
    "timezone",
)
"""What is read from CONFIG. Its other keys belong to the DAG's other tasks."""


class TaskFunctions:
    """The function under the name by which DAGs already call it."""

    @staticmethod
    def llm_convert_batch(params: Mapping[str, Any], **context: Any) -> dict[str, Any]:
        """See ``llm_convert_batch`` of this module."""
        return llm_convert_batch(params, **context)


class DAGHelper:
    """The ingestion id under the name by which DAGs already ask for it."""

    @staticmethod
    def _get_ingestion_id(
        transform_schedule: Sequence[str] | str,
        context: Mapping[str, Any],
        day_of_week: str = "*",
        *,
        timezone: str = DEFAULT_TIMEZONE,
    ) -> str:
        """The 14-digit ingestion id of a task's DAG run: its newest scheduled time, such as ``20251107140000``.

        Args:
            transform_schedule: local times of a day, ``HH`` or ``HH:MM``.
            context: the task's context.
            day_of_week: a cron weekday expression.
            timezone: the tenant's IANA time zone.

        Raises:
            AirflowFailException: hours or weekdays that can't be read.
        """
        hours = [transform_schedule] if isinstance(transform_schedule, str) else transform_schedule
        with told_to_airflow():
            return ingestion_id(hours, RunTimes.of(context).moment, day_of_week=day_of_week, timezone=timezone)


def llm_convert_batch(params: Mapping[str, Any], **context: Any) -> dict[str, Any]:
    """Run a tenant's conversion and wait for it; the task's result is a ``RunSummary`` as a dict.

    A retry finds the running execution again. Killing the task cancels its execution.

    Args:
        params: a DAG's CONFIG; ``READ_KEYS`` are read. With ``sources`` in it, it is the tenant's whole configuration,
            else that comes from ``LLM_CONVERT_TENANTS`` or the store. Keys that nobody knows are left alone; one that
            looks like a slip of the pen for one that is read is told in the log.
        context: the task's context, as a PythonOperator passes it.

    Raises:
        AirflowFailException: the data or the configuration is at fault.
        AirflowException: a retry may help.
    """
    with told_to_airflow():
        for warning in _slips(params):
            log.warning("%s", warning)
        settings = Settings.from_environment()
        config = _configuration(params, settings)
        asked = Asked(
            tenant=config.customer_code,
            bsda=DAGHelper._get_ingestion_id(
                params.get("transform_schedule", ["00"]),
                context,
                params.get("day_of_week", "*"),
                timezone=params.get("timezone", config.timezone),
            ),
            file_id=_one(params, "file_id"),
            prompt_id=_one(params, "prompt_id"),
        )
        batch, keys = open_batch(asked, context, config=config, settings=settings, retries=context["task"].retries)
        _cancel_when_killed(context["task"], batch)
        batch.launch(keys)
        return batch.watch().model_dump(mode="json")


def _configuration(params: Mapping[str, Any], settings: Settings) -> TenantConfig:
    from llm_convert import wiring
    from llm_convert.tenants import load_tenant

    tenant = str(params.get("customer_code") or "")
    if not tenant:
        raise ConfigurationError("params holds no customer_code", remedy="Add it, such as 'c8cd3500', to CONFIG.")
    if "sources" in params:
        known = {key: value for key, value in params.items() if key in TenantConfig.model_fields}
        return parse(TenantConfig, known, where="params")
    found = load_tenant(wiring.open_store(settings), tenant, folder=settings.tenants)
    place = {key: str(params[key]) for key in PLACE_KEYS if params.get(key)}
    return found.model_copy(update=place)


def _cancel_when_killed(task: Any, batch: Batch) -> None:
    # Airflow calls the task's on_kill on SIGTERM, and a PythonOperator has none of its own: the execution would go on,
    # and be paid, with nobody waiting for it.
    task.on_kill = batch.cancel


def _slips(params: Mapping[str, Any]) -> list[str]:
    """What CONFIG says under a name that is nearly one that is read."""
    known = {*READ_KEYS, *TenantConfig.model_fields}
    found = []
    for key in map(str, params):
        nearest = difflib.get_close_matches(key.lower(), READ_KEYS, n=1, cutoff=0.85)
        if key not in known and nearest and nearest[0] not in params:
            found.append(f"params holds {key!r}, which nothing reads. Did you mean {nearest[0]!r}?")
    return found


def _one(params: Mapping[str, Any], key: str) -> str | None:
    value = params.get(key)
    if value is None or isinstance(value, str):
        return value
    names = list(value)
    if len(names) == 1:
        return str(names[0])
    if names and "sources" not in params:
        raise ConfigurationError(
            f"{key} holds {len(names)} names", remedy=f"Move {key} into the tenant's own configuration, or give one."
        )
    return None
