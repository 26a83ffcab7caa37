"""For DAGs that call a function from a PythonOperator: only the import changes.

    from llm_convert.airflow.task_functions import llm_convert_batch

    PythonOperator(task_id="llm-convert-batch", python_callable=llm_convert_batch, op_kwargs={"params": CONFIG})

``LlmConvertBatchOperator`` does more: it shows links, and cancels the execution when its task is killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_convert.airflow.asking import Asked, open_batch
from llm_convert.airflow.bsda import RunTimes
from llm_convert.airflow.faults import told_to_airflow
from llm_convert.contracts.bsda import DEFAULT_TIMEZONE, ingestion_id
from llm_convert.errors import ConfigurationError


def llm_convert_batch(params: Mapping[str, Any], **context: Any) -> dict[str, Any]:
    """Run a tenant's conversion and wait for it; the task's result is a ``RunSummary`` as a dict.

    Args:
        params: a DAG's CONFIG. Read are ``customer_code``, ``transform_schedule``, ``day_of_week``, ``timezone``,
            ``file_id`` and ``prompt_id``; the rest of the tenant's configuration comes from ``LLM_CONVERT_TENANTS`` or
            the store.
        context: the task's context, as a PythonOperator passes it.

    Raises:
        AirflowFailException: the data or the configuration is at fault.
        AirflowException: a retry may help.
    """
    with told_to_airflow():
        asked = Asked(
            tenant=str(params.get("customer_code", "")),
            bsda=_bsda(params, context),
            file_id=_one(params, "file_id"),
            prompt_id=_one(params, "prompt_id"),
        )
        batch, keys = open_batch(asked, context, config=None, settings=None, retries=context["task"].retries)
        batch.launch(keys)
        return batch.watch().model_dump(mode="json")


def _bsda(params: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    schedule = params.get("transform_schedule", ["00"])
    return ingestion_id(
        [schedule] if isinstance(schedule, str) else schedule,
        RunTimes.of(context).moment,
        day_of_week=params.get("day_of_week", "*"),
        timezone=params.get("timezone", DEFAULT_TIMEZONE),
    )


def _one(params: Mapping[str, Any], key: str) -> str | None:
    value = params.get(key)
    if value is None or isinstance(value, str):
        return value
    names = list(value)
    if len(names) > 1:
        raise ConfigurationError(
            f"{key} holds {len(names)} names", remedy=f"Move {key} into the tenant's own configuration, or give one."
        )
    return names[0] if names else None
