"""The events that a tag task leaves, through Airflow's own run of a DAG."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, Asset, AssetAlias, BaseOperator, Context

from llm_convert.airflow.assets import emit_assets, table_asset, tag_outlets
from llm_convert.contracts.tenant import TenantConfig
from night import Night

pytestmark = pytest.mark.airflow

CONFIG = TenantConfig.model_validate(
    {"customer_code": "c8cd3500", "sources": {"shared_drive": {"id": "sbb4e91e", "url": "drive"}}}
)
RESULT = {
    "rows": 12,
    "changed": ["weekly_profit"],
    "unchanged": ["stock"],
    "tables": {"weekly_profit": 10, "stock": 2},
    "cost_usd": {"weekly_profit": "0.012345", "stock": "0.000000"},
    "run": "r-1",
    "bsda": "20251107230000",
}


class Tag(BaseOperator):
    """Stands in for the tag step: it lands what it is told to."""

    def __init__(self, *, result: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(outlets=tag_outlets(CONFIG, "shared_drive"), **kwargs)
        self.result = result

    def execute(self, context: Context) -> dict[str, Any]:
        emit_assets(context, CONFIG, "shared_drive", self.result)
        return self.result


@pytest.fixture(scope="module")
def database() -> Any:
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    return create_session


def save(database: Any, dag: DAG) -> None:
    """What the DAG processor does with a parsed DAG."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization import serialized_objects
    from airflow.serialization.serialized_objects import LazyDeserializedDAG, SerializedDAG

    # Airflow 3.1 has both in one class.
    serialization = getattr(serialized_objects, "DagSerialization", SerializedDAG)

    with database() as session:
        session.merge(DagBundleModel(name="tests"))
        session.flush()
        serialized = LazyDeserializedDAG(data=serialization.to_dict(dag))
        SerializedDAG.bulk_write_to_db("tests", None, [serialized], session=session)
        SerializedDagModel.write_dag(serialized, bundle_name="tests", session=session)
        session.commit()


def events_of(database: Any, dag_id: str) -> dict[str, dict[str, Any]]:
    from airflow.models.asset import AssetEvent

    with database() as session:
        found = session.query(AssetEvent).filter(AssetEvent.source_dag_id == dag_id).all()
        return {event.asset.uri: dict(event.extra) for event in found}


def test_an_asset_is_known_by_its_uri_alone() -> None:
    asset = table_asset(CONFIG, "weekly_profit")
    assert asset.uri == asset.name == "llm-convert://c8cd3500/weekly_profit"
    assert asset == table_asset("c8cd3500", "weekly_profit")
    assert (asset.name, asset.uri) == (Asset(asset.uri).name, Asset(asset.uri).uri)


def test_the_outlet_is_one_alias_a_branch() -> None:
    (alias,) = tag_outlets(CONFIG, "shared_drive")
    assert isinstance(alias, AssetAlias)
    assert alias.name == "llm-convert-c8cd3500-shared_drive"
    assert tag_outlets(CONFIG, "email") != [alias]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("landed", [True, False], ids=["two tables", "nothing"])
def test_each_landed_table_is_an_event_with_rows_run_and_cost(database: Any, landed: bool) -> None:
    result = RESULT if landed else {**RESULT, "rows": 0, "changed": [], "unchanged": [], "tables": {}}
    dag = DAG(f"lands_{landed}".lower(), schedule=None)
    Tag(task_id="tag", result=result, dag=dag)
    save(database, dag)
    assert dag.test().state == "success"
    events = events_of(database, dag.dag_id)
    if not landed:
        assert events == {}
        return
    assert set(events) == {"llm-convert://c8cd3500/weekly_profit", "llm-convert://c8cd3500/stock"}
    assert events["llm-convert://c8cd3500/weekly_profit"] == {
        "rows": 10,
        "changed": True,
        "cost_usd": "0.012345",
        "run": "r-1",
        "bsda": "20251107230000",
        "source": "shared_drive",
    }
    assert events["llm-convert://c8cd3500/stock"]["changed"] is False


@pytest.mark.filterwarnings("default")
def test_what_the_tag_step_returns_is_what_an_event_tells(database: Any, night: Night) -> None:
    night.drop("방문.csv", "일자,지점,객수\n2025-11-03,본점,12\n".encode())
    for name in ("crawler", "fileid_mapping", "filter", "converter"):
        night.step(name)
    dag = DAG("tags", schedule=None)
    Tag(task_id="tag", result=night.step("tag"), dag=dag)
    save(database, dag)
    assert dag.test().state == "success"
    told = {"rows": 1, "changed": True, "cost_usd": "0.000000", "run": "", "bsda": night.bsda, "source": "shared_drive"}
    assert events_of(database, "tags") == {"llm-convert://c8cd3500/visits": told}


@pytest.mark.filterwarnings("default")
def test_a_dag_that_is_scheduled_on_a_table_is_due_when_it_landed(database: Any) -> None:
    from airflow.models.asset import AssetDagRunQueue
    from airflow.models.dag import DagModel

    for table in ("weekly_profit", "never_landed"):
        waits = DAG(f"waits_for_{table}", schedule=[table_asset("c8cd3500", table)])
        BaseOperator(task_id="any", dag=waits)
        save(database, waits)
        with database() as session:
            session.get(DagModel, waits.dag_id).is_paused = False
    dag = DAG("lands_for_others", schedule=None)
    Tag(task_id="tag", result=RESULT, dag=dag)
    save(database, dag)
    assert dag.test().state == "success"
    with database() as session:
        assert {row.target_dag_id for row in session.query(AssetDagRunQueue)} == {"waits_for_weekly_profit"}
