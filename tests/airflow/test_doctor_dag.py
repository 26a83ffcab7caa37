"""The doctor's DAG: built, rendered and executed without a database."""

import pytest

from llm_convert.airflow.doctor_dag import DAG_ID, doctor_dag
from llm_convert.airflow.faults import AirflowFailException
from llm_convert.settings import Settings


def rendered(params, settings):
    task = doctor_dag().get_task("check")
    task.settings = settings
    task.render_template_fields({"params": params})
    return task


def test_one_task_without_a_schedule():
    dag = doctor_dag(tags=["ops"])
    assert (dag.dag_id, dag.schedule, dag.tags) == (DAG_ID, None, {"ops"})
    assert [task.task_id for task in dag.tasks] == ["check"]
    assert dag.get_task("check").retries == 0


def test_a_healthy_place_is_returned_finding_by_finding(tmp_path):
    task = rendered({"tenant": None, "call_model": False}, Settings(home=tmp_path))
    assert (task.tenant, task.call_model) == ("", "False")
    findings = task.execute({})
    assert {"name": "job", "state": "ok", "detail": "runs as a process of this machine", "remedy": ""} in findings


def test_what_is_wrong_fails_the_task_with_its_remedy(tmp_path):
    task = rendered({"tenant": "nobody", "call_model": False}, Settings(home=tmp_path, warehouse="sqlite:///x"))
    with pytest.raises(AirflowFailException) as caught:
        task.execute({})
    assert "tenant nobody" in str(caught.value)
    assert "Known: bigquery, duckdb" in str(caught.value)
