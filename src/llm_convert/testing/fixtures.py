"""Fixtures for pytest: Google's services and Claude's wire on this machine, for the tests of those who use us.

In a ``conftest.py``:

    pytest_plugins = ["llm_convert.testing.fixtures"]

Each fixture starts its server for one test, sets the environment variables that clients read, gives the server with its
dials, and stops it. Nothing outside of this machine is reached. ``docs/testing.md`` shows them at work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llm_convert.testing.emulators.bigquery import BigQueryEmulator
    from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator
    from llm_convert.testing.emulators.cloud_run import CloudRunEmulator
    from llm_convert.testing.emulators.gcs import GcsEmulator
    from llm_convert.testing.model_server import ModelServer

__all__ = ["bigquery_emulator", "cloud_build_emulator", "cloud_run_emulator", "gcs_emulator", "model_server"]


@pytest.fixture
def gcs_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsEmulator]:
    """Cloud Storage; ``google.cloud.storage.Client()`` finds it by STORAGE_EMULATOR_HOST."""
    from llm_convert.testing.emulators.gcs import GcsEmulator

    with GcsEmulator() as emulator:
        _export(monkeypatch, emulator.environment())
        yield emulator


@pytest.fixture
def bigquery_emulator(monkeypatch: pytest.MonkeyPatch, gcs_emulator: GcsEmulator) -> Iterator[BigQueryEmulator]:
    """BigQuery, which loads from ``gcs_emulator``; clients find it by BIGQUERY_EMULATOR_HOST."""
    from llm_convert.testing.emulators.bigquery import BigQueryEmulator

    with BigQueryEmulator(storage_url=gcs_emulator.url) as emulator:
        _export(monkeypatch, emulator.environment())
        yield emulator


@pytest.fixture
def cloud_run_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRunEmulator]:
    """Cloud Run's jobs, over REST and gRPC; executions are real processes."""
    from llm_convert.testing.emulators.cloud_run import CloudRunEmulator

    with CloudRunEmulator() as emulator:
        _export(monkeypatch, emulator.environment())
        yield emulator


@pytest.fixture
def cloud_build_emulator(monkeypatch: pytest.MonkeyPatch, gcs_emulator: GcsEmulator) -> Iterator[CloudBuildEmulator]:
    """Cloud Build, whose logs go to ``gcs_emulator``; steps are real processes."""
    from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator

    with CloudBuildEmulator(storage_url=gcs_emulator.url) as emulator:
        _export(monkeypatch, emulator.environment())
        yield emulator


@pytest.fixture
def model_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Claude on Vertex AI; set its ``answer_with`` to what the model is to say."""
    from llm_convert.testing.model_server import ModelServer

    with ModelServer() as server:
        _export(monkeypatch, server.environment())
        yield server


def _export(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
