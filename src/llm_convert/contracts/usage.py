"""What a model call used and cost. Money is in whole micro-dollars: 1 USD is 1,000,000."""

from __future__ import annotations

from pydantic import Field

from llm_convert.contracts.base import Contract


class Usage(Contract):
    """Tokens of one call or of many. ``input_tokens`` leaves out what the cache read or wrote, as the API counts."""

    calls: int = Field(default=0, ge=0)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)
    cost_microusd: int = Field(default=0, ge=0)

    @property
    def tokens(self) -> int:
        """All tokens, in and out."""
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def cache_hit_rate(self) -> float | None:
        """The share of the prompt's tokens that the cache gave; None where it was not used at all."""
        if not self.cache_read_tokens + self.cache_write_tokens:
            return None
        return self.cache_read_tokens / (self.input_tokens + self.cache_read_tokens + self.cache_write_tokens)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cost_microusd=self.cost_microusd + other.cost_microusd,
        )
