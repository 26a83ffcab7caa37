"""The SDK's client, made once: no retries of its own, our timeouts, fresh credentials, no document in its log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llm_convert.completion.errors import ConnectionLostError
from llm_convert.completion.providers.claude_client import http_client, keep_documents_out_of_logs, timeout_of
from llm_convert.completion.providers.vertex_place import VertexPlace
from llm_convert.errors import ConfigurationError, LlmConvertError, MissingExtraError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropicVertex

LOGIN = "gcloud auth application-default login"
ROLE = "roles/aiplatform.user"

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def open_client(
    place: VertexPlace, *, token: str | None, credentials: Any, timeout_seconds: float
) -> AsyncAnthropicVertex:
    """The client for a place.

    Args:
        place: project, region and endpoint.
        token: a ready access token; None to use the credentials.
        credentials: of google.auth; not looked at when there is a token.
        timeout_seconds: how long the service may be silent; with a timeout given, the SDK allows long answers.

    Raises:
        MissingExtraError: the SDK is not installed.
    """
    try:
        from anthropic import AsyncAnthropicVertex
    except ImportError:
        raise MissingExtraError("anthropic", "vertex") from None
    keep_documents_out_of_logs()
    return AsyncAnthropicVertex(
        project_id=place.project,
        region=place.region,
        base_url=place.base_url,
        access_token=token,
        credentials=credentials,
        timeout=timeout_of(timeout_seconds),
        http_client=http_client(timeout_seconds),
        # The caller owns retries: the SDK's would multiply with it and obey any Retry-After.
        max_retries=0,
    )


class FreshCredentials:
    """Application default credentials that are refreshed by one call at a time.

    The SDK refreshes without a lock: many calls at once would each fetch a token.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._credentials: Any = None

    async def get(self) -> Any:
        """Credentials with a token that is good for some minutes.

        Raises:
            ConfigurationError: there are none, or they were revoked; with the command that makes new ones.
            ConnectionLostError: Google could not be reached for a token.
        """
        async with self._lock:
            if self._credentials is None or not self._credentials.valid:
                self._credentials = await asyncio.to_thread(_refreshed, self._credentials)
            return self._credentials


def _refreshed(credentials: Any) -> Any:
    try:
        import google.auth
        from google.auth import exceptions
        from google.auth.transport.requests import Request
    except ImportError:
        raise MissingExtraError("google-auth", "vertex") from None
    try:
        if credentials is None:
            credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(Request())
    except exceptions.GoogleAuthError as error:
        raise _no_token(error, exceptions) from None
    return credentials


def _no_token(error: Any, exceptions: Any) -> LlmConvertError:
    if isinstance(error, exceptions.DefaultCredentialsError):
        return ConfigurationError("no Google Cloud credentials were found", remedy=f"Run: {LOGIN}")
    kind = type(error).__name__
    if isinstance(error, exceptions.TransportError) or getattr(error, "retryable", False):
        found = f"no access token could be fetched: {kind}"
        return ConnectionLostError(found, remedy="Check the network.", may_be_billed=False)
    return ConfigurationError(
        f"the Google Cloud credentials can't be renewed ({kind})", remedy=f"Run: {LOGIN}. The account needs {ROLE}."
    )
