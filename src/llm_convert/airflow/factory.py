"""A tenant's DAG from its configuration, and many tenants' DAGs from one YAML file.

dag = tenant_dag({"customer_code": "c8cd3500", ...})       # one file, one tenant
globals().update(tenant_dags("tenants.yaml"))              # one file, hundreds
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from llm_convert.airflow.assets import tag_outlets
from llm_convert.airflow.form import run_form
from llm_convert.airflow.operators import LlmConvertBatchOperator, PipelineStepOperator
from llm_convert.airflow.refused import refused_dag
from llm_convert.airflow.shape import CONVERT, Step, steps_of
from llm_convert.airflow.timetable import tenant_timetable
from llm_convert.contracts.base import parse
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError
from llm_convert.tenants import read_tenants_yaml

log = logging.getLogger(__name__)

TAG = "llm_convert"


def tenant_dag(config: TenantConfig | Mapping[str, Any], *, deferrable: bool | None = None, **dag_kwargs: Any) -> DAG:
    """The DAG of one tenant.

    It runs at the tenant's times, one run at once, never catches up, and starts nothing when it is unpaused.

    Args:
        config: a ``TenantConfig``, or the dict of one, as it stands in a DAG file.
        deferrable: whether conversions wait in the triggerer; None: what Airflow's ``default_deferrable`` says.
        dag_kwargs: go to ``DAG`` as they are and win over what the tenant's configuration says.

    Raises:
        ConfigurationError: with the key that is wrong.
    """
    return _dag_of(parse(TenantConfig, config, where="CONFIG"), dag_kwargs, deferrable)


def tenant_dags(path: str | Path, *, deferrable: bool | None = None, **dag_kwargs: Any) -> dict[str, DAG]:
    """The DAGs of every tenant in a YAML file, by a name for ``globals()``.

    A tenant whose configuration is wrong harms no other: it gets a DAG that says what is wrong and fails. A task in a
    worker builds the DAG it belongs to and no other.

    Args:
        path: relative to the calling file.
        deferrable: as of ``tenant_dag``.
        dag_kwargs: for each ``DAG``.

    Raises:
        ConfigurationError: for a file that can't be read, or a tenant or DAG id given twice.
    """
    caller = Path(sys._getframe(1).f_globals.get("__file__", ".")).parent
    wanted = get_parsing_context().dag_id
    dags: dict[str, DAG] = {}
    for where, entry in read_tenants_yaml(caller / path):
        dag_id = str(entry.get("dag_id") or entry["customer_code"])
        if wanted in {None, dag_id}:
            dags[f"dag_{dag_id}"] = _dag_or_refusal(where, dag_id, entry, dag_kwargs, deferrable)
    return dags


def _dag_or_refusal(
    where: str, dag_id: str, entry: dict[str, Any], dag_kwargs: Mapping[str, Any], deferrable: bool | None
) -> DAG:
    try:
        return _dag_of(parse(TenantConfig, entry, where=where), dag_kwargs, deferrable)
    except ConfigurationError as error:
        log.error("%s", error)
        return refused_dag(dag_id, entry, error)


def _dag_of(config: TenantConfig, dag_kwargs: Mapping[str, Any], deferrable: bool | None) -> DAG:
    steps = steps_of(config)
    arguments: dict[str, Any] = {
        "dag_id": config.effective_dag_id,
        "description": f"Converts the documents of {config.customer_name or config.customer_code}.",
        "schedule": tenant_timetable(config),
        "tags": sorted({config.customer_code, config.customer_name, TAG} - {""}),
        "catchup": False,
        "max_active_runs": 1,
        "params": run_form(config),
        "default_args": {"retries": 2, "retry_delay": timedelta(minutes=1)},
    }
    dag = DAG(**{**arguments, **dag_kwargs})
    operators = {step.task_id: operator_of(step, config, dag, deferrable=deferrable) for step in steps}
    for step in steps:
        if step.after:
            operators[step.task_id].set_upstream([operators[task_id] for task_id in step.after])
    return dag


def operator_of(
    step: Step, config: TenantConfig, dag: DAG, *, deferrable: bool | None = None
) -> LlmConvertBatchOperator | PipelineStepOperator:
    """The operator of one step, wired to the form of its DAG."""
    bsda = "{{ params.BSDA or '' }}"
    if step.step != CONVERT:
        outlets = tag_outlets(config, step.source) if step.step == "tag" else []
        return PipelineStepOperator(
            task_id=step.task_id,
            dag=dag,
            step=step.step,
            source=step.source,
            config=config,
            bsda=bsda,
            outlets=outlets,
        )
    return LlmConvertBatchOperator(
        task_id=step.task_id,
        dag=dag,
        config=config,
        bsda=bsda,
        file_id="{{ params.FILE_ID or '' }}",
        prompt_id="{{ params.PROMPT_ID or '' }}",
        force="{{ params.force }}",
        deferrable=deferrable,
    )
