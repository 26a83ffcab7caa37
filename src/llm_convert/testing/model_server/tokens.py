"""The tokens of one answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What an answer is billed for."""

    prompt: int
    """What the cache read or wrote included."""
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_long: int = 0
    """Of what the cache wrote, what lives for an hour."""

    @property
    def fresh(self) -> int:
        """Of the prompt, what the cache neither read nor wrote."""
        return max(0, self.prompt - self.cache_read - self.cache_write)
