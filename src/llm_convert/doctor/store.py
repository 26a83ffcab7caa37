"""The object store: whether it can be written and read, who may do what in the bucket, and where it lies."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from llm_convert import wiring
from llm_convert.contracts import keys
from llm_convert.doctor.credentials import member_of
from llm_convert.doctor.finding import Finding, Patient, ok, skipped, warning
from llm_convert.doctor.places import bucket_location, bucket_of, covers
from llm_convert.errors import PreconditionFailedError, StoreError
from llm_convert.ports import ObjectStore

PROBES = "doctor/"
"""Below it lie the probes, each for the time of one check; a tenant's below the tenant's own prefix."""
PATIENCE_SECONDS = 15.0
"""How long a request is tried again: a doctor does not wait for minutes."""
PERMISSIONS = ("storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list")


def check_store(patient: Patient) -> Iterator[Finding]:
    """Write a probe, read it, list it, delete it; and see that a conditional write is refused as it must be."""
    store = _opened(patient)
    # A tenant's job may be let into that tenant's prefix alone.
    below = f"{keys.tenant_prefix(patient.config.customer_code)}/" if patient.config else ""
    key = f"{below}{PROBES}{uuid.uuid4().hex}.txt"
    version = store.create(key, b"llm-convert doctor")
    try:
        _try_out(store, key)
    finally:
        store.delete(key, if_version=version)
    yield ok("store", f"{store.url} can be written, read, listed and deleted from")


def _opened(patient: Patient) -> ObjectStore:
    if patient.store_scheme != "gs":
        return wiring.open_store(patient.settings)
    from llm_convert.stores.gcs import GcsObjectStore
    from llm_convert.stores.gcs_retry import Retries

    return GcsObjectStore.from_url(patient.settings.store_url, retries=Retries(deadline_seconds=PATIENCE_SECONDS))


def _try_out(store: ObjectStore, key: str) -> None:
    if store.read(key).data != b"llm-convert doctor":
        raise StoreError(f"{store.locate(key)} was read otherwise than it was written", remedy="Look at the store.")
    if [info.key for info in store.list(key)] != [key]:
        raise StoreError(f"{store.locate(key)} is not listed", remedy="Look at the store.")
    try:
        store.create(key, b"second")
    except PreconditionFailedError:
        return
    raise StoreError(
        f"{store.url} ignores preconditions: a second create overwrote the first",
        remedy="Use a store that honours them; without them work is paid twice.",
    )


def check_bucket(patient: Patient) -> Iterator[Finding]:
    """Each permission on the bucket, and its location against the job's region."""
    if patient.store_scheme != "gs":
        yield skipped("bucket", f"the store is {patient.store_scheme}://")
        return
    from google.api_core.exceptions import Forbidden, GoogleAPIError

    from llm_convert.stores.gcs_client import client_for

    name = bucket_of(patient)
    try:
        yield _permissions(client_for(None).bucket(name), name, patient)
    except GoogleAPIError as error:
        yield skipped("bucket permissions", f"they could not be asked for: {error}")
    try:
        location = bucket_location(name)
    except Forbidden:
        yield skipped("bucket location", "it may not be read: that takes storage.buckets.get")
        return
    except GoogleAPIError as error:
        yield skipped("bucket location", f"it could not be asked for: {error}")
        return
    yield _location(name, location, patient)


def _permissions(bucket: Any, name: str, patient: Patient) -> Finding:
    from llm_convert.stores.gcs_errors import ROLE

    granted = bucket.test_iam_permissions(list(PERMISSIONS), timeout=30, retry=None)
    missing = [permission for permission in PERMISSIONS if permission not in granted]
    if not missing:
        return ok("bucket permissions", f"gs://{name}: {', '.join(p.removeprefix('storage.') for p in PERMISSIONS)}")
    # A grant under a condition on a prefix is none on the whole bucket: what counts then is the probe above.
    return warning(
        "bucket permissions",
        f"not on all of gs://{name}: {', '.join(missing)}; right only where access is granted by prefix",
        f"gcloud storage buckets add-iam-policy-binding gs://{name} --member={member_of(patient)} --role={ROLE}",
    )


def _location(name: str, location: str, patient: Patient) -> Finding:
    region = patient.backend_place[1]
    if not region or patient.backend_scheme == "subprocess":
        return ok("bucket location", f"gs://{name} lies in {location}")
    if covers(location, region):
        return ok("bucket location", f"gs://{name} lies in {location}, the job runs in {region}")
    return warning(
        "bucket location",
        f"gs://{name} lies in {location}, the job runs in {region}: each byte between them takes time and money",
        f"gcloud storage buckets relocate gs://{name} --location={region}",
    )
