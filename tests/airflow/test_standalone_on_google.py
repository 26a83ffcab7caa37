"""A real Airflow, deferring, over Cloud Run, storage, BigQuery and Claude on this machine: run, cleared, killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google_night import REPOSITORY, Cloud
from standalone import Standalone

from llm_convert import wiring
from llm_convert.contracts import keys
from llm_convert.contracts.launch import ExecutionState, ExecutionStatus, Launch
from llm_convert.pipeline.results import committed_reports
from llm_convert.samples import write_samples
from llm_convert.settings import Settings
from llm_convert.tenants import load_tenant

pytestmark = pytest.mark.airflow
ATEC = "cf526000-20250926-1"
CONVERT = "llm-convert-batch-shared_drive"
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1300,1400",
)
SEOUL = ZoneInfo("Asia/Seoul")
SCHEDULE = re.compile(r'("transform_schedule": )\["\d\d"\]')
TENANT_FILE = """
from llm_convert.airflow.factory import tenant_dag

dag = tenant_dag({
    "customer_code": %(code)r,
    "project_id": "hyperlounge-dev",
    "dag_id": %(dag_id)r,
    "transform_schedule": [%(at)r],
    "sources": {"shared_drive": {"id": "s1", "url": "drive/cf526000/shared_drive", "llm_transform": True}},
    "file_mapping": [
        {"file_id": "STOCK_LIST", "glob": "*재고현황*"},
        {"file_id": "PRODUCTION_REPORT", "glob": "*production*"},
        {"file_id": "PURCHASE_ORDER", "glob": "*발주서*"},
    ],
    "prompt_id": ["stock_list", "production_summary", "order_lines"],
})
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("standalone-cloud")
    write_samples(home / "drive", week=1)
    with pytest.MonkeyPatch.context() as patch:
        found = Cloud(home, home / "drive")
        with found.running():
            for name, value in found.launcher.items():
                patch.setenv(name, value)
            found.furnish()
            yield found


@pytest.fixture(scope="module")
def due() -> datetime:
    """When the scheduled tenant's run is due: soon after Airflow is up, and mostly while other tests still run, but not
    those that have the model hang."""
    return (datetime.now(SEOUL) + timedelta(seconds=120)).replace(second=0, microsecond=0)


