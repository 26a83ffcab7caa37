"""Where things lie, and which of them may be far from each other."""

from __future__ import annotations

from llm_convert.contracts.urls import parts_of
from llm_convert.doctor.finding import Patient

_MULTI_REGIONS = {"ASIA": "asia-", "EU": "europe-", "US": "us-"}


def bucket_of(patient: Patient) -> str:
    """The name of the store's bucket."""
    return parts_of(patient.settings.store_url).path[0]


def bucket_location(name: str) -> str:
    """Such as ``ASIA-NORTHEAST1`` or ``ASIA``.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Forbidden without storage.buckets.get; or whatever else happened.
    """
    from llm_convert.stores.gcs_client import client_for

    bucket = client_for(None).bucket(name)
    bucket.reload(timeout=30, retry=None)
    return str(bucket.location or "")


def covers(location: str, region: str) -> bool:
    """Whether a location is a region or holds it: ``ASIA`` holds ``asia-northeast1``."""
    location, region = location.upper(), region.lower()
    return location.lower() == region or region.startswith(_MULTI_REGIONS.get(location, "\0"))


def can_load(bucket: str, dataset: str) -> bool:
    """Whether BigQuery loads into a dataset from a bucket, by their locations.

    A dataset in the multi-region US loads from anywhere; any other from its own place, or one that holds it.
    """
    return dataset.upper() == "US" or covers(bucket, dataset) or covers(dataset, bucket)
