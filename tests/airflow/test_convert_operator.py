"""The operator with the real backend, store and launcher; only the job is a stand-in, without documents."""

import logging
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from llm_convert import wiring
from llm_convert.airflow.batch import launch_key, launch_keys
from llm_convert.airflow.faults import AirflowException, AirflowFailException, told_to_airflow
from llm_convert.airflow.lines import result_line
from llm_convert.airflow.links import (
    BATCH_LINKS,
    execution_page,
    folder_page,
    for_browser,
    table_links,
    table_page,
)
from llm_convert.airflow.operators import LlmConvertBatchOperator, PipelineStepOperator
from llm_convert.airflow.task_functions import llm_convert_batch
from llm_convert.contracts.launch import ExecutionHandle
from llm_convert.contracts.report import Report
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError, DataError, StoreError
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.settings import Settings
from llm_convert.tenants import load_tenant, publish_tenant

CONFIG = TenantConfig(
    customer_code="t1",
    transform_schedule=["23"],
    sources={"drive": {"id": "s1", "url": "drive/t1", "llm_transform": True}},
)
NIGHT = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)
STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_job.py")))


@pytest.fixture
def settings(tmp_path, monkeypatch):
    # The composition root with another job in it; everything else is what production has.
    monkeypatch.setattr(wiring, "open_backend", lambda found, config=None: SubprocessBackend(found, command=STAND_IN))
    return Settings(home=tmp_path / "home", poll_seconds=0.05)


@pytest.fixture
def context():
    sent = {}
    place = {"dag_id": "d", "run_id": "r", "task_id": "convert", "map_index": -1, "max_tries": 2}
    ti = SimpleNamespace(**place, xcom_push=lambda key, value: sent.update({key: value}))
    run = SimpleNamespace(run_after=NIGHT, logical_date=None, data_interval_end=None, conf=None)
    return {"ti": ti, "dag_run": run, "sent": sent}


def operator(settings, **arguments):
    return LlmConvertBatchOperator(
        **{"task_id": "convert", "config": CONFIG, "settings": settings, "retries": 2, **arguments}
    )


def ends_killed(task, context):
    with pytest.raises(AirflowException):
        task.execute(context)


def launches(settings):
    return sorted(path.parent.name for path in settings.home.rglob("launch.json"))


def test_a_conversion_tells_its_progress_and_returns_its_summary(settings, context, caplog):
    caplog.set_level(logging.INFO, logger="llm_convert")
    summary = operator(settings, force="False", file_id="None").execute(context)
    assert summary | {"execution": "", "report_uri": "", "results_uri": ""} == {
        "run_id": launches(settings)[0],
        "execution": "",
        "attached": False,
        "succeeded": 1,
        "failed": 1,
        "clarify": 0,
        "skipped": 0,
        "reused": 0,
        "rows": 1204,
        "quarantined": 0,
        "strategies": {},
        "drifted": 0,
        "calls": 3,
        "cost_usd": "0.012345",
        "report_uri": "",
        "results_uri": "",
    }
    assert "2 of 2 documents, 3 calls, 1,204 rows, 0.012345 USD, about 0 s left" in caplog.messages
    assert "가.xlsx: SUCCEEDED, 1,204 rows" in caplog.messages
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "this model retires soon" in warned
    assert any("나.pdf: FAILED, 0 rows, totals_disagree. Compare the document's totals" in line for line in warned)
    assert "secret" not in caplog.text
    store = wiring.open_store(settings)
    assert load_tenant(store, "t1", folder=None) == CONFIG
    assert Report.from_json(Path(summary["report_uri"].removeprefix("file://")).read_bytes()).bsda == "20251107230000"
    assert context["sent"]["llm_convert_report"] == summary["report_uri"]


def test_a_retry_attaches_to_the_running_execution(settings, context):
    first = operator(settings, file_id="SLOW")
    watching = threading.Thread(target=ends_killed, args=(first, context))
    watching.start()
    wait_until(lambda: first._batch and first._batch.launched)
    second = operator(settings, file_id="SLOW")
    attached = threading.Thread(target=ends_killed, args=(second, context))
    attached.start()
    wait_until(lambda: second._batch and second._batch.launched)
    assert second._batch.report_uri == first._batch.report_uri
    assert second._batch.launched.attached
    assert len(launches(settings)) == 1
    second.on_kill()
    attached.join(10)
    watching.join(10)


def test_killing_the_task_cancels_its_execution_and_a_retry_may_help(settings, context):
    killed = operator(settings, file_id="SLOW")
    threading.Thread(
        target=lambda: wait_until(lambda: killed._batch and killed._batch.launched) or killed.on_kill()
    ).start()
    with pytest.raises(AirflowException, match="the task was killed; its execution is cancelled") as caught:
        killed.execute(context)
    assert not isinstance(caught.value, AirflowFailException)
    assert killed._batch.backend.status(killed._batch.launched.handle).over


def test_killed_while_it_starts(settings, context, monkeypatch):
    killed = operator(settings, file_id="SLOW")
    start = SubprocessBackend.start
    monkeypatch.setattr(
        SubprocessBackend, "start", lambda self, *arguments: (start(self, *arguments), killed.on_kill())[0]
    )
    with pytest.raises(AirflowException, match="killed while its execution started"):
        killed.execute(context)
    wait_until(lambda: killed._batch.backend.status(killed._batch.launched.handle).over)


