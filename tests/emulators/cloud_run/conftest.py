from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from cloud_run_kit import Clients
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.cloud.run_v2.services.executions.transports import ExecutionsGrpcTransport
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport
from google.cloud.run_v2.services.tasks.transports import TasksGrpcTransport

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator


@pytest.fixture
def cloud_run() -> Iterator[CloudRunEmulator]:
    with CloudRunEmulator() as emulator:
        emulator.dials.grace_seconds = 0.3
        yield emulator


@pytest.fixture
def rest(cloud_run: CloudRunEmulator) -> Clients:
    options = {
        "transport": "rest",
        "credentials": AnonymousCredentials(),
        "client_options": {"api_endpoint": cloud_run.url},
    }
    return Clients(
        jobs=run_v2.JobsClient(**options),
        executions=run_v2.ExecutionsClient(**options),
        tasks=run_v2.TasksClient(**options),
    )


@pytest.fixture
def over_grpc(cloud_run: CloudRunEmulator) -> Iterator[Clients]:
    with grpc.insecure_channel(cloud_run.grpc_target) as channel:
        yield Clients(
            jobs=run_v2.JobsClient(transport=JobsGrpcTransport(channel=channel)),
            executions=run_v2.ExecutionsClient(transport=ExecutionsGrpcTransport(channel=channel)),
            tasks=run_v2.TasksClient(transport=TasksGrpcTransport(channel=channel)),
        )


@pytest.fixture(params=["rest", "grpc"])
def clients(request: pytest.FixtureRequest) -> Clients:
    """The same calls by both wires."""
    found: Clients = request.getfixturevalue("rest" if request.param == "rest" else "over_grpc")
    return found
