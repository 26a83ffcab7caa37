"""What BigQuery's errors mean: which are worth another try, and what a person must do about the others.

A message that quotes the data is never repeated: such a text belongs in no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llm_convert.errors import ConfigurationError, DataError, LlmConvertError, UnavailableError

_TRANSIENT_REASONS = frozenset(
    {"backendError", "internalError", "jobBackendError", "jobInternalError", "rateLimitExceeded"}
    | {"jobRateLimitExceeded", "tableUnavailable", "resourceInUse"}
)
_TRANSIENT_CODES = frozenset({408, 429, 500, 502, 503, 504})
_TRANSIENT_WORDS = (
    "could not serialize access",
    "concurrent update",
    "transaction is aborted",
    "too many dml statements outstanding",
    # Of our own script: the next try loads the rows anew.
    "assertion failed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where tables land."""

    project: str
    dataset: str

    @property
    def said(self) -> str:
        """As messages name it."""
        return f"{self.project}.{self.dataset}"


def reason_of(error: Exception) -> str:
    """BigQuery's own word for an error, such as ``rateLimitExceeded``; empty when it gave none."""
    for entry in getattr(error, "errors", None) or ():
        if isinstance(entry, Mapping) and entry.get("reason"):
            return str(entry["reason"])
    return ""


def is_transient(error: Exception) -> bool:
    """Whether the same call may succeed a moment later: an answer that never came included."""
    import google.auth.exceptions as auth
    import requests

    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.Timeout | ConnectionError):
        return True
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return True
    if isinstance(error, auth.TransportError):
        return True
    if getattr(error, "code", None) in _TRANSIENT_CODES:
        return True
    return _is_transient(reason_of(error), str(error))


def is_transient_result(result: Mapping[str, Any]) -> bool:
    """The same for the ``errorResult`` of a job that failed."""
    return _is_transient(str(result.get("reason", "")), str(result.get("message", "")))


def _is_transient(reason: str, message: str) -> bool:
    return reason in _TRANSIENT_REASONS or any(words in message.lower() for words in _TRANSIENT_WORDS)


def call_error(place: Place, error: Exception) -> LlmConvertError:
    """The error to raise for a call that failed for good, or for too long."""
    import google.auth.exceptions as auth

    if is_transient(error):
        return unavailable(place, str(error))
    if isinstance(error, auth.DefaultCredentialsError | auth.RefreshError):
        return ConfigurationError(
            f"no credentials for BigQuery: {error}",
            remedy="Run where a service account is attached, or run: gcloud auth application-default login",
        )
    code = getattr(error, "code", None)
    if code in {401, 403}:
        return _refused(place, reason_of(error), str(error))
    if code == 404:
        return ConfigurationError(
            f"BigQuery does not find what {place.said} needs: {error}",
            remedy="Check the project, the dataset and its location in LLM_CONVERT_WAREHOUSE.",
        )
    if code is None:
        return UnavailableError(f"BigQuery could not be used: {type(error).__name__}: {error}", remedy="Try again.")
    return _failed(place, reason_of(error), str(error))


def job_error(place: Place, job_id: str, result: Mapping[str, Any]) -> LlmConvertError:
    """The error to raise for a job that failed, from its ``errorResult``."""
    reason, message = str(result.get("reason", "")), str(result.get("message", ""))
    told = f"job {job_id}: {message}"
    if reason == "stopped":
        return UnavailableError(f"the BigQuery job {job_id} was cancelled", remedy="Run the step again.")
    if _is_transient(reason, message):
        return unavailable(place, told)
    if reason in {"accessDenied", "quotaExceeded", "billingNotEnabled"}:
        return _refused(place, reason, told)
    if "different locations" in message or "same location" in message:
        return ConfigurationError(
            f"the dataset {place.said} and the bucket lie in different regions: {told}",
            remedy="Create the dataset where the bucket is: bq mk --location=REGION "
            f"--dataset {place.project}:{place.dataset}",
        )
    if reason == "invalid":
        return DataError(
            f"BigQuery refused the rows in job {job_id}",
            remedy=f"See the reason with: bq show --project_id={place.project} -j {job_id}",
        )
    return _failed(place, reason, told)


def unavailable(place: Place, told: str) -> UnavailableError:
    """BigQuery did not answer as it usually does."""
    return UnavailableError(
        f"BigQuery could not serve {place.said}: {told}",
        remedy="Run the step again; what is landed already is not landed twice.",
    )


def no_dataset(place: Place, location: str | None) -> ConfigurationError:
    """The dataset is not there."""
    return ConfigurationError(
        f"no BigQuery dataset {place.said}",
        remedy=f"Create it with: bq mk --location={location or 'REGION'} --dataset {place.project}:{place.dataset}",
    )


def wrong_location(place: Place, *, asked: str, found: str) -> ConfigurationError:
    """The dataset lies somewhere else than the settings say."""
    return ConfigurationError(
        f"the dataset {place.said} lies in {found}, and LLM_CONVERT_WAREHOUSE says location={asked}",
        remedy=f"Write location={found}, or leave it out.",
    )


def _refused(place: Place, reason: str, told: str) -> LlmConvertError:
    if reason == "quotaExceeded":
        return UnavailableError(
            f"a BigQuery quota of project {place.project} is used up: {told}",
            remedy="Wait until it is renewed, or ask for more under IAM & Admin > Quotas.",
        )
    if reason == "billingNotEnabled":
        return ConfigurationError(f"project {place.project} has no billing: {told}", remedy="Enable billing for it.")
    return ConfigurationError(
        f"BigQuery refuses access: {told}",
        remedy=f"Give the service account roles/bigquery.jobUser on project {place.project}, roles/bigquery.dataEditor "
        f"on dataset {place.said}, and roles/storage.objectViewer on the bucket of LLM_CONVERT_STORE.",
    )


def _failed(place: Place, reason: str, told: str) -> ConfigurationError:
    return ConfigurationError(
        f"BigQuery refused a request for {place.said} ({reason or 'no reason given'}): {told}",
        remedy="Change what the message names; the tables of a dataset must be left as they were landed.",
    )
