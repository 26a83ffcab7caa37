"""A deferred conversion in a real Airflow: its scheduler, its worker, its triggerer, its page's REST interface."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standalone import Standalone

from llm_convert.contracts.launch import ExecutionStatus, Launch
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.settings import Settings

pytestmark = pytest.mark.airflow

DAG_FILE = """
import sys
from airflow.sdk import DAG
from llm_convert import wiring
from llm_convert.airflow.form import run_form
from llm_convert.airflow.operators import LlmConvertBatchOperator
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.execution.backends.subprocess import SubprocessBackend

CONFIG = TenantConfig(customer_code="t1", sources={"drive": {"id": "s1", "url": "d", "llm_transform": True}})
JOB = (sys.executable, %r)
wiring.open_backend = lambda settings, config=None: SubprocessBackend(settings, command=JOB)

with DAG("deferred", schedule=None, params=run_form(CONFIG), default_args={"retries": 0}) as dag:
    LlmConvertBatchOperator(
        task_id="convert", config=CONFIG, bsda="{{ params.BSDA or '' }}", file_id="{{ params.FILE_ID or '' }}"
    )
"""
ENVIRON = {
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deferred")


@pytest.fixture(scope="module")
def airflow(home: Path) -> Iterator[Standalone]:
    (home / "dags").mkdir()
    (home / "dags" / "deferred.py").write_text(DAG_FILE % str(Path(__file__).with_name("stand_in_job.py")))
    environ = {**ENVIRON, "LLM_CONVERT_HOME": str(home / "llm_convert")}
    with Standalone(home, home / "dags", environ).running() as running:
        running.await_dag("deferred")
        yield running


def state(airflow: Standalone, run_id: str) -> Any:
    return airflow.task("deferred", run_id, "convert")["state"]


def deferred_run(airflow: Standalone, **conf: str) -> str:
    """A run whose task waits in the triggerer and has told there that its job started."""
    run_id = airflow.trigger("deferred", conf)
    airflow.await_(lambda: state(airflow, run_id) == "deferred", f"{run_id} was not deferred")
    airflow.await_(
        lambda: "started: 2 documents with rules" in airflow.task_log("deferred", run_id, "convert"),
        "the job's messages did not reach the log of the task that waits",
    )
    assert state(airflow, run_id) == "deferred"
    return run_id


def execution(home: Path, bsda: str, attempt: int = 0) -> ExecutionStatus | None:
    found = sorted((home / "llm_convert").rglob(f"{bsda}/run/*/launch.json"))
    if len(found) <= attempt:
        return None
    launch = Launch.from_json(found[attempt].read_bytes())
    settings = Settings(home=home / "llm_convert")
    return (
        None if launch.handle is None else SubprocessBackend(settings, command=(sys.executable,)).status(launch.handle)
    )


def test_a_run_waits_in_the_triggerer_and_ends_in_a_worker(airflow: Standalone, home: Path) -> None:
    run_id = airflow.trigger("deferred", {"BSDA": "20251101"})
    airflow.await_(lambda: state(airflow, run_id) in {"success", "failed"}, "it did not end")
    assert state(airflow, run_id) == "success"
    log = airflow.task_log("deferred", run_id, "convert")
    assert "waiting in the triggerer" in log
    assert log.count("가.xlsx: SUCCEEDED, 1,204 rows") == 1
    xcom = airflow.get(f"dags/deferred/dagRuns/{run_id}/taskInstances/convert/xcomEntries/return_value")
    assert "af-" in str(xcom["value"])
    links = airflow.get(f"dags/deferred/dagRuns/{run_id}/taskInstances/convert/links")["extra_links"]
    assert links["Report"].startswith("file:///")
    assert links["Files"].endswith("/runs/20251101000000")


def test_marking_the_waiting_task_as_failed_cancels_its_execution(airflow: Standalone, home: Path) -> None:
    run_id = deferred_run(airflow, BSDA="20251102", FILE_ID="SLOW")
    body = {"new_state": "failed"}
    airflow.send("PATCH", f"dags/deferred/dagRuns/{run_id}/taskInstances/convert", body)
    airflow.await_(lambda: execution(home, "20251102000000").over, "its execution runs on")
    assert state(airflow, run_id) == "failed"


def test_clearing_the_waiting_task_attaches_it_to_its_execution_again(airflow: Standalone, home: Path) -> None:
    run_id = deferred_run(airflow, BSDA="20251103", FILE_ID="SLOW")
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["convert"], "only_failed": False}
    airflow.send("POST", "dags/deferred/clearTaskInstances", body)
    airflow.await_(lambda: airflow.task("deferred", run_id, "convert")["try_number"] == 2, "there was no second try")
    airflow.await_(lambda: state(airflow, run_id) == "deferred", "it was not deferred again")
    assert not execution(home, "20251103000000").over
    assert execution(home, "20251103000000", 1) is None
    airflow.send("PATCH", f"dags/deferred/dagRuns/{run_id}/taskInstances/convert", {"new_state": "failed"})
    airflow.await_(lambda: execution(home, "20251103000000").over, "its execution runs on")
