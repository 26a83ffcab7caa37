"""Claude, wherever it is served: one call, one reply, answered in an enforced form.

It neither retries nor paces nor judges an answer: it says what came back, and what it cost, exactly once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Protocol

from llm_convert.completion.errors import ConnectionLostError
from llm_convert.completion.models import ModelFacts, load_models
from llm_convert.completion.providers import claude_errors
from llm_convert.completion.providers.claude_errors import Call, not_understood, translate
from llm_convert.completion.providers.claude_forms import Form, Forms, NativeFormRefusedError
from llm_convert.completion.providers.claude_reply import NotUnderstoodError, Spoken, body_of, spoken_of
from llm_convert.completion.providers.claude_stream import Assembly, piece_of
from llm_convert.completion.worst_case import is_worth_caching, worst_case_microusd
from llm_convert.contracts.calls import Attempt, SentCall
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Reply
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings

log = logging.getLogger(__name__)

STREAM_ABOVE_TOKENS = 21_333
"""Answers that may grow longer than this are streamed: a long silent connection is cut by timeouts on the way."""


class ClaudeService(claude_errors.Service, Protocol):
    """Where Claude is served: its client, its models' names, what its quota and prices depend on, its errors."""

    @property
    def name(self) -> str:
        """As settings call the provider."""

    @property
    def region(self) -> str:
        """Of the endpoint; ``global`` costs no surcharge."""

    @property
    def quota_place(self) -> str:
        """What shares a quota, the model aside; no secret."""

    def model_id(self, facts: ModelFacts) -> str:
        """A model as this service calls it."""

    async def opened(self) -> Any:
        """The SDK's client, ready for a call."""

    async def close(self) -> None:
        """Release connections; closing twice does nothing."""


def utc_today() -> date:
    """The day by which models live and end."""
    return datetime.now(UTC).date()


