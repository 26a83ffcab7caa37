from __future__ import annotations

import uuid

import pytest
from bigquery_kit import client_of

from llm_convert.testing.emulators.bigquery import BigQueryDials, BigQueryEmulator


@pytest.fixture(scope="module")
def emulator():
    with BigQueryEmulator() as running:
        yield running


@pytest.fixture
def client(emulator):
    emulator.dials.__init__()
    client = client_of(emulator)
    yield client
    client.close()
    emulator.dials.__init__()


@pytest.fixture
def dataset(client):
    name = f"d_{uuid.uuid4().hex[:8]}"
    client.create_dataset(name)
    return name


@pytest.fixture
def own_emulator():
    """One whose dials and requests nobody else meets."""
    with BigQueryEmulator(dials=BigQueryDials()) as running:
        yield running


@pytest.fixture
def own_client(own_emulator):
    client = client_of(own_emulator)
    yield client
    client.close()
