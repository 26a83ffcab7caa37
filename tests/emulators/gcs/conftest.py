"""An emulator and Google's own client on it, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from google.cloud import storage

from llm_convert.testing.emulators.gcs import GcsEmulator

BUCKET = "hyper-lounge"


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsEmulator]:
    with GcsEmulator(buckets=[BUCKET]) as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def client(gcs: GcsEmulator) -> Iterator[storage.Client]:
    found = storage.Client()
    yield found
    found.close()


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    return client.bucket(BUCKET)


@pytest.fixture
def versioned(gcs: GcsEmulator, client: storage.Client) -> storage.Bucket:
    gcs.create_bucket("versioned", versioned=True)
    return client.bucket("versioned")


@pytest.fixture
def http(gcs: GcsEmulator) -> Iterator[requests.Session]:
    """For what the client has no words for."""
    with requests.Session() as session:
        yield session
