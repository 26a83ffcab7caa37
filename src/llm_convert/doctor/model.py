"""The model provider: where it is called, which models are chosen, how long they live, and whether they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from llm_convert import wiring
from llm_convert.completion.errors import ProviderUnavailableError, Unavailability
from llm_convert.completion.models import Models, load_models
from llm_convert.contracts.document import Document, TextPage
from llm_convert.contracts.prompt import ModelTier, Prompt
from llm_convert.doctor.finding import Finding, Patient, of_error, ok, skipped, warning, wrong
from llm_convert.errors import ConfigurationError, LlmConvertError
from llm_convert.ports import CompletionRequest, TextContent

_PROBE = Prompt.model_validate(
    {
        "prompt_id": "doctor",
        "file_ids": ["*"],
        "instructions": "Answer with no rows.",
        "output": {"table": "doctor", "fields": [{"name": "word"}]},
    }
)


def check_provider(patient: Patient) -> Iterator[Finding]:
    """The provider that the settings name."""
    if patient.settings.provider == "rules":
        said = "'rules' matches headers to names and is not a language model"
        yield warning("provider", said, "export LLM_CONVERT_PROVIDER=vertex")
        return
    provider = wiring.open_provider(patient.settings, patient.environ, patient.settings.providers[0])
    place = [patient.environ.get(name, "") for name in ("ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION")]
    yield ok("provider", f"{provider.name}, project {place[0]}, region {place[1]}")
    models = load_models(patient.settings.prices)
    chosen = dict.fromkeys((tier, patient.settings.model_for(tier)) for tier in ModelTier)
    asked: set[str] = set()
    for tier, name in chosen:
        finding = _life(models, tier, name)
        yield finding
        if finding.state in {"ok", "warning"} and name not in asked:
            asked.add(name)
            yield _answer(patient, provider, tier, name)


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


def _answer(patient: Patient, provider: Any, tier: ModelTier, name: str) -> Finding:
    title = f"answer of {name}"
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


async def _call(provider: Any, tier: ModelTier) -> Any:
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
        tool_schema={"type": "object", "properties": {}},
        max_output_tokens=1,
        tier=tier,
    )
    try:
        return await provider.complete(request)
    finally:
        await provider.close()
