"""A deferred conversion: the real operator, trigger, backend, store and launcher; only the job is a stand-in."""

import asyncio
import contextlib
import importlib
import json
import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.serialization.serialized_objects import BaseSerialization

from llm_convert import wiring
from llm_convert.airflow import killing, triggers
from llm_convert.airflow.faults import AirflowException, AirflowFailException
from llm_convert.airflow.operators import LlmConvertBatchOperator
from llm_convert.airflow.waiting import Ended
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError, MissingExtraError, UnavailableError
from llm_convert.execution.backends.subprocess import SubprocessBackend
from llm_convert.execution.threaded_watch import ThreadedWatch
from llm_convert.settings import Settings

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # Airflow 3.1 has it elsewhere.
    from airflow.exceptions import TaskDeferred

CONFIG = TenantConfig(customer_code="t1", sources={"drive": {"id": "s1", "url": "drive/t1", "llm_transform": True}})
NIGHT = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)
STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_job.py")))


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(wiring, "open_backend", lambda found, config=None: SubprocessBackend(found, command=STAND_IN))
    return Settings(home=tmp_path / "home", poll_seconds=0.05)


@pytest.fixture
def context():
    sent = {}
    place = {"dag_id": "d", "run_id": "r", "task_id": "convert", "map_index": -1, "max_tries": 2}
    ti = SimpleNamespace(**place, xcom_push=lambda key, value: sent.update({key: value}))
    run = SimpleNamespace(run_after=NIGHT, logical_date=None, data_interval_end=None, conf=None)
    return {"ti": ti, "dag_run": run, "sent": sent}


@pytest.fixture
def told(monkeypatch):
    """What a trigger writes into its task's log."""
    lines = []

    def log(level, line, *arguments):
        lines.append((level, str(line) % arguments if arguments else str(line)))

    logger = SimpleNamespace(
        log=log,
        info=lambda *line: log(logging.INFO, *line),
        warning=lambda *line: log(logging.WARNING, *line),
    )
    monkeypatch.setattr(triggers.ConversionTrigger, "log", logger)
    return lines


def operator(settings, **arguments):
    return LlmConvertBatchOperator(
        **{"task_id": "convert", "config": CONFIG, "settings": settings, "retries": 2, "deferrable": True, **arguments}
    )


def deferred(task, context):
    """The trigger as the triggerer rebuilds it from Airflow's database."""
    with pytest.raises(TaskDeferred) as caught:
        task.execute(context)
    assert caught.value.method_name == "execute_complete"
    classpath, kwargs = caught.value.trigger.serialize()
    stored = json.loads(json.dumps(BaseSerialization.serialize(kwargs)))
    module, _, name = classpath.rpartition(".")
    return getattr(importlib.import_module(module), name)(**BaseSerialization.deserialize(stored))


async def first_event(trigger):
    return json.loads(json.dumps((await anext(trigger.run())).payload))


def fires(trigger):
    return asyncio.run(asyncio.wait_for(first_event(trigger), 30))


def launches(settings):
    return sorted(path.parent.name for path in settings.home.rglob("launch.json"))


def status(trigger):
    return SubprocessBackend(trigger.waiting.settings).status(trigger.waiting.handle)


def test_a_deferred_run_tells_its_progress_while_it_waits_and_returns_its_summary(settings, context, told, caplog):
    caplog.set_level(logging.INFO, logger="llm_convert")
    task = operator(settings)
    trigger = deferred(task, context)
    event = fires(trigger)
    assert (event["status"], event["told"]) == ("over", True)
    lines = [line for _, line in told]
    assert "가.xlsx: SUCCEEDED, 1,204 rows" in lines
    assert "2 of 2 documents, 3 calls, 1,204 rows, 0.012345 USD, about 0 s left" in lines
    assert (logging.WARNING, "this model retires soon") in told
    assert lines[-1] == "ended with exit code 0 after 2 documents"
    summary = operator(settings).execute_complete(context, event)
    assert (summary["succeeded"], summary["rows"], summary["attached"]) == (1, 1204, False)
    assert summary["run_id"] == launches(settings)[0] == event["run_id"]
    assert not any("가.xlsx" in line for line in caplog.messages), "told twice"
    assert "secret" not in f"{told}{caplog.text}"
    assert context["sent"]["llm_convert_report"] == summary["report_uri"]


def test_a_run_that_is_done_defers_nothing(settings, context):
    event = fires(deferred(operator(settings), context))
    done = operator(settings).execute_complete(context, event)
    again = operator(settings).execute(context)
    assert (again["run_id"], again["attached"]) == (done["run_id"], True)
    assert len(launches(settings)) == 1


