"""What can go wrong, as data: set a dial while the server runs, and the next request meets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from llm_convert.testing.model_server.faults import Action, Fault

__all__ = ["Action", "Dials", "Fault", "Malformed"]


class Malformed(StrEnum):
    """How a model can miss the tool's schema."""

    NO_CALL = "no_call"
    """It talks and calls no tool."""
    OTHER_TOOL = "other_tool"
    """It calls a tool that was not offered."""
    NOT_AN_OBJECT = "not_an_object"
    """The call's input is a string of JSON."""
    ROWS_AS_TEXT = "rows_as_text"
    """The rows are JSON within a string."""
    UNKNOWN_KEY = "unknown_key"
    """The input has a key that the schema forbids."""


@dataclass(slots=True, kw_only=True)
class Dials:
    """May be changed while the server runs; each request reads them when it is answered."""

    latency_seconds: float = 0.0
    """Until an answer begins."""
    stream_seconds: float = 0.0
    """From a stream's first event to its last."""
    requests_per_second: float | None = None
    """Rate of a bucket for each model; who finds it empty is refused with 429."""
    burst: float | None = None
    """Size of that bucket, at least 1; by default what a second lets through."""
    tokens_per_minute: int | None = None
    """The same of prompts' tokens, a minute's worth at once; who wants more than that never gets it."""
    retry_after: bool | None = None
    """Whether such a refusal says how long to wait; by default as the service asked does."""
    refusal_seconds: float = 0.0
    """How late such a refusal comes."""
    fail_next: list[Fault | int] = field(default_factory=list)
    """Taken from the front, one a request; a bare number is a status with Anthropic's plain error."""
    fail_next_poll: list[Fault | int] = field(default_factory=list)
    """The same for requests that only look at batches, or cancel one."""
    stop_reason: str | None = None
    """Instead of the natural one; ``max_tokens`` also cuts the rows in half, ``refusal`` leaves out the call."""
    malformed: Malformed | None = None
    wrong_digit: bool = False
    """Changes the last digit of the first number that is answered, and leaves its address as it was."""
    structured_outputs: bool = True
    """Off, Vertex AI refuses schemas that answers are held to, as an organisation's policy makes it do by default."""
    unsupported: frozenset[str] = frozenset()
    """Parameters that the chat completions do not know, such as ``tools`` or ``response_format``."""
    context_tokens: int | None = None
    """A longer prompt is refused in the service's words."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    """Taken off the counted input tokens and told as the cache's, instead of what the server's cache did."""
    cache_minimum_tokens: int = 1024
    """A shorter prefix is not kept; the real minimum differs by model."""
    cache_life_seconds: float = 300.0
    """Since an entry was written or last read; one with the ttl ``1h`` lives for an hour."""
    batch_seconds: float = 0.0
    """From a batch's making to its end; read when it is made. Cancelled on the way, a part of it is done by then."""
    batch_fate: Callable[[str, dict[str, Any]], Fault | str | None] | None = None
    """What becomes of a batch's request, by its custom id and its body: a fault, ``expired``, or None for an answer."""
    batch_requests: int = 100_000
    batch_bytes: int = 256_000_000
    """The most of one message batch."""
    batch_jobs: int = 4
    """The most batch prediction jobs of one project that run at once on Vertex AI."""
