from datetime import UTC, datetime
from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk.definitions.param import ParamsDict

from llm_convert.airflow.asking import flag_of, text_of
from llm_convert.airflow.bsda import RunTimes, resolve_bsda
from llm_convert.airflow.factory import tenant_dag
from llm_convert.airflow.faults import AirflowException
from llm_convert.airflow.form import refuse_unknown_keys, run_form
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.errors import ConfigurationError

CONFIG = TenantConfig(
    customer_code="t1",
    transform_schedule=["23"],
    sources={"drive": {"id": "s1", "url": "d", "llm_transform": True}},
    file_mapping=[{"file_id": "SETTLEMENT", "glob": "*"}, {"file_id": "STOCK_LIST", "glob": "*"}],
    prompt_id=["weekly_summary"],
)
WITHOUT_CHOICES = CONFIG.model_copy(update={"file_mapping": (), "prompt_id": ()})


def filled(config=CONFIG, **values):
    form = ParamsDict(dict(run_form(config)))
    for name, value in values.items():
        form[name] = value
    return form.validate()


def test_what_an_empty_form_means():
    assert filled() == {"BSDA": None, "FILE_ID": None, "PROMPT_ID": None, "force": False}


@pytest.mark.parametrize(
    "values",
    [
        {"BSDA": "20251107140000"},
        {"BSDA": "20251107"},
        {"FILE_ID": "STOCK_LIST"},
        {"FILE_ID": None},
        {"PROMPT_ID": "weekly_summary"},
        {"force": True},
    ],
)
def test_taken(values):
    assert filled(**values).items() >= values.items()


@pytest.mark.parametrize(
    "values",
    [
        {"BSDA": "2025110714"},
        {"BSDA": "today"},
        {"BSDA": 20251107},
        {"FILE_ID": "STOCKLIST"},
        {"PROMPT_ID": "weekly"},
        {"force": "yes"},
    ],
)
def test_refused(values):
    with pytest.raises(AirflowException, match="Invalid input for param"):
        filled(**values)


def test_without_known_choices_the_form_of_an_id_is_checked():
    assert filled(WITHOUT_CHOICES, PROMPT_ID="any_prompt", FILE_ID="ANY_ID")["PROMPT_ID"] == "any_prompt"
    with pytest.raises(AirflowException, match="Invalid input for param PROMPT_ID"):
        filled(WITHOUT_CHOICES, PROMPT_ID="../../etc")


def test_a_scheduled_run_needs_no_values():
    # Airflow refuses a DAG with a schedule whose parameters have no valid defaults.
    tenant_dag(CONFIG).validate()


def test_a_mistyped_key_is_refused_and_not_ignored():
    refuse_unknown_keys(None, run_form(CONFIG))
    refuse_unknown_keys({"FILE_ID": "STOCK_LIST"}, run_form(CONFIG))
    with pytest.raises(ConfigurationError, match=r"unknown parameter 'FILEID'.*Did you mean 'FILE_ID'"):
        refuse_unknown_keys({"FILEID": "STOCK_LIST"}, run_form(CONFIG))


@pytest.mark.parametrize("value", [None, "", " ", "None", "null"])
def test_a_template_of_nothing_is_nothing(value):
    assert text_of(value) is None
    assert flag_of(value) is False


def test_flags():
    assert [flag_of(value) for value in (True, "True", "false", "1", "no")] == [True, True, False, True, False]
    with pytest.raises(ConfigurationError, match="force is 'maybe'"):
        flag_of("maybe")


NIGHT = datetime(2025, 11, 7, 14, 0, tzinfo=UTC)
"""23:00 in Seoul."""


@pytest.mark.parametrize(
    ("asked", "times", "expected"),
    [
        ("", RunTimes(data_interval_end=NIGHT), "20251107230000"),
        (None, RunTimes(logical_date=NIGHT.replace(hour=20)), "20251107230000"),
        ("", RunTimes(run_after=NIGHT.replace(hour=13, minute=59)), "20251106230000"),
        ("20251101", RunTimes(), "20251101000000"),
        ("20251101123456", RunTimes(data_interval_end=NIGHT), "20251101123456"),
        ("", RunTimes(data_interval_end=pendulum.datetime(2025, 11, 7, 15)), "20251107230000"),
    ],
)
def test_bsda(asked, times, expected):
    assert resolve_bsda(CONFIG, asked, times) == expected


def test_midnight_in_seoul_with_airflows_own_datetimes():
    midnight = CONFIG.model_copy(update={"transform_schedule": ("00",)})
    times = RunTimes(data_interval_end=pendulum.datetime(2025, 11, 7, 15))
    assert resolve_bsda(midnight, "", times) == "20251108000000"


def test_a_run_by_hand_without_a_logical_date_has_a_bsda():
    run = SimpleNamespace(logical_date=None, data_interval_end=None, run_after=NIGHT)
    assert resolve_bsda(CONFIG, "", RunTimes.of({"dag_run": run})) == "20251107230000"


@pytest.mark.parametrize("asked", ["2025", "2025-11-07", "20251399"])
def test_a_bad_bsda(asked):
    with pytest.raises(ConfigurationError, match="BSDA must be 8 or 14 digits"):
        resolve_bsda(CONFIG, asked, RunTimes(data_interval_end=NIGHT))


def test_a_run_without_any_time():
    with pytest.raises(ConfigurationError, match="no data interval, logical date or run_after"):
        resolve_bsda(CONFIG, "", RunTimes())
