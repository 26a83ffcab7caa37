"""What Cloud Storage's refusals mean for a person: the role on the bucket, the command, or patience."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llm_convert.errors import ConfigurationError, LlmConvertError, StoreError
from llm_convert.stores.gcs_retry import is_rate_limit, is_transient, status_of

ROLE = "roles/storage.objectUser"
"""Reads, lists, creates, replaces and deletes objects: all that the store does."""


@contextmanager
def translated(doing: str, bucket: str, url: str) -> Iterator[None]:
    """Turn every error of Google's packages in the block into one of ours; ours pass.

    Args:
        doing: the verb for the message, such as ``read``.
        bucket: its name.
        url: what it was done to.
    """
    try:
        yield
    except LlmConvertError:
        raise
    except Exception as error:
        known = error_of(error, doing=doing, bucket=bucket, url=url)
        if known is None:
            raise
        raise known from error


def error_of(error: Exception, *, doing: str, bucket: str, url: str) -> LlmConvertError | None:
    """Our error for one of Google's, with the remedy; None for what is a defect and no answer of the service."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    status = status_of(error)
    said = error.message if isinstance(error, GoogleAPICallError) else str(error)
    found = f"can't {doing} {url}: {f'{status} ' if status else ''}{said or type(error).__name__}"
    if status == 401 or (isinstance(error, GoogleAuthError) and not is_transient(error)):
        return ConfigurationError(found, remedy="Renew the credentials: gcloud auth application-default login")
    if status == 403 and not is_rate_limit(error):
        return ConfigurationError(found, remedy=grant(bucket))
    if status == 404:
        return missing_bucket(bucket)
    if status is None and not is_transient(error):
        return None
    return StoreError(found, remedy=_patience(status))


def grant(bucket: str, member: str = "serviceAccount:ACCOUNT") -> str:
    """The command that lets an account use a bucket."""
    return (
        f"Grant {ROLE} on gs://{bucket} to the account that runs this: gcloud storage buckets"
        f" add-iam-policy-binding gs://{bucket} --member={member} --role={ROLE}"
    )


def missing_bucket(bucket: str) -> ConfigurationError:
    """The error for a bucket that is not there."""
    return ConfigurationError(
        f"the bucket gs://{bucket} does not exist",
        remedy=f"Correct LLM_CONVERT_STORE, or make it: gcloud storage buckets create gs://{bucket}"
        " --location=REGION --uniform-bucket-level-access",
    )


def _patience(status: int | None) -> str:
    if status == 429:
        return "Try again later; lower LLM_CONVERT_CONCURRENCY if this comes often."
    if status is None:
        return "Check the network between this machine and Cloud Storage; then try again."
    if status >= 500:
        return "Try again; if it stays, look at https://status.cloud.google.com."
    return "Read what Cloud Storage said above."
