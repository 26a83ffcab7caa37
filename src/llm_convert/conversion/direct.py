"""Converting directly: the provider is asked for the rows themselves, and for their repair."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.prompt import Strategy
from llm_convert.contracts.work import Failure, Reply, Result
from llm_convert.conversion.case import Case
from llm_convert.conversion.settling import next_step
from llm_convert.ports import CompletionRequest


class Direct:
    """The strategy ``direct``; what it makes of replies is in ``settling``."""

    name = Strategy.DIRECT
    in_turns = False

    def step(self, case: Case, replies: Sequence[Reply], *, seconds: float) -> Result | Failure | CompletionRequest:
        """The ending, or the next question."""
        return next_step(case, replies, seconds=seconds)

    def taken(self) -> None:
        """Nothing is to be remembered."""
