"""The model provider: where it is called, which models are chosen, how long they live, and whether they answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from llm_convert import wiring
from llm_convert.completion.errors import ProviderUnavailableError, Unavailability
from llm_convert.completion.models import CLAUDE_PROVIDERS, Models, load_models
from llm_convert.contracts.document import Document, TextPage
from llm_convert.contracts.prompt import ModelTier, Prompt
from llm_convert.contracts.work import Reply
from llm_convert.doctor.finding import Finding, Patient, State, of_error, ok, skipped, warning, wrong
from llm_convert.errors import ConfigurationError, LlmConvertError
from llm_convert.ports import CompletionRequest, ModelProvider, TextContent

_PROBE = Prompt.model_validate(
    {
        "prompt_id": "doctor",
        "file_ids": ["*"],
        "instructions": "Answer with no rows.",
        "output": {"table": "doctor", "fields": [{"name": "word"}]},
    }
)


_NO_MODELS = {
    "rules": "'rules' matches headers to names and is not a language model",
    "recorded": "'recorded' gives replies on file, and none to what it was not asked before",
}


def check_provider(patient: Patient) -> Iterator[Finding]:
    """Each provider of the chain, in the order in which it is asked."""
    for name in patient.settings.providers:
        said = _NO_MODELS.get(name.partition(":")[0])
        if said:
            yield warning(f"provider {name}", said, "export LLM_CONVERT_PROVIDER=vertex")
            continue
        try:
            provider = wiring.open_provider(patient.settings, patient.environ, name)
        except LlmConvertError as error:
            yield of_error(f"provider {name}", error)
            continue
        yield from _check_one(patient, provider)


def _check_one(patient: Patient, provider: ModelProvider) -> Iterator[Finding]:
    """Who it is, whether its models live, and whether they answer."""
    yield ok(f"provider {provider.name}", _where(provider))
    models = load_models(patient.settings.prices)
    asked: set[str] = set()
    for tier in ModelTier:
        # A model that nobody knows has a finding of its own; the provider itself would refuse to name it.
        claude = provider.name in CLAUDE_PROVIDERS
        model = patient.settings.model_for(tier) if claude else provider.model(tier)
        if claude:
            finding = _life(models, tier, model)
            yield finding
            if finding.state not in {State.OK, State.WARNING}:
                continue
        if model not in asked:
            asked.add(model)
            yield _answer(patient, provider, tier, model)


def _where(provider: ModelProvider) -> str:
    for tier in ModelTier:
        with contextlib.suppress(ConfigurationError):
            return provider.capacity(tier).rpartition("/")[0]
    return provider.name


def _life(models: Models, tier: ModelTier, name: str) -> Finding:
    title = f"model {tier.value}"
    try:
        ending = models.check_alive(name, datetime.now(UTC).date())
    except ConfigurationError as error:
        return of_error(title, error)
    if not ending:
        return ok(title, f"{name}, known as of {models.as_of}")
    successor = models.get(name).successor
    return warning(title, ending, f"export LLM_CONVERT_MODEL_{tier.value.upper()}={successor}" if successor else "")


def _answer(patient: Patient, provider: ModelProvider, tier: ModelTier, name: str) -> Finding:
    title = f"answer of {name} by {provider.name}"
    if not patient.call_model:
        return skipped(title, "not asked: a call costs money; llm-convert doctor --call-model makes one")
    try:
        reply = asyncio.run(_call(provider, tier))
    except ProviderUnavailableError as error:
        return _unavailable(title, error, patient.environ.get("ANTHROPIC_VERTEX_PROJECT_ID", "PROJECT"))
    except LlmConvertError as error:
        return of_error(title, error)
    return ok(title, f"answered in {reply.seconds:.1f} s, {reply.usage.tokens} tokens")


def _unavailable(title: str, error: ProviderUnavailableError, project: str) -> Finding:
    if error.kind is Unavailability.QUOTA_ZERO:
        page = f"https://console.cloud.google.com/iam-admin/quotas?project={project}"
        return wrong(title, f"the quota may be 0: {error.found}", f"Ask for a quota of this model at {page}")
    if error.kind in {Unavailability.RATE_LIMITED, Unavailability.OVERLOADED}:
        return warning(title, error.found, error.remedy)
    return of_error(title, error)


async def _call(provider: ModelProvider, tier: ModelTier) -> Reply:
    """The smallest call there is: a few tokens in, one out. A truncated answer is an answer."""
    page = TextPage(name="page 1", lines=("ping",))
    request = CompletionRequest(
        work_item="doctor",
        run_id="doctor",
        prompt=_PROBE.model_copy(update={"tier": tier}),
        document=Document(name="ping.txt", sha256="0" * 64, kind="txt", parts=(page,)),
        system="",
        content=(TextContent(text="ping"),),
        tool_name="answer",
        tool_schema={"type": "object", "properties": {}, "additionalProperties": False},
        max_output_tokens=1,
        tier=tier,
    )
    try:
        return await provider.complete(request)
    finally:
        await provider.close()