@pytest.mark.parametrize(("file_id", "said"), [("HALF_BAD", "exit code 65"), ("BAD_SETTING", "exit code 78")])
def test_a_failure_is_told_as_without_deferring(settings, context, file_id, said):
    task = operator(settings, file_id=file_id)
    event = fires(deferred(task, context))
    with pytest.raises(AirflowFailException, match=said):
        task.execute_complete(context, event)


def test_a_retry_waits_for_the_same_execution(settings, context):
    task = operator(settings, file_id="SLOW")
    first, second = deferred(task, context), deferred(task, context)
    assert second.waiting.handle == first.waiting.handle
    assert (first.waiting.attached, second.waiting.attached) == (False, True)
    assert second.waiting.deadline == first.waiting.deadline, "a retry must not prolong it"
    assert len(launches(settings)) == 1
    SubprocessBackend(settings).cancel(first.waiting.handle)
    event = fires(second)
    with pytest.raises(AirflowFailException, match="the execution was cancelled"):
        task.execute_complete(context, event)


def test_the_deadline_holds_while_deferred(settings, context, told):
    task = operator(settings.model_copy(update={"job_timeout_seconds": 1.5}), file_id="SLOW")
    trigger = deferred(task, context)
    began = time.monotonic()
    event = fires(trigger)
    assert time.monotonic() - began < 15
    assert (event["status"], event["cancelled"]) == ("timed_out", True)
    assert status(trigger).over
    with pytest.raises(AirflowException, match=r"took longer than 1\.5 s and was cancelled") as caught:
        task.execute_complete(context, event)
    assert not isinstance(caught.value, AirflowFailException), "a retry may help"


def test_the_tasks_own_timeout_holds_too(settings, context):
    trigger = deferred(operator(settings, file_id="SLOW", execution_timeout=timedelta(seconds=100)), context)
    assert 90 < trigger.waiting.deadline - time.time() <= 100
    SubprocessBackend(settings).cancel(trigger.waiting.handle)


def test_a_platform_that_cannot_cancel_keeps_nobody_waiting_for_ever(settings, context, told, monkeypatch):
    trigger = deferred(operator(settings.model_copy(update={"job_timeout_seconds": 0.1}), file_id="SLOW"), context)
    with monkeypatch.context() as patch:
        patch.setattr(triggers, "LONGEST_WAIT_SECONDS", 0.2)
        patch.setattr(triggers, "CANCEL_PAUSE_SECONDS", 0.05)

        def refuse(self, handle):
            raise UnavailableError("the platform is away")

        patch.setattr(SubprocessBackend, "cancel", refuse)
        event = fires(trigger)
    assert (event["status"], event["cancelled"], event["told"]) == ("timed_out", False, False)
    assert event["detail"] == "the platform is away"
    with pytest.raises(AirflowException, match="took longer than"):
        operator(settings).execute_complete(context, event)
    assert status(trigger).over, "the worker cancels what the trigger could not"


class Unreliable:
    """Fails a few times before it asks the real one."""

    def __init__(self, real, errors):
        self.real, self.errors = real, errors

    async def statuses(self, handles):
        if self.errors:
            raise self.errors.pop()
        return await self.real.statuses(handles)

    async def close(self):
        await self.real.close()


def test_errors_while_polling_fail_and_start_nothing(settings, context, told, monkeypatch):
    errors = [UnavailableError("try later"), RuntimeError("of a vendor"), UnavailableError("try later")]
    monkeypatch.setattr(
        wiring,
        "open_execution_watch",
        lambda found, config: Unreliable(ThreadedWatch(wiring.open_backend(found)), errors),
    )
    event = fires(deferred(operator(settings), context))
    assert (event["status"], errors) == ("over", [])
    assert [line for level, line in told if level == logging.WARNING][:2] == [
        "the platform can't be asked now, which says nothing about the execution: try later",
        "the platform can't be asked now, which says nothing about the execution: of a vendor",
    ]
    assert (logging.INFO, "the platform answers again") in told
    assert operator(settings).execute_complete(context, event)["succeeded"] == 1
    assert len(launches(settings)) == 1


def test_a_triggerer_that_cannot_ask_leaves_the_waiting_to_a_worker(settings, context, monkeypatch):
    def refuse(found, config):
        raise MissingExtraError("google-cloud-run", "gcp")

    monkeypatch.setattr(wiring, "open_execution_watch", refuse)
    event = fires(deferred(operator(settings), context))
    assert (event["status"], event["told"]) == ("unwatched", False)
    assert "pip install" in event["detail"]
    assert operator(settings).execute_complete(context, event)["succeeded"] == 1


