"""The functions under the names that DAGs already call, from a real PythonOperator and a worker's own task object."""

import logging
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.standard.operators.python import PythonOperator

from llm_convert import wiring
from llm_convert.airflow.faults import AirflowException, AirflowFailException
from llm_convert.airflow.task_functions import READ_KEYS, DAGHelper, TaskFunctions, llm_convert_batch
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.settings import Settings
from llm_convert.tenants import load_tenant, publish_tenant

NIGHT = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)
STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_job.py")))
TENANT = TenantConfig(customer_code="t1", sources={"drive": {"id": "s1", "url": "drive/t1", "llm_transform": True}})
CONFIG = {
    "customer_code": "t1",
    "project_id": "hyperlounge-dev",
    "llm_job_name": "claude-agent-sdk-batch-job",
    "llm_job_region": "asia-northeast1",
    "transform_schedule": ["23"],
    "day_of_week": "*",
    "slack_channel": "#nightly",
    "drive_folder": "0B-x",
}
"""As a DAG of today holds it: without sources, and with keys of its other tasks."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    # The composition root with another job in it; everything else is what production has.
    def open_backend(settings, config=None):
        places.append(config)
        return SubprocessBackend(settings, command=STAND_IN)

    places = []
    monkeypatch.setattr(wiring, "open_backend", open_backend)
    monkeypatch.setenv("LLM_CONVERT_HOME", str(tmp_path))
    monkeypatch.setenv("LLM_CONVERT_POLL_SECONDS", "0.05")
    publish_tenant(wiring.open_store(Settings(home=tmp_path)), TENANT)
    return SimpleNamespace(path=tmp_path, places=places)


@pytest.fixture
def context():
    place = {"dag_id": "d", "run_id": "r", "task_id": "llm-convert-batch", "map_index": -1, "max_tries": 2}
    ti = SimpleNamespace(**place, xcom_push=lambda key, value: None)
    run = SimpleNamespace(run_after=NIGHT, logical_date=None, data_interval_end=None, conf=None)
    return {"ti": ti, "dag_run": run, "params": {"of": "the DAG"}}


def operator(params, **arguments):
    return PythonOperator(
        task_id="llm-convert-batch",
        python_callable=TaskFunctions.llm_convert_batch,
        op_kwargs={"params": params},
        retries=2,
        **arguments,
    )


def run(params, context):
    task = operator(params).prepare_for_execution()
    return task.execute({**context, "task": task})


def launched(home):
    return sorted(home.path.rglob("launch.json"))


def test_a_python_operator_calls_it_with_todays_config(home, context):
    summary = run(CONFIG, context)
    assert summary["succeeded"] == 1
    assert "/runs/20251107230000/" in summary["report_uri"]


def test_a_retry_finds_the_first_run_again(home, context):
    first, second = run(CONFIG, context), run(CONFIG, context)
    assert (second["run_id"], second["attached"]) == (first["run_id"], True)
    assert len(launched(home)) == 1


def test_killing_the_python_operator_cancels_its_execution(home, context):
    task = operator({**CONFIG, "file_id": "SLOW"}).prepare_for_execution()
    ended = []

    def execute():
        try:
            task.execute({**context, "task": task})
        except AirflowException as error:
            ended.append(error)

    working = threading.Thread(target=execute)
    working.start()
    for _ in range(400):
        if list(home.path.rglob("messages/*")):
            break
        working.join(0.05)
    task.on_kill()
    working.join(15)
    assert "the task was killed; its execution is cancelled" in str(ended[0])
    assert not isinstance(ended[0], AirflowFailException)


def test_where_the_job_is_comes_from_config_before_the_tenants_own(home, context):
    run({**CONFIG, "llm_job_name": "theirs", "llm_job_region": "us-central1"}, context)
    given = next(config for config in home.places if config is not None)
    assert (given.project_id, given.llm_job_name, given.llm_job_region) == ("hyperlounge-dev", "theirs", "us-central1")
    assert given.sources == TENANT.sources


def test_a_config_with_sources_is_the_tenants_whole_configuration(home, context):
    whole = {**CONFIG, "customer_code": "t2", "sources": {"drive": {"id": "s2", "url": "drive/t2"}}}
    run({**whole, "file_id": ["A", "B"]}, context)
    published = load_tenant(wiring.open_store(Settings(home=home.path)), "t2", folder=None)
    assert published.file_id == ("A", "B")
    with pytest.raises(AirflowFailException, match=r"params\.sources\.drive"):
        run({**whole, "sources": {"drive": {"id": "s2", "ulr": "drive"}}}, context)


@pytest.mark.parametrize(
    ("key", "meant"), [("llm_jobname", "llm_job_name"), ("transform_shedule", "transform_schedule")]
)
def test_a_slip_of_the_pen_is_told_and_other_keys_are_left_alone(home, context, caplog, key, meant):
    caplog.set_level(logging.WARNING, logger="llm_convert")
    params = {name: value for name, value in CONFIG.items() if name != meant}
    run({**params, key: "x"}, context)
    assert [r.getMessage() for r in caplog.records if "nothing reads" in r.getMessage()] == [
        f"params holds {key!r}, which nothing reads. Did you mean {meant!r}?"
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"customer_code": None}, "params holds no customer_code"),
        ({"customer_code": "t9"}, "unknown tenant 't9'"),
        ({"transform_schedule": ["25"]}, "transform_schedule holds '25'"),
        ({"day_of_week": "someday"}, "day_of_week holds 'someday'"),
        ({"file_id": ["A", "B"]}, "file_id holds 2 names"),
    ],
)
def test_wrong_params_fail_at_once_and_start_nothing(home, context, change, said):
    with pytest.raises(AirflowFailException, match=said):
        run({**CONFIG, **change}, context)
    assert launched(home) == []


def test_the_plain_function_is_the_same():
    assert TaskFunctions.llm_convert_batch is not llm_convert_batch
    assert set(READ_KEYS) <= set(TenantConfig.model_fields)


@pytest.mark.parametrize(
    ("schedule", "days", "at", "expected"),
    [
        (["00"], "*", "2025-11-07T05:00:00+00:00", "20251107000000"),
        (["14"], "*", "2025-11-07T05:00:00+00:00", "20251107140000"),
        (["23"], "*", "2025-11-07T14:00:00+00:00", "20251107230000"),
        (["09", "21"], "*", "2025-11-07T11:59:00+00:00", "20251107090000"),
        (["21"], "1-5", "2025-11-09T13:00:00+00:00", "20251107210000"),
        ("23", "*", "2025-11-07T13:59:00+00:00", "20251106230000"),
    ],
)
def test_the_ingestion_id_is_the_newest_scheduled_time_in_seoul(schedule, days, at, expected):
    run = SimpleNamespace(data_interval_end=None, logical_date=datetime.fromisoformat(at), run_after=None)
    assert DAGHelper._get_ingestion_id(schedule, {"dag_run": run}, days) == expected


def test_the_ingestion_id_says_what_it_cannot_read(context):
    with pytest.raises(AirflowFailException, match="day_of_week"):
        DAGHelper._get_ingestion_id(["00"], context, "someday")
