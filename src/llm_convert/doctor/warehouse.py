"""The warehouse: whether it is there, in the right place, and can be written."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from llm_convert import wiring
from llm_convert.contracts.urls import parts_of, path_of
from llm_convert.doctor.finding import Finding, Patient, ok, skipped, wrong
from llm_convert.doctor.places import bucket_location, bucket_of, can_load

if TYPE_CHECKING:
    from llm_convert.warehouses.bigquery_calls import Calls

PATIENCE_SECONDS = 20.0
"""How long a call of BigQuery is tried again: a doctor does not wait for ten minutes."""
PROBE_HOURS = 1
"""After it, BigQuery itself removes a probe that a killed doctor left."""


def check_warehouse(patient: Patient) -> Iterator[Finding]:
    """The warehouse that the settings name."""
    if patient.warehouse_scheme == "bigquery":
        yield from _bigquery(patient)
    elif patient.warehouse_scheme == "duckdb":
        yield _duckdb(patient)
    else:
        wiring.open_warehouse(patient.settings)


def _duckdb(patient: Patient) -> Finding:
    path = path_of(patient.settings.warehouse_url)
    warehouse = wiring.open_warehouse(patient.settings)
    target = path if path.exists() else _nearest_folder(path)
    if not os.access(target, os.W_OK):
        return wrong("warehouse", f"{target} can't be written by user id {os.geteuid()}", f"chmod u+w {target}")
    if not path.exists():
        return ok("warehouse", f"{path} is made by the first load")
    return ok("warehouse", f"{path} can be written; {len(warehouse.tables())} tables")


def _nearest_folder(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.exists())


def _bigquery(patient: Patient) -> Iterator[Finding]:
    from llm_convert.warehouses.bigquery_calls import Calls, Patience
    from llm_convert.warehouses.bigquery_errors import Place

    wiring.open_warehouse(patient.settings)
    parts = parts_of(patient.settings.warehouse_url)
    project, dataset = parts.path
    calls = Calls(
        Place(project=project, dataset=dataset),
        location=parts.options.get("location") or None,
        patience=Patience(total_seconds=PATIENCE_SECONDS),
    )
    yield ok("warehouse", f"the dataset {project}.{dataset} lies in {calls.location}")
    _dry_run(calls)
    yield ok("warehouse jobs", f"jobs can be run in {project}")
    _probe_table(calls)
    yield ok("warehouse tables", f"tables of {dataset} can be made, read and deleted")
    if patient.store_scheme == "gs":
        yield _loading(patient, dataset, calls.location)


def _loading(patient: Patient, dataset: str, location: str) -> Finding:
    """Whether a load job of this dataset may read the store's bucket, by where the two lie."""
    from google.api_core.exceptions import GoogleAPIError

    title, name = "warehouse loads", bucket_of(patient)
    try:
        found = bucket_location(name)
    except GoogleAPIError:
        return skipped(title, f"the location of gs://{name} may not be read")
    if can_load(found, location):
        return ok(title, f"{dataset} in {location} loads from gs://{name} in {found}")
    return wrong(
        title,
        f"{dataset} lies in {location} and can't load from gs://{name} in {found}",
        f"gcloud storage buckets relocate gs://{name} --location={location}",
    )


def _dry_run(calls: Calls) -> None:
    """Ask for what creating a job needs, without one: a dry run costs nothing."""
    from google.cloud.bigquery import QueryJobConfig

    config = QueryJobConfig(dry_run=True, use_query_cache=False)
    calls.run(
        lambda: calls.client.query("SELECT 1", job_config=config, location=calls.location, retry=None, job_retry=None)
    )


def _probe_table(calls: Calls) -> None:
    from google.cloud.bigquery import SchemaField, Table

    table = Table(calls.table_id(f"llm_convert_doctor_{uuid.uuid4().hex}"), schema=[SchemaField("probe", "STRING")])
    table.expires = datetime.now(UTC) + timedelta(hours=PROBE_HOURS)
    calls.run(lambda: calls.client.create_table(table, exists_ok=True, retry=None))
    calls.run(lambda: calls.client.delete_table(table, not_found_ok=True, retry=None))
