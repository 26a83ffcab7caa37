"""A model on Ollama: one call, one reply, its form held to the answer's schema by Ollama itself. It costs nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from llm_convert.completion.loose_json import loose_object
from llm_convert.completion.providers.chat import document_text, mending, pictures, system_text
from llm_convert.completion.providers.internal import required
from llm_convert.completion.providers.json_http import JsonHttp, Refusal, require_http
from llm_convert.completion.tokens import likely_text_tokens
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Reply
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings

BASE_URL, MODEL = "OLLAMA_BASE_URL", "OLLAMA_MODEL"
USUAL_URL = "http://127.0.0.1:11434"
LEAST_CONTEXT, MOST_CONTEXT = 4_096, 131_072
"""Tokens. Ollama's own default is short and cuts a longer document off without a word."""


class OllamaProvider:
    """Implements ``ports.ModelProvider``. One event loop at a time; after ``close`` it may be used again.

    Args:
        settings: the timeout.
        environ: names URL and model.

    Raises:
        ConfigurationError: the model is not named.
    """

    name = "ollama"

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        require_http("vertex")
        self._model = required(environ, MODEL, "a model that was pulled, such as qwen3:8b")
        self._http = JsonHttp(
            (environ.get(BASE_URL, "").strip() or USUAL_URL).rstrip("/"),
            headers={},
            timeout_seconds=settings.call_timeout_seconds,
            name=self.name,
            variable=BASE_URL,
        )

    def model(self, tier: ModelTier) -> str:  # noqa: ARG002 - one model for all
        """The one model."""
        return self._model

    def capacity(self, tier: ModelTier) -> str:
        """Service and model: a machine that is busy says so."""
        return f"{self.name}/{self._http.base_url}/{self.model(tier)}"

    def worst_case_microusd(self, request: CompletionRequest) -> int:  # noqa: ARG002
        """Nothing."""
        return 0

    async def complete(self, request: CompletionRequest) -> Reply:
        """Ask once."""
        started = time.monotonic()
        try:
            found, request_id = await self._http.post("/api/chat", self._body(request))
        except Refusal as refusal:
            remedy = f"Run: ollama pull {self._model}"
            raise self._http.error_of(refusal, model=self._model, missing_model=remedy) from None
        text = str((found.get("message") or {}).get("content") or "")
        return Reply(
            work_item=request.work_item,
            run_id=request.run_id,
            provider=self.name,
            model=self._model,
            stop_reason="max_tokens" if found.get("done_reason") == "length" else "tool_use",
            answer=loose_object(text) if text else None,
            text=text,
            usage=Usage(
                calls=1,
                input_tokens=int(found.get("prompt_eval_count") or 0),
                output_tokens=int(found.get("eval_count") or 0),
            ),
            seconds=time.monotonic() - started,
            request_id=request_id,
        )

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    def _body(self, request: CompletionRequest) -> dict[str, Any]:
        text = document_text(request)
        user: dict[str, Any] = {"role": "user", "content": text}
        images = [data for _, data in pictures(request)]
        if images:
            user["images"] = images
        wanted = likely_text_tokens(request.system + text) * 5 // 4 + request.max_output_tokens + 1_000 * len(images)
        return {
            "model": self._model,
            "stream": False,
            "format": request.tool_schema,
            "messages": [
                {"role": "system", "content": system_text(request, with_schema=True)},
                user,
                *mending(request),
            ],
            "options": {
                "num_ctx": min(MOST_CONTEXT, max(LEAST_CONTEXT, wanted)),
                "num_predict": request.max_output_tokens,
                "temperature": 0,
            },
        }
