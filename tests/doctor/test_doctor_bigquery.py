"""The checks of a BigQuery dataset, against the emulator."""

from __future__ import annotations

import os

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from llm_convert.doctor import Finding, State, diagnose
from llm_convert.settings import Settings
from llm_convert.stores.gcs_client import close_clients
from llm_convert.testing.emulators.bigquery import BigQueryEmulator
from llm_convert.testing.emulators.gcs import GcsEmulator

REGION = "asia-northeast3"


@pytest.fixture
def emulator(monkeypatch):
    with BigQueryEmulator() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        client = bigquery.Client(project="p", credentials=AnonymousCredentials())
        dataset = bigquery.Dataset("p.tables")
        dataset.location = REGION
        client.create_dataset(dataset)
        yield running
        assert list(client.list_tables("p.tables")) == [], "a probe was left behind"
        client.close()


def found(tmp_path, url: str) -> dict[str, Finding]:
    return {one.name: one for one in diagnose(Settings(home=tmp_path, warehouse=url), dict(os.environ))}


def test_a_good_one(emulator, tmp_path):
    findings = found(tmp_path, f"bigquery://p/tables?location={REGION}")
    names = ("warehouse", "warehouse jobs", "warehouse tables")
    assert {name: findings[name].state.value for name in names} == dict.fromkeys(names, "ok")
    assert findings["credentials"].state is State.SKIPPED


def test_no_dataset(emulator, tmp_path):
    finding = found(tmp_path, "bigquery://p/nowhere")["warehouse"]
    assert finding.state is State.WRONG
    assert "p:nowhere" in finding.remedy or "p.nowhere" in finding.remedy


def test_another_location(emulator, tmp_path):
    finding = found(tmp_path, "bigquery://p/tables?location=us")["warehouse"]
    assert finding.state is State.WRONG
    assert REGION in f"{finding.detail} {finding.remedy}"


@pytest.mark.parametrize(("location", "state"), [(REGION, State.OK), ("EU", State.WRONG)])
def test_a_bucket_that_the_dataset_can_not_load_from(emulator, tmp_path, monkeypatch, location, state):
    with GcsEmulator() as gcs:
        for name, value in gcs.environment().items():
            monkeypatch.setenv(name, value)
        owner = storage.Client(project="p")
        owner.create_bucket("prod-store", location=location)
        owner.close()
        settings = Settings(home=tmp_path, warehouse="bigquery://p/tables", store="gs://prod-store")
        finding = {one.name: one for one in diagnose(settings, dict(os.environ))}["warehouse loads"]
        close_clients()
    assert finding.state is state
    assert finding.remedy.endswith(f"--location={REGION}") is (state is State.WRONG)


@pytest.mark.parametrize("permission", ["bigquery.jobs.create", "bigquery.tables.create"])
def test_a_missing_permission(emulator, tmp_path, permission):
    emulator.dials.missing_permissions.add(permission)
    finding = found(tmp_path, "bigquery://p/tables")["warehouse"]
    assert finding.state is State.WRONG
    assert "roles/bigquery." in finding.remedy
