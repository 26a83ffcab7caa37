"""Calls of a model that are on their way, and what came of each try: what money and lineage are accounted by."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llm_convert.contracts.base import Contract

ANSWERED = "answered"
"""The outcome of an attempt that brought a reply."""


Purpose = Literal["rows", "program"]
"""What a call asks for: a document's rows, or a program that makes them."""


class SentCall(Contract):
    """A call that is about to be sent; written down before any byte of it leaves."""

    work_item: str
    call: int = Field(ge=1)
    """The n-th call of the work item; a repair is another call, trying again after a fault is not."""
    run_id: str
    provider: str
    model: str
    sent_at: str
    """ISO 8601, UTC."""
    worst_case_microusd: int = Field(default=0, ge=0)
    """The most that it can cost."""

    @property
    def id(self) -> str:
        """Tells two calls of a tenant apart."""
        return f"{self.work_item}#{self.call}@{self.sent_at}"

    @property
    def batch_id(self) -> str:
        """The same for a batch, whose ids are letters, digits, ``-`` and ``_``."""
        return f"{self.work_item}-{self.call}"


class Asked(Contract):
    """What its recording says of a request: all that must be known of it once it is answered."""

    key: str
    prompt_id: str
    prompt_digest: str
    """Of the prompt as it was; told for people, what counts is the key."""


class BatchRecord(Contract):
    """A batch, from before it is sent until all that came of it is kept. Stored, so that it is found again."""

    name: str
    """Ours; the service is told it where it takes one."""
    folder: str
    """Where in the store what belongs to it lies."""
    provider: str
    tool_name: str
    """Of the tool that its answers fill."""
    purpose: Purpose = "rows"
    """What all of its calls ask for."""
    created_at: str
    """ISO 8601, UTC; before it was sent."""
    deadline: str
    """ISO 8601, UTC: what is not back by then is asked online."""
    calls: tuple[SentCall, ...]
    asked: tuple[Asked, ...] = ()
    """Of each call, where its reply goes on file; else empty."""
    handle: str = ""
    """The service's name for it; empty while nobody knows whether it was taken."""


class Attempt(Contract):
    """One try of one provider: who, why not, how long."""

    provider: str
    model: str
    at: str
    """ISO 8601, UTC."""
    outcome: str = ANSWERED
    """``answered``, or what kept the provider: an ``Unavailability``, ``configuration``, ``circuit_open``."""
    detail: str = ""
    """Without document text."""
    waited_seconds: float = 0.0
    """For its turn, before it was sent."""
    seconds: float = 0.0
    """From sending to the outcome."""
    request_id: str = ""
    may_be_billed: bool = False
    """No reply came, and nobody can know from here whether it was made and charged."""