@pytest.fixture(scope="module")
def airflow(cloud: Cloud, due: datetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    home = tmp_path_factory.mktemp("standalone-airflow")
    dags = home / "dags"
    dags.mkdir()
    # At its hour of the day Airflow would add a night to those that the tests start.
    never = f"{due + timedelta(hours=12):%H}"
    for path in (REPOSITORY / "dags").glob("*.py"):
        text, changed = SCHEDULE.subn(rf'\g<1>["{never}"]', path.read_text(encoding="utf-8"))
        assert changed == 1, f"{path.name} says its schedule otherwise"
        (dags / path.name).write_text(text, encoding="utf-8")
    for code, at in {"scheduled": f"{due:%H:%M}", "slow": never, "beside": never, "orphan": never}.items():
        text = TENANT_FILE % {"code": code, "dag_id": f"{code}-1", "at": at}
        (dags / f"{code}.py").write_text(text, encoding="utf-8")
    environ = {
        **cloud.launcher,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
    }
    with Standalone(home, dags, environ).running() as running:
        running.await_dag(ATEC)
        yield running


def run_of(airflow: Standalone, dag_id: str, run_id: str) -> str:
    airflow.await_(
        lambda: airflow.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"] in {"success", "failed"}, f"{run_id} runs on"
    )
    return str(airflow.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"])


def totals(tenant: str) -> dict[str, int]:
    """Rows of a tenant by table; other tenants' nights land while it is looked at."""
    warehouse = wiring.open_warehouse(Settings.from_environment())
    found = {}
    for table in warehouse.tables():
        preview = warehouse.preview(table, limit=10_000)
        at = [number for number, name in enumerate(preview.columns) if name in {"_tenant", "tenant"}]
        found[table] = sum(any(row[number] == tenant for number in at) for row in preview.rows)
    return found


def executions(cloud: Cloud, tenant: str) -> list[object]:
    return [
        execution
        for execution in cloud.cloud_run.executions
        if any(v.name == "TENANT_CODE" and v.value == tenant for v in execution.template.containers[0].env)
    ]


def calls_of(tenant: str, bsda: str) -> int:
    """All calls that were paid for a night, by its committed reports."""
    store = wiring.open_store(Settings.from_environment())
    return sum(report.usage.calls for report in committed_reports(store, tenant, bsda))


def status_of(tenant: str, bsda: str) -> ExecutionStatus:
    """The newest execution's, as the platform tells it."""
    settings = Settings.from_environment()
    store = wiring.open_store(settings)
    found = [info.key for info in store.list(f"{keys.night(tenant, bsda)}/run/") if info.key.endswith("/launch.json")]
    launch = Launch.from_json(store.read(found[-1]).data)
    assert launch.handle is not None
    config = load_tenant(store, launch.request.tenant, folder=None)
    return wiring.open_backend(settings, config).status(launch.handle)


def wait_in_triggerer(airflow: Standalone, cloud: Cloud, dag_id: str, tenant: str, bsda: str) -> str:
    """A run whose job hangs at the model while its task waits in the triggerer."""
    run_id = airflow.trigger(dag_id, {"BSDA": bsda})
    airflow.await_(lambda: airflow.task(dag_id, run_id, CONVERT)["state"] == "deferred", "it was not deferred")
    airflow.await_(lambda: len(executions(cloud, tenant)) == 1, "no execution was started")
    return run_id


def test_a_night_by_rest_lands_what_the_model_read(airflow: Standalone, cloud: Cloud) -> None:
    run_id = airflow.trigger(ATEC, {"BSDA": "20251107140000"})
    assert run_of(airflow, ATEC, run_id) == "success", airflow.task_log(ATEC, run_id, CONVERT)[-3000:]
    assert totals("cf526000").items() >= {"order_lines": 7, "production": 34, "stock_list": 10}.items()
    assert len(executions(cloud, "cf526000")) == 1
    assert calls_of("cf526000", "20251107140000") == 3
    log = airflow.task_log(ATEC, run_id, CONVERT)
    assert "waiting in the triggerer" in log
    assert log.count(": SUCCEEDED, 10 rows") == 1
    links = airflow.get(f"dags/{ATEC}/dagRuns/{run_id}/taskInstances/{CONVERT}/links")["extra_links"]
    assert "report.json" in links["Report"]


def test_clearing_it_starts_nothing_that_is_paid_again(airflow: Standalone, cloud: Cloud) -> None:
    run_id = str(airflow.get(f"dags/{ATEC}/dagRuns?order_by=-run_after")["dag_runs"][0]["dag_run_id"])
    before = totals("cf526000")
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [CONVERT], "only_failed": False,
            "include_downstream": True, "reset_dag_runs": True}  # fmt: skip
    airflow.send("POST", f"dags/{ATEC}/clearTaskInstances", body)
    airflow.await_(lambda: airflow.task(ATEC, run_id, CONVERT)["try_number"] == 2, "there was no second try")
    assert run_of(airflow, ATEC, run_id) == "success"
    assert calls_of("cf526000", "20251107140000") == 3
    assert totals("cf526000") == before


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in (*QUIET, f"--user-data-dir={tmp_path / 'chromium'}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.implicitly_wait(20)
    yield driver
    driver.quit()


def open_form(browser: Any, airflow: Standalone) -> None:
    # Before 3.2 the first visit signs in and forgets which page was asked for.
    browser.get(airflow.url)
    browser.find_element("xpath", "//a[@href='/dags']")
    browser.get(f"{airflow.url}/dags/{ATEC}")
    browser.find_element("xpath", "//button[contains(., 'Trigger')]").click()
    browser.find_element("id", "element_BSDA")


def submit(browser: Any) -> None:
    button = browser.find_elements("xpath", "//button[normalize-space()='Trigger']")[-1]
    assert button.is_enabled(), "the form can't be sent as it opens: a field with a default is taken for a missing one"
    button.click()


@pytest.mark.skipif(
    not CHROMIUM or not DRIVER, reason="needs chromium and chromedriver (apt-get install chromium-driver)"
)
def test_a_person_triggers_a_night_with_the_form(browser: Any, airflow: Standalone) -> None:
    before = airflow.get(f"dags/{ATEC}/dagRuns")["total_entries"]
    open_form(browser, airflow)
    for name in ("FILE_ID", "PROMPT_ID", "force"):
        assert browser.find_elements("name", f"element_{name}"), name
    browser.find_element("id", "element_BSDA").send_keys("2025-11")
    submit(browser)
    browser.find_element("xpath", "//*[contains(text(), 'Invalid input for param BSDA')]")
    assert airflow.get(f"dags/{ATEC}/dagRuns")["total_entries"] == before

    open_form(browser, airflow)
    browser.find_element("id", "element_BSDA").send_keys("20251114140000")
    submit(browser)
    airflow.await_(lambda: airflow.get(f"dags/{ATEC}/dagRuns")["total_entries"] == before + 1, "no run was made")
    run = airflow.await_run(ATEC)
    assert run["state"] == "success"
    assert run["conf"] == {"BSDA": "20251114140000", "FILE_ID": None, "PROMPT_ID": None, "force": False}
    states = airflow.get(f"dags/{ATEC}/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["state"] for task in states} == {
        f"{step}-shared_drive": "success"
        for step in (
            "crawler",
            "fileid-mapping",
            "llm-convert-batch",
            "fileid-mapping-hai",
            "filter",
            "converter",
            "tag",
        )
    } | {"check": "success"}


def test_a_scheduled_night_runs_by_itself(airflow: Standalone, cloud: Cloud, due: datetime) -> None:
    airflow.await_(lambda: bool(airflow.get("dags/scheduled-1/dagRuns")["dag_runs"]), "no run was scheduled")
    (run,) = airflow.get("dags/scheduled-1/dagRuns")["dag_runs"]
    assert run["run_type"] == "scheduled"
    run_of(airflow, "scheduled-1", run["dag_run_id"])
    assert len(executions(cloud, "scheduled")) == 1
    assert status_of("scheduled", f"{due:%Y%m%d%H%M%S}").state is ExecutionState.SUCCEEDED


def test_clearing_the_waiting_task_attaches_and_marking_it_as_failed_cancels(airflow: Standalone, cloud: Cloud) -> None:
    cloud.model.dials.latency_seconds = 240
    try:
        run_id = wait_in_triggerer(airflow, cloud, "slow-1", "slow", "20251108000000")
        airflow.await_(
            lambda: "started: 3 documents with vertex" in airflow.task_log("slow-1", run_id, CONVERT),
            "the job's messages did not reach the log of the task that waits",
        )
        # SQLite gives the number of a removed trigger to the next one, which Airflow then takes for the old one, unless
        # a later trigger is still there. No other database does.
        beside = wait_in_triggerer(airflow, cloud, "beside-1", "beside", "20251108000000")
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [CONVERT], "only_failed": False}
        airflow.send("POST", "dags/slow-1/clearTaskInstances", body)
        airflow.await_(lambda: airflow.task("slow-1", run_id, CONVERT)["try_number"] == 2, "there was no second try")
        airflow.await_(lambda: airflow.task("slow-1", run_id, CONVERT)["state"] == "deferred", "it did not wait again")
        assert len(executions(cloud, "slow")) == 1
        assert not status_of("slow", "20251108000000").over
        # The triggerer takes a trigger up some seconds after the task was deferred; before that nobody hears of it.
        airflow.await_(
            lambda: ") starting" in airflow.task_log("slow-1", run_id, CONVERT, attempt=2), "it was not taken up"
        )
        time.sleep(2)
        for dag_id, waiting in (("slow-1", run_id), ("beside-1", beside)):
            airflow.send("PATCH", f"dags/{dag_id}/dagRuns/{waiting}/taskInstances/{CONVERT}", {"new_state": "failed"})
        began = time.monotonic()
        for tenant in ("slow", "beside"):
            airflow.await_(lambda: status_of(tenant, "20251108000000").over, "its execution runs on")  # noqa: B023
            assert status_of(tenant, "20251108000000").state is ExecutionState.CANCELLED
        assert time.monotonic() - began < 30
    finally:
        cloud.model.dials.latency_seconds = 0


def test_a_killed_triggerer_costs_nothing_but_time(airflow: Standalone, cloud: Cloud) -> None:
    cloud.model.dials.latency_seconds = 12
    try:
        run_id = wait_in_triggerer(airflow, cloud, "orphan-1", "orphan", "20251109000000")
        killed = _kill_triggerers(airflow)
        assert killed, "no triggerer was found to kill"
        # It stays: what is deferred from here on has no other triggerer.
        airflow.start("triggerer")
        assert run_of(airflow, "orphan-1", run_id) == "success"
        assert len(executions(cloud, "orphan")) == 1
    finally:
        cloud.model.dials.latency_seconds = 0


def _kill_triggerers(airflow: Standalone) -> list[int]:
    """The triggerer processes of this Airflow alone, by their process group."""
    group = os.getpgid(airflow.process_id)
    killed = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"triggerer" in b" ".join(words) and os.getpgid(int(entry.name)) == group:
                os.kill(int(entry.name), signal.SIGKILL)
                killed.append(int(entry.name))
        except (OSError, ProcessLookupError):
            continue
    return killed
