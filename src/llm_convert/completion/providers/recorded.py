"""Replies on file in a model's place: the same requests get the same answers, without network and without cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from llm_convert.completion.models import CLAUDE_PROVIDERS, load_models
from llm_convert.completion.providers import internal, ollama
from llm_convert.completion.providers.internal import required
from llm_convert.completion.recordings import Recordings
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Original, Reply
from llm_convert.errors import unknown_name
from llm_convert.ports import CompletionRequest
from llm_convert.settings import Settings

NAME = "recorded"
_MODEL_OF = {"internal": internal.MODEL, "ollama": ollama.MODEL}
"""By provider, the variable that names its one model."""


class RecordedProvider:
    """Implements ``ports.ModelProvider``. What is not on file is an error, and nobody is asked in its place.

    A reply tells the tokens that were counted when it was recorded and costs nothing now; ``Reply.original`` says who
    gave it, when, and what it cost then.

    Args:
        recordings: the folder.
        model: whose replies stand in for each tier.
        name: as settings call it.
    """

    def __init__(self, recordings: Recordings, model: Callable[[ModelTier], str], *, name: str = NAME) -> None:
        self._recordings, self._model, self._name = recordings, model, name

    @property
    def name(self) -> str:
        """As settings call it: ``recorded``, or ``recorded:<provider>``."""
        return self._name

    def model(self, tier: ModelTier) -> str:
        """The model whose replies are looked for."""
        return self._model(tier)

    def capacity(self, tier: ModelTier) -> str:  # noqa: ARG002 - nothing limits a file
        """Nothing limits it."""
        return ""

    def worst_case_microusd(self, request: CompletionRequest) -> int:  # noqa: ARG002
        """Nothing."""
        return 0

    async def complete(self, request: CompletionRequest) -> Reply:
        """The reply on file. Raises NotRecordedError where there is none."""
        started, model = time.monotonic(), self.model(request.tier)
        found = await asyncio.to_thread(self._recordings.find, request, model)
        return Reply(
            work_item=request.work_item,
            run_id=request.run_id,
            provider=self.name,
            model=model,
            stop_reason=found.stop_reason,
            answer=found.answer,
            text=found.text,
            usage=found.usage.model_copy(update={"cost_microusd": 0}),
            seconds=time.monotonic() - started,
            request_id=found.request_id,
            original=Original(
                provider=found.provider,
                model=found.model,
                at=found.recorded_at,
                cost_microusd=found.usage.cost_microusd,
                seconds=found.seconds,
            ),
        )

    async def close(self) -> None:
        """Nothing is open."""


def recorded_models(settings: Settings, environ: Mapping[str, str], provider: str) -> Callable[[ModelTier], str]:
    """The models that a provider would ask, by tier, without opening it.

    Args:
        provider: whose replies are wanted; empty: those of the models that the settings name.

    Raises:
        ConfigurationError: nobody knows the provider, or its model is not named.
    """
    if provider in _MODEL_OF:
        name = required(environ, _MODEL_OF[provider], f"the model of {provider} whose replies are on file")
        return lambda tier: name  # noqa: ARG005 - one model for all
    if provider and provider not in CLAUDE_PROVIDERS:
        raise unknown_name("provider", provider, {*CLAUDE_PROVIDERS, *_MODEL_OF}, where=f"{NAME}:{provider}")
    models = load_models(settings.prices)
    return lambda tier: models.id_of(settings.model_for(tier))
