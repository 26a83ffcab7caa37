"""Anthropic's own API as a service of Claude: its client, its errors and their remedies."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_convert.completion.errors import DailyLimitError, ProviderUnavailableError, RateLimitedError
from llm_convert.completion.models import GLOBAL, ModelFacts
from llm_convert.completion.providers.claude_client import http_client, keep_documents_out_of_logs, timeout_of
from llm_convert.completion.providers.claude_errors import Call, Said, told_by
from llm_convert.errors import ConfigurationError, LlmConvertError, MissingExtraError
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

API_KEY, BASE_URL = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class AnthropicService:
    """Implements ``claude.ClaudeService``.

    Args:
        settings: timeout and key; LLM_CONVERT_ANTHROPIC_API_KEY comes before ANTHROPIC_API_KEY.
        environ: names key and base URL.

    Raises:
        ConfigurationError: the key is missing, or the base URL would send it unencrypted.
    """

    name = "anthropic"
    title = "Anthropic's API"
    address_remedy = BASE_URL
    region = GLOBAL

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        given = settings.anthropic_api_key
        self._key = given.get_secret_value() if given else environ.get(API_KEY, "").strip()
        if not self._key:
            raise ConfigurationError(
                f"{API_KEY} is not set", remedy=f"Set {API_KEY} to a key of the workspace that pays."
            )
        self._base_url = _checked_url(environ.get(BASE_URL, "").strip())
        self._timeout_seconds = settings.call_timeout_seconds
        self._opening = asyncio.Lock()
        self._client: AsyncAnthropic | None = None

    @property
    def quota_place(self) -> str:
        """Tells two keys apart without telling either; limits belong to the key's organisation and workspace."""
        return hashlib.sha256(self._key.encode()).hexdigest()[:12]

    def model_id(self, facts: ModelFacts) -> str:
        """Vertex AI's ``name@date`` is ``name-date`` here."""
        return facts.id.replace("@", "-")

    async def opened(self) -> AsyncAnthropic:
        """The client."""
        async with self._opening:
            if self._client is None:
                # Importing the SDK takes seconds; other calls' claims must be renewed meanwhile.
                self._client = await asyncio.to_thread(self._open)
            return self._client

    def _open(self) -> AsyncAnthropic:
        try:
            from anthropic import AsyncAnthropic
        except ImportError:
            raise MissingExtraError("anthropic", "vertex") from None
        keep_documents_out_of_logs()
        return AsyncAnthropic(
            api_key=self._key,
            # A token in the environment would be sent instead of the key.
            auth_token=None,
            base_url=self._base_url,
            timeout=timeout_of(self._timeout_seconds),
            http_client=http_client(self._timeout_seconds),
            # The caller owns retries: the SDK's would multiply with it and obey any Retry-After.
            max_retries=0,
        )

    async def close(self) -> None:
        """Release connections; closing twice does nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def too_many(self, said: Said, call: Call) -> ProviderUnavailableError:
        """A rate above the organisation's limit."""
        return RateLimitedError(
            f"too many requests or tokens a minute for {call.model}",
            remedy="Slow down, or raise the organisation's limits in Anthropic's console.",
            **told_by(said),
        )

    def misconfigured(self, said: Said, call: Call) -> LlmConvertError:
        """Key, billing or model."""
        if said.status == 401:
            return ConfigurationError("Anthropic's API does not accept the key (401)", remedy=f"Renew {API_KEY}.")
        if said.status == 402:
            return _no_credit(said)
        if said.status == 404:
            return ConfigurationError(
                f"model {call.model!r} is not offered to this key (404)",
                remedy=f"Change the model. Known models: {', '.join(call.known_models)}.",
            )
        return ConfigurationError(
            "this key may not make the call (403)", remedy=f"Give the workspace of {API_KEY} access to {call.model}."
        )

    def refused(self, said: Said, call: Call) -> LlmConvertError | None:  # noqa: ARG002 - the service's whole story is in `said`
        """Money that is used up comes as a refused request."""
        message = said.message.lower()
        if "credit balance" in message:
            return _no_credit(said)
        if "usage limit" in message:
            return DailyLimitError(
                "the organisation's own limit of usage is reached",
                remedy="Raise it in Anthropic's console, or wait until it begins anew.",
                **told_by(said),
            )
        return None


def _no_credit(said: Said) -> ConfigurationError:
    return ConfigurationError(
        f"the organisation of {API_KEY} has no credit ({said.status})", remedy="Add credit in Anthropic's console."
    )


def _checked_url(url: str) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{BASE_URL} {url!r} is no http or https URL", remedy=f"Correct or unset {BASE_URL}.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ConfigurationError(
            f"{BASE_URL} {url!r} would send the key unencrypted",
            remedy="Use https, or http on this machine only.",
        )
    return url.rstrip("/")
