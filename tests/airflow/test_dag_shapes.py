import runpy
from pathlib import Path

import pytest

from llm_convert.airflow.factory import tenant_dag
from llm_convert.airflow.shape import steps_of
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError

DAGS = Path(__file__).parents[2] / "dags"


def edges(dag):
    return {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}


def of_file(name):
    return runpy.run_path(str(DAGS / name))["dag"]


def config(**sources):
    return {"customer_code": "t1", "sources": sources}


def test_two_branches_when_another_source_takes_the_results():
    dag = of_file("c8cd3500_20240517_1.py")
    assert dag.dag_id == "c8cd3500-20240517-1"
    assert edges(dag) == {
        "crawler-shared_drive": ["fileid-mapping-shared_drive"],
        "fileid-mapping-shared_drive": ["filter-shared_drive", "llm-convert-batch-shared_drive"],
        "filter-shared_drive": ["converter-shared_drive"],
        "converter-shared_drive": ["tag-shared_drive"],
        "tag-shared_drive": ["check"],
        "llm-convert-batch-shared_drive": ["fileid-mapping-hai-email"],
        "fileid-mapping-hai-email": ["filter-email"],
        "filter-email": ["converter-email"],
        "converter-email": ["tag-email"],
        "tag-email": ["check"],
        "check": [],
    }


def test_one_line_when_nobody_takes_the_results():
    dag = of_file("cf526000_20250926_1.py")
    order = [
        "crawler-shared_drive",
        "fileid-mapping-shared_drive",
        "llm-convert-batch-shared_drive",
        "fileid-mapping-hai-shared_drive",
        "filter-shared_drive",
        "converter-shared_drive",
        "tag-shared_drive",
        "check",
    ]
    following = [[name] for name in order[1:]] + [[]]
    assert edges(dag) == dict(zip(order, following, strict=True))


def test_no_model_and_several_sources_side_by_side():
    dag = tenant_dag(
        config(
            drive={"id": "s1", "url": "drive/a"},
            mail={"id": "s2", "url": "drive/b", "llm_transform": True},
        )
    )
    found = edges(dag)
    assert found["fileid-mapping-drive"] == ["filter-drive"]
    assert "llm-convert-batch-drive" not in found
    assert found["fileid-mapping-mail"] == ["llm-convert-batch-mail"]
    assert {task.task_id for task in dag.tasks if not task.upstream_task_ids} == {"crawler-drive", "crawler-mail"}
    assert dag.get_task("check").upstream_task_ids == {"tag-drive", "tag-mail"}


def test_check_fails_with_what_is_before_it():
    assert tenant_dag(config(drive={"id": "s1", "url": "d"})).get_task("check").trigger_rule == "all_success"


def test_the_dag_starts_nothing_by_itself_and_one_run_at_once():
    dag = of_file("c8cd3500_20240517_1.py")
    assert (dag.catchup, dag.max_active_runs, dag.start_date) == (False, 1, None)
    assert set(dag.tags) == {"c8cd3500", "trinityspa", "llm_convert"}


def test_a_dag_file_may_override():
    dag = tenant_dag(config(drive={"id": "s1", "url": "d"}), max_active_runs=3, tags=["mine"])
    assert (dag.max_active_runs, set(dag.tags)) == (3, {"mine"})


def test_a_mistyped_key_is_named_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"unknown key 'customer_cod' in CONFIG.*'customer_code'"):
        tenant_dag({"customer_cod": "t1", "sources": {"drive": {"id": "s1", "url": "d"}}})


def test_a_source_name_that_is_no_task_id():
    tenant = TenantConfig.model_validate(config(**{"my drive": {"id": "s1", "url": "d"}}))
    with pytest.raises(ConfigurationError, match="'my drive' can't be part of a task id"):
        steps_of(tenant)