class ClaudeProvider:
    """Implements ``ports.ModelProvider``. One event loop at a time; after ``close`` it may be used again.

    Args:
        service: who is asked.
        settings: models, prices, timeout.
        today: for the models' end of life.

    Raises:
        ConfigurationError: the prices can't be read.
    """

    def __init__(self, service: ClaudeService, settings: Settings, *, today: Callable[[], date] = utc_today) -> None:
        self._service = service
        self._settings = settings
        self._models = load_models(settings.prices)
        self._forms = Forms(settings.structured_outputs)
        self._today = today
        self._answered = False
        self._warned: set[str] = set()
        self._worth_caching: dict[tuple[str, str], bool] = {}

    @property
    def name(self) -> str:
        """Of the service."""
        return self._service.name

    def model(self, tier: ModelTier) -> str:
        """The model of a tier, by its id in the registry.

        Raises:
            ConfigurationError: settings name a model that is not known.
        """
        return self._facts(tier).id

    def capacity(self, tier: ModelTier) -> str:
        """The service, what its quota is counted by, and the model."""
        return f"{self.name}/{self._service.quota_place}/{self.model(tier)}"

    def worst_case_microusd(self, request: CompletionRequest) -> int:
        """The prompt at a token a byte, wholly written to the cache, and the longest answer."""
        return worst_case_microusd(request, self._facts(request.tier), region=self._service.region)

    def caches(self, request: CompletionRequest) -> bool:
        """Whether what the prompt's calls share is kept in the service's cache."""
        if self._settings.prompt_cache == "off":
            return False
        # Reckoned once for a prompt: it looks at every character of its instructions and schema.
        known = self._worth_caching.get((request.prompt.prompt_id, request.system))
        if known is None:
            known = is_worth_caching(request)
            self._worth_caching[request.prompt.prompt_id, request.system] = known
        return known

    async def ready(self) -> None:
        """Load the SDK and open the client. Raises as ``complete``."""
        await self._service.opened()

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
        while True:
            form = self._forms.of(request, facts)
            try:
                return await self._complete(request, facts, form)
            except NativeFormRefusedError as error:
                self._forms.refuse(request, facts, error)
                log.info("%s does not take structured outputs here; %s is asked by a tool", self.name, facts.id)

    async def close(self) -> None:
        """Release connections; closing twice does nothing."""
        await self._service.close()

    def prepare(self, request: CompletionRequest) -> tuple[ModelFacts, dict[str, Any]]:
        """The model and the body of a call that is sent some other way, such as within a batch."""
        facts = self._facts(request.tier)
        self._warn_of_end(facts)
        return facts, body_of(request, facts, model=self._service.model_id(facts))

    def reply_of(self, message: object, call: SentCall, tool_name: str, *, seconds: float, request_id: str) -> Reply:
        """The reply that a batch brought.

        Raises:
            ServerFaultError: it has not the form of a message.
        """
        facts = self._models.get(call.model)
        try:
            spoken = spoken_of(message, tool_name)
        except NotUnderstoodError as error:
            raise not_understood(self._call(call.model, Form.TOOL), str(error), request_id) from None
        attempt = Attempt(
            provider=self.name, model=facts.id, at=call.sent_at, seconds=round(seconds, 3), request_id=request_id
        )
        return Reply(
            work_item=call.work_item,
            run_id=call.run_id,
            provider=self.name,
            model=facts.id,
            stop_reason=spoken.stop_reason,
            answer=spoken.answer,
            text=spoken.text,
            usage=self._usage(spoken, facts, batch=True),
            seconds=seconds,
            request_id=request_id,
            call=call.call,
            attempts=(attempt,),
        )

    async def _complete(self, request: CompletionRequest, facts: ModelFacts, form: Form) -> Reply:
        model = self._service.model_id(facts)
        body = body_of(request, facts, model=model, form=form, cache=self.caches(request))
        client = await self._service.opened()
        started = time.monotonic()
        spoken, request_id = await self._ask(client, body, request, form)
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

    def _warn_of_end(self, facts: ModelFacts) -> None:
        warning = self._models.check_alive(facts.id, self._today())
        if warning and facts.id not in self._warned:
            self._warned.add(facts.id)
            log.warning(warning)

    async def _ask(
        self, client: Any, body: dict[str, Any], request: CompletionRequest, form: Form
    ) -> tuple[Spoken, str]:
        import anthropic
        import httpx2

        call = self._call(body["model"], form)
        request_id = ""
        try:
            if request.listen is not None or body["max_tokens"] > STREAM_ABOVE_TOKENS:
                message, request_id = await _streamed(client, body, request.listen() if request.listen else None)
            else:
                message, request_id = await _whole(client, body)
            spoken = spoken_of(message, request.tool_name, form)
        except NotUnderstoodError as error:
            raise not_understood(call, str(error), request_id) from None
        except (anthropic.AnthropicError, httpx2.HTTPError, ValueError) as error:
            raise translate(error, call) from None
        if not spoken.stop_reason:
            raise ConnectionLostError("the answer broke off in the middle", request_id=request_id)
        return spoken, request_id

    def _call(self, model: str, form: Form) -> Call:
        return Call(
            service=self._service,
            model=model,
            known_models=tuple(self._models.models),
            answered_before=self._answered,
            timeout_seconds=self._settings.call_timeout_seconds,
            form=form,
        )

    def _usage(self, spoken: Spoken, facts: ModelFacts, *, batch: bool = False) -> Usage:
        tokens = spoken.tokens
        counts = {
            "input_tokens": tokens.input_tokens,
            "output_tokens": tokens.output_tokens,
            "cache_read_tokens": tokens.cache_read_tokens,
            "cache_write_tokens": tokens.cache_write_tokens,
        }
        return Usage(
            calls=1, cost_microusd=facts.cost_microusd(**counts, region=self._service.region, batch=batch), **counts
        )


async def _whole(client: Any, body: dict[str, Any]) -> tuple[Any, str]:
    response = await client.messages.with_raw_response.create(**body)
    return response.http_response.json(), response.headers.get("request-id", "")


async def _streamed(client: Any, body: dict[str, Any], on_delta: Callable[[str], None] | None) -> tuple[Any, str]:
    assembly = Assembly()
    async with await client.messages.create(**body, stream=True) as stream:
        async for event in stream:
            said = event.to_dict()
            assembly.add(said)
            if on_delta is not None and (piece := piece_of(said)):
                on_delta(piece)
        return assembly.message(), stream.response.headers.get("request-id", "")
