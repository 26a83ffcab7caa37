"""What a run would cost, before its first call: planned as the job plans it, without what is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llm_convert.completion.models import ModelFacts
from llm_convert.completion.tokens import likely_text_tokens
from llm_convert.completion.worst_case import IMAGE_TOKENS, worst_case_microusd
from llm_convert.contracts.prompt import ModelTier, Prompt
from llm_convert.contracts.work import WorkItem
from llm_convert.errors import LlmConvertError
from llm_convert.job.plan import Planned
from llm_convert.ports import CompletionRequest, ImageContent

TOKENS_A_VALUE = 22
"""Of an answer: a field's name, its value and its address, in JSON."""
PROGRAM_LIKELY_TOKENS = 1_000
"""Of a program for one layout, in JSON."""
IMAGE_LIKELY_TOKENS = IMAGE_TOKENS // 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """In micro-dollars."""

    online: int = 0
    cached: int = 0
    """With the shared beginning of a prompt's calls read from the cache after the first."""
    batch: int = 0
    worst: int = 0
    """The most that the first calls can cost; what a budget must bear. Repairs come on top."""

    def __add__(self, other: Costs) -> Costs:
        return Costs(
            online=self.online + other.online,
            cached=self.cached + other.cached,
            batch=self.batch + other.batch,
            worst=self.worst + other.worst,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEstimate:
    """All calls that one prompt would take."""

    prompt_id: str
    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    costs: Costs = Costs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A run's price."""

    prompts: tuple[PromptEstimate, ...]
    done: int
    """Work items that cost nothing any more."""
    free: int
    """Work items without a call of their own: by a kept program, by rules, or by the program of one that goes first."""
    unreadable: int
    """Documents that can't be read: they fail without a call."""

    @property
    def calls(self) -> int:
        """First calls of all prompts."""
        return sum(prompt.calls for prompt in self.prompts)

    @property
    def costs(self) -> Costs:
        """Of all prompts."""
        return sum((prompt.costs for prompt in self.prompts), Costs())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """What the price of a call depends on."""

    facts_of: Callable[[ModelTier], ModelFacts | None]
    """Of the model that answers a tier; None where nothing is paid."""
    region: str
    rows_before: Callable[[Prompt], float | None]
    """Rows a document of this prompt gave before; None where there was none."""


def estimate(
    planned: Sequence[Planned],
    is_done: Callable[[Planned], bool],
    first_request: Callable[[WorkItem, Prompt], CompletionRequest | None],
    pricing: Pricing,
) -> Estimate:
    """Price what is left to do; documents are read one at a time."""
    found: dict[str, PromptEstimate] = {}
    done = free = unreadable = 0
    for entry in planned:
        item, prompt = entry.item, entry.prompt
        if item is None or prompt is None:
            continue
        if is_done(entry):
            done += 1
            continue
        try:
            request = first_request(item, prompt)
        except LlmConvertError:
            unreadable += 1
            continue
        if request is None:
            free += 1
            continue
        prompt_id = prompt.prompt_id
        found[prompt_id] = _with_call(found.get(prompt_id), prompt, request, pricing)
    return Estimate(prompts=tuple(found[name] for name in sorted(found)), done=done, free=free, unreadable=unreadable)


def _with_call(
    before: PromptEstimate | None, prompt: Prompt, request: CompletionRequest, pricing: Pricing
) -> PromptEstimate:
    facts = pricing.facts_of(request.tier)
    before = before or PromptEstimate(prompt_id=prompt.prompt_id, model=facts.id if facts else "")
    shared = likely_text_tokens(request.system) + likely_text_tokens(
        json.dumps(request.tool_schema, ensure_ascii=False)
    )
    own = sum(
        IMAGE_LIKELY_TOKENS if isinstance(part, ImageContent) else likely_text_tokens(part.text)
        for part in request.content
    )
    output = min(request.max_output_tokens, _likely_output(prompt, request, pricing))
    costs = _costs(facts, request, pricing, shared=shared, own=own, output=output, first=before.calls == 0)
    return PromptEstimate(
        prompt_id=before.prompt_id,
        model=before.model,
        calls=before.calls + 1,
        input_tokens=before.input_tokens + shared + own,
        output_tokens=before.output_tokens + output,
        costs=before.costs + costs,
    )


def _costs(
    facts: ModelFacts | None,
    request: CompletionRequest,
    pricing: Pricing,
    *,
    shared: int,
    own: int,
    output: int,
    first: bool,
) -> Costs:
    if facts is None:
        return Costs()
    region = pricing.region
    online = facts.cost_microusd(input_tokens=shared + own, output_tokens=output, region=region)
    cached = facts.cost_microusd(
        input_tokens=own,
        output_tokens=output,
        cache_write_tokens=shared if first else 0,
        cache_read_tokens=0 if first else shared,
        region=region,
    )
    return Costs(
        online=online,
        cached=min(online, cached) if not first else cached,
        batch=facts.cost_microusd(input_tokens=shared + own, output_tokens=output, region=region, batch=True),
        worst=worst_case_microusd(request, facts, region=region),
    )


def _likely_output(prompt: Prompt, request: CompletionRequest, pricing: Pricing) -> int:
    if request.purpose == "program":
        return PROGRAM_LIKELY_TOKENS
    rows = pricing.rows_before(prompt)
    if rows is None:
        lines = sum(part.text.count("\n") for part in request.content if not isinstance(part, ImageContent))
        rows = max(1.0, float(lines))
    return int(rows * len(prompt.output.fields) * TOKENS_A_VALUE) + 100
