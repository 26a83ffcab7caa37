"""One try of one task, as a worker's process runs it: ``operator_worker.py theirs|ours KEY=VALUE ...``.

It builds the operator, runs ``execute`` with what Airflow gives it, and on SIGTERM does what Airflow's task runner does
then: it calls ``on_kill`` and ends. What happened is printed as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

PROJECT, REGION, JOB, TENANT, BSDA = "p", "asia-northeast3", "convert", "bench", "20251107140000"


def theirs(facts: dict[str, str]) -> Any:
    """Airflow's own operator, over REST."""
    from airflow.providers.google.cloud.operators.cloud_run import CloudRunExecuteJobOperator

    env = [{"name": "TENANT_CODE", "value": TENANT}, {"name": "BSDA", "value": BSDA}]
    return CloudRunExecuteJobOperator(
        task_id="convert",
        project_id=PROJECT,
        region=REGION,
        job_name=JOB,
        overrides={"container_overrides": [{"env": env}]},
        timeout_seconds=float(facts["timeout"]) if "timeout" in facts else None,
        polling_period_seconds=1,
        deferrable=facts.get("deferrable") == "1",
        transport="rest",
    )


def ours() -> Any:
    """This library's operator; its settings are in the environment."""
    from llm_convert.airflow.operators import LlmConvertBatchOperator

    config = {"customer_code": TENANT, "sources": {"drive": {"id": "s1", "url": "d", "llm_transform": True}}}
    return LlmConvertBatchOperator(task_id="convert", config=config, bsda=BSDA)


def context() -> dict[str, Any]:
    """What both operators read of Airflow's context."""
    place = {"dag_id": "d", "run_id": "r", "task_id": "convert", "map_index": -1, "max_tries": 2, "try_number": 1}
    task = SimpleNamespace(extra_links_params={})
    ti = SimpleNamespace(**place, task=task, xcom_push=lambda **_kept: None)
    night = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)
    run = SimpleNamespace(run_after=night, logical_date=None, data_interval_end=None, conf=None)
    return {"ti": ti, "task_instance": ti, "dag_run": run, "task": task}


def main() -> int:
    """Run one try; 0 when it succeeded."""
    which, facts = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
    began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    operator = theirs(facts) if which == "theirs" else ours()
    said: dict[str, Any] = {"import_cpu_seconds": round(resource.getrusage(resource.RUSAGE_SELF).ru_utime - cpu, 2)}

    def stop(_number: int, _frame: object) -> None:
        operator.on_kill()
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, stop)
    from airflow.sdk.exceptions import TaskDeferred

    code = 1
    began = time.monotonic()
    try:
        operator.execute(context())
        said["ended"], code = "success", 0
    except TaskDeferred as deferred:
        said |= asyncio.run(watch(deferred.trigger, float(facts.get("watch", "20"))))
    except SystemExit:
        said["ended"] = "killed"
    except BaseException as error:  # noqa: BLE001 - what it tells is what is compared
        said["ended"], said["error"] = type(error).__name__, str(error)[:400]
    said["seconds"] = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps(said) + "\n")
    return code


async def watch(trigger: Any, seconds: float) -> dict[str, Any]:
    """Run a trigger as the triggerer does, for so long at most."""

    async def first() -> Any:
        async for event in trigger.run():
            return event
        return None

    try:
        event = await asyncio.wait_for(first(), seconds)
    except TimeoutError:
        return {"ended": "still waiting"}
    return {"ended": "event", "error": str(getattr(event, "payload", event))[:400]}


if __name__ == "__main__":
    sys.exit(main())
