"""Claude on Vertex AI: one call, one reply, answered through a tool.

It neither retries nor paces nor judges an answer: it says what came back, and what it cost, exactly once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from llm_convert.completion.errors import ConnectionLostError
from llm_convert.completion.models import ModelFacts, load_models
from llm_convert.completion.providers.vertex_client import FreshCredentials, open_client
from llm_convert.completion.providers.vertex_errors import Call, not_understood, translate
from llm_convert.completion.providers.vertex_place import VertexPlace
from llm_convert.completion.providers.vertex_reply import NotUnderstoodError, Spoken, body_of, spoken_of
from llm_convert.completion.providers.vertex_stream import Assembly
from llm_convert.completion.worst_case import is_worth_caching, worst_case_microusd
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Reply
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropicVertex

log = logging.getLogger(__name__)

STREAM_ABOVE_TOKENS = 21_333
"""Answers that may grow longer than this are streamed: a long silent connection is cut by timeouts on the way."""


def _today() -> date:
    return datetime.now(UTC).date()


class VertexProvider:
    """Implements ``ports.ModelProvider``. One event loop at a time; after ``close`` it may be used again.

    Args:
        settings: models, prices, timeout and token.
        environ: names project and region, see ``VertexPlace``.
        today: for the models' end of life.

    Raises:
        ConfigurationError: project, region or base URL are missing or wrong, or the prices can't be read.
    """

    name = "vertex"

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, today: Callable[[], date] = _today) -> None:
        self._settings = settings
        self._place = VertexPlace.from_environment(environ)
        self._models = load_models(settings.prices)
        self._today = today
        self._client: AsyncAnthropicVertex | None = None
        self._credentials = FreshCredentials()
        self._opening = asyncio.Lock()
        self._answered = False
        self._warned: set[str] = set()

    def model(self, tier: ModelTier) -> str:
        """The model of a tier, by its id on Vertex AI.

        Raises:
            ConfigurationError: settings name a model that is not known.
        """
        return self._facts(tier).id

    def capacity(self, tier: ModelTier) -> str:
        """Project, region and model: that is how Vertex AI counts quota."""
        return f"{self.name}/{self._place.project}/{self._place.region}/{self.model(tier)}"

    def worst_case_microusd(self, request: CompletionRequest) -> int:
        """The prompt at a token a byte, wholly written to the cache, and the longest answer."""
        return worst_case_microusd(request, self._facts(request.tier), region=self._place.region)

    def caches(self, request: CompletionRequest) -> bool:
        """Whether what the prompt's calls share is kept in the service's cache."""
        return self._settings.prompt_cache != "off" and is_worth_caching(request)

    def _facts(self, tier: ModelTier) -> ModelFacts:
        return self._models.get(self._settings.model_for(tier))

    async def complete(self, request: CompletionRequest) -> Reply:
        """Ask once. The tool call's input is not validated.

        Raises:
            ProviderUnavailableError: with its kind, and how long to wait where the service said so.
            ConfigurationError: credentials, role, project, region or model are wrong, or the model's life is over.
            WorkItemError: TOO_LARGE, EMPTY_DOCUMENT or UNKNOWN_FORMAT; nothing was paid.
            DataError: the request was refused for another reason.
        """
        facts = self._facts(request.tier)
        # Here and not in `model`: work that an ended model once did must stay findable by its identity.
        self._warn_of_end(facts)
        body = body_of(request, facts, cache=self.caches(request))
        client = await self._opened()
        started = time.monotonic()
        spoken, request_id = await self._ask(client, body, request.tool_name)
        self._answered = True
        return Reply(
            work_item=request.work_item,
            run_id=request.run_id,
            provider=self.name,
            model=facts.id,
            stop_reason=spoken.stop_reason,
            answer=spoken.answer,
            text=spoken.text,
            usage=self._usage(spoken, facts),
            seconds=time.monotonic() - started,
            request_id=request_id,
        )

    async def close(self) -> None:
        """Release connections; closing twice does nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _warn_of_end(self, facts: ModelFacts) -> None:
        warning = self._models.check_alive(facts.id, self._today())
        if warning and facts.id not in self._warned:
            self._warned.add(facts.id)
            log.warning(warning)

    async def _opened(self) -> AsyncAnthropicVertex:
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

    async def _ask(self, client: AsyncAnthropicVertex, body: dict[str, Any], tool_name: str) -> tuple[Spoken, str]:
        import anthropic
        import httpx2

        ask = _streamed if body["max_tokens"] > STREAM_ABOVE_TOKENS else _whole
        request_id = ""
        try:
            message, request_id = await ask(client, body)
            spoken = spoken_of(message, tool_name)
        except NotUnderstoodError as error:
            raise not_understood(str(error), request_id) from None
        except (anthropic.AnthropicError, httpx2.HTTPError, ValueError) as error:
            raise translate(error, self._call(body["model"])) from None
        if not spoken.stop_reason:
            raise ConnectionLostError("the answer broke off in the middle", request_id=request_id)
        return spoken, request_id

    def _call(self, model: str) -> Call:
        return Call(
            place=self._place,
            model=model,
            known_models=tuple(self._models.models),
            answered_before=self._answered,
            timeout_seconds=self._settings.call_timeout_seconds,
        )

    def _usage(self, spoken: Spoken, facts: ModelFacts) -> Usage:
        tokens = spoken.tokens
        counts = {
            "input_tokens": tokens.input_tokens,
            "output_tokens": tokens.output_tokens,
            "cache_read_tokens": tokens.cache_read_tokens,
            "cache_write_tokens": tokens.cache_write_tokens,
        }
        return Usage(
            calls=1, cost_microusd=facts.cost_microusd(**counts, region=self._place.region, batch=False), **counts
        )


async def _whole(client: AsyncAnthropicVertex, body: dict[str, Any]) -> tuple[Any, str]:
    response = await client.messages.with_raw_response.create(**body)
    return response.http_response.json(), response.headers.get("request-id", "")


async def _streamed(client: AsyncAnthropicVertex, body: dict[str, Any]) -> tuple[Any, str]:
    assembly = Assembly()
    async with await client.messages.create(**body, stream=True) as stream:
        async for event in stream:
            assembly.add(event.to_dict())
        return assembly.message(), stream.response.headers.get("request-id", "")
