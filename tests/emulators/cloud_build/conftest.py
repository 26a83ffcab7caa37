from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.devtools import cloudbuild_v1

from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator


@pytest.fixture
def cloud_build() -> Iterator[CloudBuildEmulator]:
    with CloudBuildEmulator() as emulator:
        emulator.dials.grace_seconds = 0.3
        yield emulator


@pytest.fixture
def client(cloud_build: CloudBuildEmulator) -> cloudbuild_v1.CloudBuildClient:
    return cloudbuild_v1.CloudBuildClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": cloud_build.url},
    )
