"""The embedded default provider: deterministic rules over tables. It is not a language model and calls none."""

from __future__ import annotations

import asyncio
import time

from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Reply
from llm_convert.layouts import VERSION, answer
from llm_convert.ports import CompletionRequest


class RulesProvider:
    """Answers from the layout of tables: it matches headers to the names and aliases that a prompt declares.

    This is not a language model. It reads no prose, no pictures and no instructions, costs nothing and needs no
    network. Where a document needs reading, its answer says so with the cause ``needs_a_model``.
    """

    @property
    def name(self) -> str:
        """As settings call it."""
        return "rules"

    def model(self, tier: ModelTier) -> str:  # noqa: ARG002 - the port asks by tier; there is one set of rules
        """The version of the rules."""
        return VERSION

    def capacity(self, tier: ModelTier) -> str:  # noqa: ARG002
        """Nothing limits it."""
        return ""

    def worst_case_microusd(self, request: CompletionRequest) -> int:  # noqa: ARG002
        """Nothing."""
        return 0

    async def complete(self, request: CompletionRequest) -> Reply:
        """The rules' answer. It never fails: what cannot be read is said in the answer."""
        started = time.monotonic()
        found = await asyncio.to_thread(answer, request.prompt, request.document)
        return Reply(
            work_item=request.work_item,
            run_id=request.run_id,
            provider=self.name,
            model=VERSION,
            stop_reason="rules",
            answer=found.model_dump(mode="json", exclude_none=True),
            seconds=time.monotonic() - started,
        )

    async def close(self) -> None:
        """Nothing is open."""
