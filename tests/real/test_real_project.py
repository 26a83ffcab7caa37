"""The few things that only a real project can tell."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from real_project import Real, needed, said

from llm_convert import wiring
from llm_convert.contracts.launch import ExecutionStatus, JobRequest
from llm_convert.objects import remove
from llm_convert.ports import JobBackend, Load, ObjectStore
from llm_convert.settings import Settings
from llm_convert.stores.gcs import GcsObjectStore
from llm_convert.testing.contracts.object_store import ObjectStoreContract
from llm_convert.testing.contracts.warehouse import load_of
from llm_convert.warehouses.bigquery import BigQueryWarehouse

if not said("PROJECT"):
    pytest.skip("a real project is asked only with LLM_CONVERT_REAL_PROJECT", allow_module_level=True)

WAIT_SECONDS = 600.0


def tell(fact: str) -> None:
    """For the report of whoever ran this; ``pytest -s`` shows it."""
    sys.stdout.write(f"\n{fact}\n")


def credentials() -> Any:
    """The developer's own; none for an emulator."""
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials() if "BIGQUERY_EMULATOR_HOST" in os.environ else None


@needed("BUCKET")
class TestStorage(ObjectStoreContract):
    @pytest.fixture
    def store(self, real: Real) -> Iterator[ObjectStore]:
        store = GcsObjectStore.from_url(f"gs://{real.bucket}/llm-convert-real-tests/{uuid4().hex}")
        yield store
        for info in list(store.list("")):
            remove(store, info.key)


@needed("DATASET")
def test_a_landing_and_the_same_again(real: Real) -> None:
    from google.cloud import bigquery

    table = f"real_test_{uuid4().hex[:8]}"
    load: Load = load_of({"amount": [1, 2, 3], "_row": [0, 1, 2]}, digest="1", table=table)
    warehouse = BigQueryWarehouse(real.project, real.dataset)
    try:
        first, again = warehouse.land(load), warehouse.land(load)
        assert (first.rows, first.changed, again.changed) == (3, True, False)
        assert warehouse.preview(table).total == 3
    finally:
        with closing(bigquery.Client(project=real.project, credentials=credentials())) as client:
            client.delete_table(f"{real.project}.{real.dataset}.{table}", not_found_ok=True)


@needed("JOB", "BUCKET")
class TestExecutions:
    """One execution of an empty night, and one that is cancelled."""

    @pytest.fixture
    def backend(self, real: Real) -> JobBackend:
        return wiring.open_backend(
            Settings.from_environment(
                {
                    **os.environ,
                    "LLM_CONVERT_STORE": f"gs://{real.bucket}/llm-convert-real-tests/jobs",
                    "LLM_CONVERT_BACKEND": f"cloud_run://{real.project}/{real.region}/{real.job}",
                }
            )
        )

    def test_it_is_found_again_and_told_how_it_ended(self, backend: JobBackend) -> None:
        request = JobRequest(tenant="real-test", bsda="00010101000000", launch_key=f"real-{uuid4().hex[:8]}", tasks=1)
        run_id = f"{request.launch_key}-01"
        handle = backend.start(request, run_id)
        found = backend.find(request, run_id)
        tell(f"an execution's overrides are {'shown' if found else 'HIDDEN'} in list_executions")
        assert found is None or found.name == handle.name
        status = ended(backend, backend.status, handle)
        # The tenant does not exist: the job must say so with exit code 78.
        tell(f"a failed execution is told as {status.state.value}, exit code {status.exit_code}, {status.reason!r}")
        assert status.over

    def test_a_cancelled_one_is_told_as_cancelled(self, backend: JobBackend) -> None:
        request = JobRequest(tenant="real-test", bsda="00010101000000", launch_key=f"real-{uuid4().hex[:8]}", tasks=1)
        handle = backend.start(request, f"{request.launch_key}-01")
        backend.cancel(handle)
        status = ended(backend, backend.status, handle)
        tell(f"a cancelled execution is told as {status.state.value}, {status.reason!r}")
        assert status.over


def ended(backend: JobBackend, ask, handle) -> ExecutionStatus:  # type: ignore[no-untyped-def]
    until = time.monotonic() + WAIT_SECONDS
    while not (status := ask(handle)).over:
        assert time.monotonic() < until, "it did not end"
        time.sleep(2)
    return status


@needed("BUCKET")
def test_the_permissions_that_the_job_needs_on_the_bucket(real: Real) -> None:
    from google.cloud import storage

    wanted = [f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")]
    with closing(storage.Client(project=real.project, credentials=credentials())) as client:
        held = client.bucket(real.bucket).test_iam_permissions(wanted)
    assert sorted(held) == sorted(wanted)


@pytest.mark.skipif(said("MODEL") != "1", reason="the model is called only with LLM_CONVERT_REAL_MODEL=1")
def test_one_call_of_the_model() -> None:
    from llm_convert.cli.main import main

    assert main(["doctor", "--call-model"]) in {0, 78}
