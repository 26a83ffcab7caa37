"""An internal service that speaks OpenAI's chat completions: its own URL, key, ticket and user headers.

It neither retries nor paces nor judges an answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from llm_convert.completion.loose_json import loose_object
from llm_convert.completion.models import Models, load_models
from llm_convert.completion.providers.chat import document_text, mending, pictures, system_text
from llm_convert.completion.providers.json_http import JsonHttp, Refusal, require_http
from llm_convert.completion.worst_case import worst_case_microusd
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Reply
from llm_convert.errors import ConfigurationError
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings

BASE_URL, API_KEY, MODEL = "INTERNAL_LLM_BASE_URL", "INTERNAL_LLM_API_KEY", "INTERNAL_LLM_MODEL"
HEADERS = {"INTERNAL_LLM_TICKET": "X-LLM-Ticket", "USER_ID": "X-User-Id", "USER_TYPE": "X-User-Type"}
"""By variable, the header that carries it."""

_STOPS = {"length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use", "stop": "tool_use"}
_NAMES_A_FEATURE = re.compile(r"tool|function|response_format|json_schema", re.IGNORECASE)


class Form(IntEnum):
    """How an answer's form is asked for; what a service does not know is asked for in the next way."""

    TOOL = 0
    SCHEMA = 1
    WORDS = 2


class InternalProvider:
    """Implements ``ports.ModelProvider``. One event loop at a time; after ``close`` it may be used again.

    Args:
        settings: timeout and prices.
        environ: names URL, key, model, ticket and user.

    Raises:
        ConfigurationError: URL or model are missing.
    """

    name = "internal"

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        require_http("vertex")
        self._model = required(environ, MODEL, "the model's name at the internal service")
        self._models: Models = load_models(settings.prices)
        self._form = Form.TOOL
        key = environ.get(API_KEY, "").strip()
        headers = {name: environ[variable] for variable, name in HEADERS.items() if environ.get(variable)}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._http = JsonHttp(
            required(environ, BASE_URL, "the URL that ends before /chat/completions").rstrip("/"),
            headers=headers,
            timeout_seconds=settings.call_timeout_seconds,
            name=self.name,
            variable=BASE_URL,
        )

    def model(self, tier: ModelTier) -> str:  # noqa: ARG002 - the service has one
        """The one model of the service."""
        return self._model

    def capacity(self, tier: ModelTier) -> str:
        """Service and model."""
        return f"{self.name}/{self._http.base_url}/{self.model(tier)}"

    def worst_case_microusd(self, request: CompletionRequest) -> int:
        """Nothing, unless the prices name the model."""
        facts = self._models.models.get(self._model)
        return worst_case_microusd(request, facts, region="global") if facts else 0

    async def complete(self, request: CompletionRequest) -> Reply:
        """Ask once; where the service does not know a way to give an answer's form, in the next way.

        A request that is refused for its form was not answered and costs nothing.
        """
        started = time.monotonic()
        while True:
            try:
                found, request_id = await self._http.post("/chat/completions", self._body(request, self._form))
                break
            except Refusal as refusal:
                unknown = refusal.status in {400, 422} and _NAMES_A_FEATURE.search(f"{refusal.message} {refusal.code}")
                if unknown and self._form is not Form.WORDS:
                    self._form = Form(self._form + 1)
                    continue
                remedy = f"Correct {MODEL}."
                raise self._http.error_of(refusal, model=self._model, missing_model=remedy) from None
        choice = (found.get("choices") or [{}])[0]
        message = choice.get("message") or {}
        text = str(message.get("content") or "")
        return Reply(
            work_item=request.work_item,
            run_id=request.run_id,
            provider=self.name,
            model=self._model,
            stop_reason=_STOPS.get(str(choice.get("finish_reason")), str(choice.get("finish_reason") or "")),
            answer=_answer(message, request.tool_name, text),
            text=str(message.get("refusal") or text),
            usage=self._usage(found.get("usage") or {}),
            seconds=time.monotonic() - started,
            request_id=request_id or str(found.get("id") or ""),
        )

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    def _body(self, request: CompletionRequest, form: Form) -> dict[str, Any]:
        user: list[dict[str, Any]] = []
        text = document_text(request)
        if text:
            user.append({"type": "text", "text": text})
        user += [
            {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}
            for kind, data in pictures(request)
        ]
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_output_tokens,
            "user": request.work_item,
            "messages": [
                {"role": "system", "content": system_text(request, with_schema=form is Form.WORDS)},
                {"role": "user", "content": text if len(user) == 1 and text else user},
                *mending(request),
            ],
        }
        if form is Form.TOOL:
            function = {"name": request.tool_name, "parameters": request.tool_schema}
            body["tools"] = [{"type": "function", "function": function}]
            body["tool_choice"] = {"type": "function", "function": {"name": request.tool_name}}
        elif form is Form.SCHEMA:
            schema = {"name": request.tool_name, "schema": request.tool_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _usage(self, told: dict[str, Any]) -> Usage:
        cached = _count((told.get("prompt_tokens_details") or {}).get("cached_tokens"))
        counts = {
            "input_tokens": max(0, _count(told.get("prompt_tokens")) - cached),
            "output_tokens": _count(told.get("completion_tokens")),
            "cache_read_tokens": cached,
        }
        facts = self._models.models.get(self._model)
        cost = facts.cost_microusd(**counts, region="global", batch=False) if facts else 0
        return Usage(calls=1, cost_microusd=cost, **counts)


def required(environ: Mapping[str, str], variable: str, meaning: str) -> str:
    """A variable's value. Raises ConfigurationError when it is not set."""
    value = environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(f"{variable} is not set", remedy=f"Set {variable} to {meaning}.")
    return value


def _answer(message: dict[str, Any], tool_name: str, text: str) -> dict[str, Any] | None:
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        if function.get("name") == tool_name:
            return loose_object(str(function.get("arguments") or ""))
    return loose_object(text) if text else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
