"""Vertex AI as a service of Claude: its endpoint, its quota, its errors and their remedies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from llm_convert.completion.errors import ProviderUnavailableError, QuotaZeroError, RateLimitedError
from llm_convert.completion.models import ModelFacts
from llm_convert.completion.providers.claude_errors import Call, Said, told_by
from llm_convert.completion.providers.vertex_client import LOGIN, ROLE, FreshCredentials, open_client
from llm_convert.completion.providers.vertex_place import BASE_URL, PROJECT, REGION, VertexPlace
from llm_convert.errors import ConfigurationError
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropicVertex


class VertexService:
    """Implements ``claude.ClaudeService``.

    Raises:
        ConfigurationError: project, region or base URL are missing or wrong.
    """

    name = "vertex"
    title = "Vertex AI"
    address_remedy = f"{REGION} or {BASE_URL}"

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._place = VertexPlace.from_environment(environ)
        self._settings = settings
        self._credentials = FreshCredentials()
        self._opening = asyncio.Lock()
        self._client: AsyncAnthropicVertex | None = None

    @property
    def region(self) -> str:
        """Of the endpoint; a price depends on it."""
        return self._place.region

    @property
    def quota_place(self) -> str:
        """Project and region: so Vertex AI counts quota."""
        return f"{self._place.project}/{self._place.region}"

    @property
    def project(self) -> str:
        """That pays."""
        return self._place.project

    @property
    def api_url(self) -> str:
        """Of Vertex AI's API, with its version."""
        if self._place.base_url:
            return self._place.base_url
        at = "" if self.region == "global" else f"{self.region}-"
        return f"https://{at}aiplatform.googleapis.com/v1"

    async def token(self) -> str:
        """One that is good for a call. Raises as ``opened``."""
        given = self._settings.vertex_access_token
        return given.get_secret_value() if given else str((await self._credentials.get()).token)

    def model_id(self, facts: ModelFacts) -> str:
        """As the registry calls it."""
        return facts.id

    async def opened(self) -> AsyncAnthropicVertex:
        """The client, with a token that is good for this call."""
        token = self._settings.vertex_access_token
        credentials = None if token else await self._credentials.get()
        async with self._opening:
            if self._client is None:
                # Importing the SDK takes seconds; other calls' claims must be renewed meanwhile.
                self._client = await asyncio.to_thread(
                    open_client,
                    self._place,
                    token=token.get_secret_value() if token else None,
                    credentials=credentials,
                    timeout_seconds=self._settings.call_timeout_seconds,
                )
            return self._client

    async def close(self) -> None:
        """Release connections; closing twice does nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def too_many(self, said: Said, call: Call) -> ProviderUnavailableError:
        """A rate above the quota or, before anything was answered, perhaps a quota of zero."""
        quota = "quota exceeded" in said.message.lower() or "per_base_model" in said.message
        where = f"{call.model} in {self._place.region}, project {self._place.project}"
        if quota and not call.answered_before:
            return QuotaZeroError(
                f"the quota for {where} was exceeded before any call was answered: it may be 0",
                remedy="Look up online_prediction_requests_per_base_model under 'Quotas & System Limits' and ask for "
                "more.",
                **told_by(said),
            )
        return RateLimitedError(
            f"too many requests or tokens a minute for {where}", remedy="Slow down or ask for quota.", **told_by(said)
        )

    def misconfigured(self, said: Said, call: Call) -> ConfigurationError:
        """Credentials, billing, model or role."""
        project = self._place.project
        if said.status == 401:
            return ConfigurationError(
                "Vertex AI does not accept the credentials (401)",
                remedy=f"Run: {LOGIN}. Or renew LLM_CONVERT_VERTEX_ACCESS_TOKEN.",
            )
        if said.status == 402 or "billing" in said.message.lower():
            return ConfigurationError(
                f"project {project!r} can't be billed ({said.status})", remedy="Turn on its billing."
            )
        if said.status == 404:
            return ConfigurationError(
                f"model {call.model!r} is not offered to project {project!r} in {self._place.region!r} (404)",
                remedy=f"Enable it in Model Garden, or change {REGION}, {PROJECT} or the model. "
                f"Known models: {', '.join(call.known_models)}.",
            )
        if "has not been used" in said.message or "SERVICE_DISABLED" in said.message:
            command = f"gcloud services enable aiplatform.googleapis.com --project {project}"
            return ConfigurationError(
                f"the Vertex AI API is off in project {project!r} (403)", remedy=f"Run: {command}"
            )
        return ConfigurationError(
            f"these credentials may not call models in project {project!r} (403)",
            remedy=f"Grant {ROLE} on the project {project!r}.",
        )

    def refused(self, said: Said, call: Call) -> ConfigurationError | None:
        """Terms that nobody accepted, or a policy."""
        if said.type != "FAILED_PRECONDITION":
            return None
        return ConfigurationError(
            f"project {self._place.project!r} may not use {call.model} in {self._place.region} ({said.type})",
            remedy="Accept the model's terms in Model Garden and check the organisation's policies.",
        )