def test_a_triggerer_with_a_mistyped_setting_too(settings, context, monkeypatch):
    trigger = deferred(operator(settings), context)
    monkeypatch.setenv("LLM_CONVERT_BACKENT", "subprocess")
    event = fires(trigger)
    assert event["status"] == "unwatched"
    assert "LLM_CONVERT_BACKENT" in event["detail"]
    monkeypatch.delenv("LLM_CONVERT_BACKENT")
    assert operator(settings).execute_complete(context, event)["succeeded"] == 1


def test_what_travels_is_small_and_holds_no_secret(settings, context):
    secret = settings.model_copy(update={"vertex_access_token": "top secret"})
    trigger = deferred(operator(secret, file_id="SLOW"), context)
    SubprocessBackend(settings).cancel(trigger.waiting.handle)
    text = json.dumps(trigger.serialize()[1])
    assert "top secret" not in text
    assert len(text) < 2000
    assert trigger.waiting.settings.home == settings.home


def ended_by_airflow(trigger, *words, kills):
    """The trigger's task is cancelled as the triggerer does it; on_kill follows where this Airflow has it."""

    async def play():
        waiting = asyncio.create_task(first_event(trigger))
        await asyncio.sleep(0.2)
        waiting.cancel(*words)
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        if kills:
            await trigger.on_kill()

    asyncio.run(play())


def answer_with(monkeypatch, state):
    """Let Airflow tell this state of the task, or fail to."""

    async def answer(task_instance):
        if isinstance(state, Exception):
            raise state
        return state

    monkeypatch.setattr(killing, "_state", answer)


@pytest.mark.parametrize("kills", [False, True], ids=["before 3.3", "from 3.3 on"])
@pytest.mark.parametrize(
    ("state", "cancelled"),
    [("failed", True), ("success", True), (None, False), ("queued", False), ("deferred", False), (EOFError(), False)],
    ids=["marked failed", "marked done", "cleared", "cleared and queued", "taken over", "no answer"],
)
def test_only_a_task_that_was_given_up_cancels_its_execution(
    settings, context, monkeypatch, told, state, cancelled, kills
):
    answer_with(monkeypatch, state)
    monkeypatch.setattr(triggers, "TELLS_OF_KILLS", kills)
    trigger = deferred(operator(settings, file_id="SLOW"), context)
    ended_by_airflow(trigger, kills=kills)
    found = status(trigger)
    assert (found.stopping or found.over) is cancelled
    SubprocessBackend(settings).cancel(trigger.waiting.handle)


def test_a_triggerer_that_closes_asks_nobody_and_cancels_nothing(settings, context, monkeypatch, told):
    answer_with(monkeypatch, "failed")
    monkeypatch.setattr(triggers, "TELLS_OF_KILLS", False)
    trigger = deferred(operator(settings, file_id="SLOW"), context)
    ended_by_airflow(trigger, "EOF - shutting down", kills=False)
    assert not status(trigger).stopping
    SubprocessBackend(settings).cancel(trigger.waiting.handle)


def test_a_task_cleared_again_and_again_attaches_to_what_still_runs(settings, context):
    SubprocessBackend(settings).cancel(deferred(operator(settings, file_id="SLOW"), context).waiting.handle)
    context["ti"].max_tries = 5
    second = deferred(operator(settings, file_id="SLOW"), context)
    context["ti"].max_tries = 8
    third = deferred(operator(settings, file_id="SLOW"), context)
    assert third.waiting.handle == second.waiting.handle
    assert third.waiting.attached
    SubprocessBackend(settings).cancel(third.waiting.handle)


def test_deferring_by_default_is_airflows_own_setting(settings, monkeypatch):
    assert not operator(settings, deferrable=None).deferrable
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert operator(settings, deferrable=None).deferrable
    assert not operator(settings, deferrable=False).deferrable


def test_the_event_is_a_contract(settings, context):
    trigger = deferred(operator(settings), context)
    event = fires(trigger)
    assert Ended.model_validate(event).waiting == trigger.waiting


def test_what_another_version_stored_fails_its_own_task_and_not_the_triggerer(settings):
    trigger = triggers.ConversionTrigger({"another": "version"}, look_seconds=1.0)
    assert trigger.serialize()[1] == {"waiting": {"another": "version"}, "look_seconds": 1.0}
    with pytest.raises(ConfigurationError, match="unknown key 'another'"):
        fires(trigger)
