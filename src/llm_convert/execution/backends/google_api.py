"""What both Google backends need of Google's clients: where they connect to, and what their errors mean to us.

No client made or called here retries by itself: a start must happen at most once, and whoever polls has a back-off of
its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from llm_convert.errors import ConfigurationError, LlmConvertError, MissingExtraError, UnavailableError

CALL_TIMEOUT_SECONDS = 30.0
"""Of one call. A start that takes longer may still have taken effect."""
NEVER_RETRY: dict[str, Any] = {"retry": None, "timeout": CALL_TIMEOUT_SECONDS}
"""Keyword arguments for every call of a client."""
_GRPC = "grpc://"
_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedies:
    """What to do about a refusal that only a person can mend."""

    denied: str
    """A role is lacking: which one, for whom, on what."""
    missing: str
    """The resource does not exist."""
    disabled: str
    """The project has not enabled the API."""


def load(module: str, *, package: str) -> Any:
    """A module of Google's. Raises MissingExtraError when it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(package, "gcp") from error


def blocking_client(kind: Any, endpoint: str) -> Any:
    """A client of this class that blocks.

    Args:
        kind: such as ``run_v2.JobsClient``.
        endpoint: ``http://host:port`` or ``grpc://host:port`` of an emulator; empty for Google's own, with the
            process's application default credentials.
    """
    if not endpoint:
        with calling("finding Google credentials", _CREDENTIALS):
            return kind()
    if endpoint.startswith(_GRPC):
        channel = import_module("grpc").insecure_channel(endpoint.removeprefix(_GRPC))
        return kind(transport=kind.get_transport_class("grpc")(channel=channel))
    anonymous = import_module("google.auth.credentials").AnonymousCredentials()
    return kind(transport="rest", client_options={"api_endpoint": endpoint.rstrip("/")}, credentials=anonymous)


def has_async_side(endpoint: str) -> bool:
    """Whether an asynchronous client reaches this endpoint: REST has none."""
    return not endpoint or endpoint.startswith(_GRPC)


def async_client(kind: Any, endpoint: str, credentials: Any = None) -> Any:
    """A client of this class for the running event loop, such as ``run_v2.ExecutionsAsyncClient``."""
    if not endpoint:
        return kind(credentials=credentials)
    channel = import_module("grpc").aio.insecure_channel(endpoint.removeprefix(_GRPC))
    return kind(transport=kind.get_transport_class("grpc_asyncio")(channel=channel))


def default_credentials() -> Any:
    """Application default credentials. It may ask a metadata server, so it blocks."""
    with calling("finding Google credentials", _CREDENTIALS):
        return import_module("google.auth").default(scopes=["https://www.googleapis.com/auth/cloud-platform"])[0]


@contextmanager
def calling(doing: str, remedies: Remedies, *, started: str = "") -> Iterator[None]:
    """Turn what Google's clients raise into our errors.

    Args:
        doing: what is being done, for the message, such as ``running job x``.
        remedies: for refusals.
        started: what may have happened all the same when the answer is lost; empty for a call without an effect.

    Raises:
        ConfigurationError: refused for good: a role, a resource, an API or credentials are missing. Nothing was done.
        UnavailableError: anything else; with ``started`` it says that the effect may be there.
    """
    kinds = (
        import_module("google.api_core.exceptions").GoogleAPIError,
        import_module("google.auth.exceptions").GoogleAuthError,
        import_module("google.protobuf.json_format").Error,
        OSError,
    )
    try:
        yield
    except kinds as error:
        raise _error_of(error, doing, remedies, started) from error


def _error_of(error: Exception, doing: str, remedies: Remedies, started: str) -> LlmConvertError:
    api: Any = import_module("google.api_core.exceptions")
    auth: Any = import_module("google.auth.exceptions")
    said = message_of(error)
    if isinstance(error, api.Forbidden):
        disabled = "SERVICE_DISABLED" in str(error) or re.search(r"has not been used in project|is disabled", said)
        return ConfigurationError(
            f"{doing} was refused: {said}", remedy=remedies.disabled if disabled else remedies.denied
        )
    if isinstance(error, api.NotFound):
        return ConfigurationError(f"{doing}: {said}", remedy=remedies.missing)
    if isinstance(error, auth.DefaultCredentialsError | api.Unauthorized) or (
        isinstance(error, auth.RefreshError) and not error.retryable
    ):
        return ConfigurationError(f"{doing}: {said}", remedy=_CREDENTIALS.denied)
    if isinstance(error, api.BadRequest):
        return ConfigurationError(f"{doing} was refused: {said}", remedy="Correct what the message names.")
    if isinstance(error, api.TooManyRequests):
        return UnavailableError(f"{doing} met a quota: {said}", remedy="Try again in a minute, or raise the quota.")
    remedy = f"{started} The next try looks for it before it starts anything." if started else "Try again."
    return UnavailableError(f"{doing} did not go through: {said}", remedy=remedy)


def message_of(error: Exception) -> str:
    """A Google error in one line, without the request's address and at most 500 characters."""
    text = str(getattr(error, "message", "") or error)
    text = re.sub(r"^(GET|POST|DELETE|PATCH|PUT) \S+?: ", "", text)
    line = " ".join(text.split()) or "no reason given"
    return f"{type(error).__name__}: {line[:_LONGEST_MESSAGE].rstrip('.')}"


_CREDENTIALS = Remedies(
    denied=(
        "Run it where a service account is attached, or log in with: gcloud auth application-default login. "
        "See https://cloud.google.com/docs/authentication/application-default-credentials"
    ),
    missing="Log in with: gcloud auth application-default login",
    disabled="Enable the API that the message names.",
)
