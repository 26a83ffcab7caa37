"""The DAGs in a real Airflow database: what the scheduler would start, and what the REST API refuses."""

import dataclasses
import datetime as dt
import sys
from pathlib import Path

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.timetables.trigger import MultipleCronTriggerTimetable

from llm_convert import wiring
from llm_convert.airflow.factory import operator_of, tenant_dag
from llm_convert.airflow.form import run_form
from llm_convert.airflow.links import REPORT_KEY
from llm_convert.airflow.shape import CONVERT, steps_of
from llm_convert.contracts.launch import Launch
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.execution.backends.subprocess import SubprocessBackend

pytestmark = pytest.mark.airflow

HOURS_AGO = 3


def config(code):
    hour = pendulum.now("Asia/Seoul").subtract(hours=HOURS_AGO).format("HH")
    return {
        "customer_code": code,
        "transform_schedule": [hour],
        "sources": {"drive": {"id": "s1", "url": "d", "llm_transform": True}},
        "file_mapping": [{"file_id": "SETTLEMENT", "glob": "*"}],
    }


@pytest.fixture(scope="module")
def database():
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    return create_session


def save(session, dag):
    """What the DAG processor does with a parsed DAG, each time it parses it."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization import serialized_objects
    from airflow.serialization.serialized_objects import LazyDeserializedDAG, SerializedDAG

    # Airflow 3.1 has both in one class.
    serialization = getattr(serialized_objects, "DagSerialization", SerializedDAG)
    session.merge(DagBundleModel(name="tests"))
    session.flush()
    serialized = LazyDeserializedDAG(data=serialization.to_dict(dag))
    SerializedDAG.bulk_write_to_db("tests", None, [serialized], session=session)
    SerializedDagModel.write_dag(serialized, bundle_name="tests", session=session)
    session.commit()


def unpause(session, dag_id):
    from airflow.models.dag import DagModel

    model = session.get(DagModel, dag_id)
    model.is_paused = False
    session.commit()
    return model


def due(session):
    """The DAGs of which the scheduler would create a run now."""
    from airflow.models.dag import DagModel

    return {model.dag_id for model in DagModel.dags_needing_dagruns(session)[0]}


def add_old_run(session, dag_id):
    from airflow.models.dagrun import DagRun
    from airflow.utils.types import DagRunType

    old = pendulum.now("UTC").subtract(days=90)
    run = DagRun(
        dag_id=dag_id,
        run_id="scheduled__old",
        run_type=DagRunType.SCHEDULED,
        logical_date=old,
        run_after=old,
        data_interval=(old, old),
        state="success",
    )
    session.add(run)
    session.commit()


@pytest.mark.parametrize("start_date", [None, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], ids=["no start", "past start"])
@pytest.mark.parametrize("ran_before", [False, True], ids=["first", "after a pause"])
def test_unpausing_starts_no_run_where_airflows_own_timetable_does(database, start_date, ran_before):
    name = f"{'s' if start_date else 'n'}{'r' if ran_before else 'f'}"
    hour = config("x")["transform_schedule"][0]
    own = MultipleCronTriggerTimetable(f"0 {hour} * * *", timezone="Asia/Seoul", run_immediately=False)
    ours = tenant_dag(config(f"ours-{name}"), start_date=start_date)
    theirs = tenant_dag(config(f"theirs-{name}"), start_date=start_date, schedule=own)
    with database() as session:
        for dag in (ours, theirs):
            save(session, dag)
            if ran_before:
                add_old_run(session, dag.dag_id)
                save(session, dag)
            unpause(session, dag.dag_id)
        found = due(session)
        assert ours.dag_id not in found
        if ran_before or start_date:
            assert theirs.dag_id in found, "Airflow has changed: look again"
        planned = unpause(session, ours.dag_id).next_dagrun_create_after
        assert pendulum.now("UTC") < planned <= pendulum.now("UTC").add(days=1)


@pytest.mark.filterwarnings("default")
def test_a_run_in_airflow_fills_the_templates_and_leaves_a_link(database, tmp_path, monkeypatch):
    tenant = TenantConfig.model_validate(config("inside"))
    convert = next(step for step in steps_of(tenant) if step.step == CONVERT)
    dag = DAG("inside", schedule=None, params=run_form(tenant))
    operator = operator_of(dataclasses.replace(convert, after=()), tenant, dag)
    stand_in = (sys.executable, str(Path(__file__).with_name("stand_in_job.py")))
    monkeypatch.setattr(wiring, "open_backend", lambda found, config=None: SubprocessBackend(found, command=stand_in))
    monkeypatch.setenv("LLM_CONVERT_HOME", str(tmp_path))
    with database() as session:
        save(session, dag)
    run = dag.test(run_conf={"BSDA": "20251107", "FILE_ID": "SETTLEMENT"})
    assert run.state == "success"
    task = run.get_task_instance(operator.task_id)
    summary = task.xcom_pull(task_ids=operator.task_id)
    assert (summary["succeeded"], summary["cost_usd"]) == (1, "0.012345")
    assert task.xcom_pull(task_ids=operator.task_id, key=REPORT_KEY) == summary["report_uri"]
    launch = Launch.from_json(next(tmp_path.rglob("launch.json")).read_bytes())
    asked = launch.request
    assert (asked.bsda, asked.file_id, asked.prompt_id, asked.force) == ("20251107000000", "SETTLEMENT", None, False)


@pytest.fixture(scope="module")
def api(database):
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    dag = tenant_dag(config("api"))
    with database() as session:
        save(session, dag)
    with TestClient(create_app()) as client:
        token = client.get("/auth/token").json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.mark.parametrize(
    ("conf", "status"),
    [
        ({"BSDA": "2025"}, 400),
        ({"FILE_ID": "SETTLEMENTS"}, 400),
        ({"force": "yes"}, 400),
        ({"BSDA": "20251107", "FILE_ID": "SETTLEMENT", "force": True}, 200),
        ({}, 200),
    ],
)
def test_a_run_by_hand_over_rest(api, conf, status):
    answer = api.post("/api/v2/dags/api/dagRuns", json={"logical_date": None, "conf": conf})
    assert answer.status_code == status, answer.text


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_the_form_has_the_choices(api):
    params = api.get("/api/v2/dags/api/details").json()["params"]
    assert params["FILE_ID"]["schema"]["examples"] == ["SETTLEMENT"]
    assert params["FILE_ID"]["schema"]["pattern"] == "^(SETTLEMENT)$"