def test_a_try_after_the_end_finds_the_same_run_and_a_cleared_task_gets_a_new_one(settings, context):
    first = operator(settings).execute(context)
    again = operator(settings).execute(context)
    assert (again["run_id"], again["attached"]) == (first["run_id"], True)
    context["ti"].max_tries = 3
    cleared = operator(settings).execute(context)
    assert (cleared["run_id"] != first["run_id"], cleared["attached"]) == (True, False)
    assert operator(settings).execute(context)["run_id"] == cleared["run_id"]
    assert len(launches(settings)) == 2


@pytest.mark.parametrize(("file_id", "said"), [("HALF_BAD", "exit code 65"), ("BAD_SETTING", "exit code 78")])
def test_what_a_retry_cannot_mend_is_not_retried(settings, context, file_id, said):
    with pytest.raises(AirflowFailException, match=said):
        operator(settings, file_id=file_id).execute(context)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"bsda": "2025"}, "BSDA must be 8 or 14 digits"),
        ({"config": None, "tenant": "t9"}, "unknown tenant 't9'"),
        ({"config": None, "tenant": ""}, "TENANT_CODE '' is no code"),
        ({"force": "perhaps"}, "force is 'perhaps'"),
    ],
)
def test_a_wrong_request_fails_at_once_and_starts_nothing(settings, context, arguments, said):
    with pytest.raises(AirflowFailException, match=said):
        operator(settings, **arguments).execute(context)
    assert launches(settings) == []


def test_the_function_takes_the_place_of_the_old_one(settings, context, monkeypatch):
    monkeypatch.setenv("LLM_CONVERT_HOME", str(settings.home))
    publish_tenant(wiring.open_store(settings), CONFIG)
    old = {"customer_code": "t1", "transform_schedule": ["08"], "llm_job_name": "theirs", "anything": "else"}
    summary = llm_convert_batch(old, **context, task=SimpleNamespace(retries=2))
    assert summary["succeeded"] == 1
    assert "/runs/20251107080000/" in summary["report_uri"]
    with pytest.raises(AirflowFailException, match="file_id holds 2 names"):
        llm_convert_batch(old | {"file_id": ["A", "B"]}, **context, task=SimpleNamespace(retries=2))


def test_a_mistyped_conf_stops_the_first_task(settings, context):
    context["dag_run"].conf = {"FILEID": "A"}
    context["dag"] = SimpleNamespace(params={"FILE_ID": None})
    crawler = PipelineStepOperator(task_id="crawler-drive", step="crawler", source="drive", config=CONFIG)
    with pytest.raises(AirflowFailException, match="unknown parameter 'FILEID'"):
        crawler.execute(context)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigurationError("x"), AirflowFailException),
        (DataError("x"), AirflowFailException),
        (StoreError("x"), AirflowException),
        (OSError("x"), OSError),
    ],
)
def test_errors_as_airflow_sees_them(error, kind):
    with pytest.raises(kind) as caught, told_to_airflow():
        raise error
    assert type(caught.value) is kind


def test_launch_keys():
    key = launch_key("d", "r", "t", -1)
    assert key == launch_key("d", "r", "t", -1)
    others = {launch_key("d", "r", "t", 0), launch_key("d", "r", "u", -1), launch_key("d", "r", "t", -1, clearing=3)}
    assert len({key, *others}) == 4
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, max_tries=2)
    assert launch_keys(ti, 2) == (key,)
    ti.max_tries = 5
    assert launch_keys(ti, 2) == (key, *(launch_key("d", "r", "t", -1, clearing=number) for number in (1, 2, 3)))


def test_a_steps_result_in_one_line():
    result = {"rows": {"sales": 1200, "stock": 2}, "rejected": {}, "changed": ["a", "b"], "failures": [{"d": "secret"}]}
    line = "filter drive is done: rows sales 1,200 and stock 2, rejected none, changed a and b, failures 1"
    assert result_line("filter", "drive", result) == line
    assert result_line("check", "", {}) == "check is done: nothing to tell"


def test_links():
    assert (
        for_browser("gs://b/tenants/t 1/가.json") == "https://storage.cloud.google.com/b/tenants/t%201/%EA%B0%80.json"
    )
    assert for_browser("file:///x/y") == folder_page("file:///x/y") == "file:///x/y"
    assert folder_page("gs://b/t/runs/20251107230000").endswith("/storage/browser/b/t/runs/20251107230000")
    assert [link.get_link(SimpleNamespace(links={link.xcom_key: "u"}), ti_key=None) for link in BATCH_LINKS] == [
        "u"
    ] * 4
    assert BATCH_LINKS[0].get_link(SimpleNamespace(), ti_key=None) == ""


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("projects/p/locations/r/jobs/j/executions/j-x1", "run/jobs/executions/details/r/j-x1?project=p"),
        ("projects/p/locations/r/builds/b-1", "cloud-build/builds;region=r/b-1?project=p"),
        ("1234@host", ""),
    ],
)
def test_the_page_of_an_execution(name, page):
    found = execution_page(ExecutionHandle(backend="b", name=name))
    assert found == (f"https://console.cloud.google.com/{page}" if page else "")


def test_the_page_of_what_was_landed():
    url = "bigquery://p/d?location=x"
    assert table_page(url, ("t",)).endswith("/bigquery?project=p&p=p&d=d&t=t&page=table")
    assert table_page(url, ("t", "u")).endswith("/bigquery?project=p&p=p&d=d&page=dataset")
    assert table_links("duckdb:///x", {"tables": {"t": 1}}) == table_links(url, {"tables": {}}) == {}
    assert list(table_links(url, {"tables": {"t": 1}})) == ["llm_convert_table"]


def wait_until(there, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
