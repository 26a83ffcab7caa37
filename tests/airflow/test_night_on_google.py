"""Both tenants' nights as in production: real Airflow, Cloud Run, storage, BigQuery and Claude, all on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from google_night import REPOSITORY, Cloud

from llm_convert import wiring
from llm_convert.cli.demo_airflow import AirflowHome, DagRun
from llm_convert.samples import write_samples
from llm_convert.settings import Settings

pytestmark = pytest.mark.airflow
NIGHT = "20251107140000"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("cloud")
    write_samples(home / "drive", week=1)
    with pytest.MonkeyPatch.context() as patch:
        found = Cloud(home, home / "drive")
        with found.running():
            for name, value in found.launcher.items():
                patch.setenv(name, value)
            found.furnish()
            yield found


@pytest.fixture(scope="module")
def nights(cloud: Cloud) -> dict[str, DagRun]:
    settings = Settings.from_environment()
    airflow = AirflowHome(settings, REPOSITORY / "dags")
    airflow.prepare()
    tenants = {"c8cd3500": "c8cd3500-20240517-1", "cf526000": "cf526000-20250926-1"}
    return {tenant: airflow.run(dag_id, tenant, NIGHT) for tenant, dag_id in tenants.items()}


def test_both_tenants_land_what_the_model_read(cloud: Cloud, nights: dict[str, DagRun]) -> None:
    assert nights["cf526000"].state == "success", nights["cf526000"].tasks_said
    assert nights["c8cd3500"].tasks_said.startswith("10 of 11 green; check failed")
    warehouse = wiring.open_warehouse(Settings.from_environment())
    counts = {table: warehouse.preview(table).total for table in warehouse.tables()}
    assert counts.items() >= {
        "branch_sales": 21, "reservations": 12, "settlement_lines": 6, "weekly_summary": 41,
        "order_lines": 7, "production": 34, "stock_list": 10,
    }.items()  # fmt: skip


def test_every_document_is_paid_once(cloud: Cloud, nights: dict[str, DagRun]) -> None:
    calls = [report.usage.calls for run in nights.values() for report in run.reports]
    assert sum(calls) == cloud.model.received == 6
    assert sum(report.usage.cost_microusd for run in nights.values() for report in run.reports) > 0
    assert len(cloud.cloud_run.executions) == 2
    items = [item for run in nights.values() for report in run.reports for item in report.items]
    assert Counter(item.strategy for item in items if item.strategy) == {"program": 5, "direct": 1}


def test_the_same_night_again_pays_nothing_and_changes_nothing(cloud: Cloud, nights: dict[str, DagRun]) -> None:
    before = wiring.open_warehouse(Settings.from_environment()).preview("stock_list", limit=100)
    airflow = AirflowHome(Settings.from_environment(), REPOSITORY / "dags")
    again = airflow.run("cf526000-20250926-1", "cf526000", NIGHT)
    assert again.state == "success"
    assert cloud.model.received == 6
    assert wiring.open_warehouse(Settings.from_environment()).preview("stock_list", limit=100) == before
