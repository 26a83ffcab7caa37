"""Claude's batch prediction on Vertex AI: lines in Cloud Storage, answers beside them, over the emulators."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.cloud import storage
from test_batches import DOCUMENTS, PRICES, answer, check, check_replayed, fill, on_file

from llm_convert import wiring
from llm_convert.errors import ConfigurationError
from llm_convert.settings import Settings
from llm_convert.testing.emulators.gcs import GcsEmulator
from llm_convert.testing.model_server import Fault, ModelServer
from llm_convert.testing.model_server.dials import Action
from night import Night


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Bucket]:
    with GcsEmulator() as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        client = storage.Client(project="local-project")
        yield client.create_bucket("night")
        client.close()


@pytest.fixture
def server(bucket: storage.Bucket) -> Iterator[ModelServer]:
    def read(uri: str) -> bytes:
        return bytes(bucket.blob(uri.removeprefix("gs://night/")).download_as_bytes())

    def write(uri: str, data: bytes) -> None:
        bucket.blob(uri.removeprefix("gs://night/")).upload_from_string(data)

    with ModelServer(answer_with=answer, prices=PRICES, storage=(read, write)) as running:
        yield running


@pytest.fixture
def drive(night: Night, server: ModelServer) -> Night:
    night.environ = {
        **server.environment(),
        "LLM_CONVERT_STRATEGIES": "kept,direct",
        "LLM_CONVERT_STORE": "gs://night/state",
        "LLM_CONVERT_BATCH": "on",
    }
    fill(night)
    return night


def test_half_the_price_and_the_same_rows(drive: Night, server: ModelServer) -> None:
    on_file(drive)
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    assert code == 0
    check(drive, server, report)
    assert {record.method for record in server.ledger if record.work_item} == {"batch"}
    assert report.usage.cost_microusd == server.charged_microusd
    assert report.usage.calls == DOCUMENTS
    check_replayed(drive, server)


def test_a_job_whose_making_was_not_answered_is_found_by_its_name(drive: Night, server: ModelServer) -> None:
    server.dials.fail_next = [Fault.of(Action.LOSE)]
    report, _ = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    check(drive, server, report)


def test_too_many_jobs_at_once_go_online(drive: Night, server: ModelServer) -> None:
    server.dials.batch_jobs = 0
    report, code = drive.job(LLM_CONVERT_RUN_ID="batch-01")
    assert code == 0
    check(drive, server, report)


def test_a_store_that_vertex_cannot_read_is_told(night: Night) -> None:
    settings = Settings(home=night.home, provider="vertex", batch="on")
    environ = {"ANTHROPIC_VERTEX_PROJECT_ID": "p", "CLOUD_ML_REGION": "global"}
    with pytest.raises(ConfigurationError, match="Cloud Storage"):
        wiring.open_batches(settings, environ, wiring.open_store(settings), "vertex")
