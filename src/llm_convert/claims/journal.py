"""The calls of one claimed work item, written down before they leave and as they come back."""

from __future__ import annotations

import asyncio

from llm_convert.claims.lease import Claim
from llm_convert.claims.ledger import Ledger
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.work import Reply


class ClaimJournal:
    """Implements ``ports.CallJournal`` for the holder of a claim."""

    def __init__(self, ledger: Ledger, claim: Claim) -> None:
        self._ledger = ledger
        self.claim = claim

    async def sending(self, call: SentCall) -> None:
        """Before any byte leaves."""

    async def unanswered(self, call: SentCall, *, may_be_billed: bool) -> None:
        """No reply came of it."""

    async def answered(self, reply: Reply) -> None:
        """Keep the reply, before anything looks into it."""
        await asyncio.to_thread(self._ledger.store_reply, reply)
