"""The most that a call can cost, from what is sent alone. It must never be too little; that it is too much is fine."""

from __future__ import annotations

import json

from llm_convert.completion.models import ModelFacts
from llm_convert.completion.tokens import likely_text_tokens
from llm_convert.ports import CompletionRequest, ImageContent

OVERHEAD_TOKENS = 2_000
"""For what a service adds: the words that explain a tool, the marks around messages."""
IMAGE_TOKENS = 5_000
"""More than any model takes for one picture."""


def most_input_tokens(request: CompletionRequest) -> int:
    """No tokenizer makes more tokens than there are bytes of UTF-8."""
    texts = [request.system, json.dumps(request.tool_schema, ensure_ascii=False), request.tool_name]
    for turn in request.turns:
        texts += [json.dumps(turn.answer, ensure_ascii=False), turn.text, turn.fault]
    images = 0
    for part in request.content:
        if isinstance(part, ImageContent):
            images += 1
        else:
            texts.append(part.text)
    return sum(len(text.encode()) for text in texts) + IMAGE_TOKENS * images + OVERHEAD_TOKENS


def worst_case_microusd(request: CompletionRequest, facts: ModelFacts, *, region: str, batch: bool = False) -> int:
    """What the call costs when all of its prompt is written to the cache and its answer is as long as it may be."""
    tokens = min(most_input_tokens(request), facts.context_tokens)
    return facts.cost_microusd(
        input_tokens=0,
        cache_write_tokens=tokens,
        output_tokens=min(request.max_output_tokens, facts.max_output_tokens),
        region=region,
        batch=batch,
    )


LIKELY_OUTPUT_TOKENS = 2_000
CACHED_FROM_TOKENS = 1_024
"""A shorter beginning is not cached by the service, whatever it is asked."""


def is_worth_caching(request: CompletionRequest) -> bool:
    """Whether what the calls of a prompt share is long enough for a service's cache."""
    shared = request.system + json.dumps(request.tool_schema, ensure_ascii=False)
    return likely_text_tokens(shared) >= CACHED_FROM_TOKENS


def likely_tokens(request: CompletionRequest) -> int:
    """About how many tokens a call takes, for its pace; corrected by what it did take."""
    characters = len(request.system)
    for part in request.content:
        # Korean is about a token a syllable, digits and marks are about two characters a token.
        characters += len(part.text) if not isinstance(part, ImageContent) else 2 * IMAGE_TOKENS
    return characters // 2 + min(request.max_output_tokens, LIKELY_OUTPUT_TOKENS)
