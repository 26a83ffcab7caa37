"""What the holder of a claim does with it: calls are written down before they leave and as they come back.

The store is asked in threads: renewals go on while a call is under way, and a lock keeps the two from racing here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from llm_convert.claims.lease import Claim, Lease
from llm_convert.claims.ledger import Ledger
from llm_convert.contracts.calls import SentCall
from llm_convert.contracts.work import Failure, Reply, Result


class ClaimJournal:
    """Implements ``ports.CallJournal`` for the holder of one claim.

    Args:
        ledger: where the claim lies.
        claim: as it was given.
    """

    def __init__(self, ledger: Ledger, claim: Claim) -> None:
        self._ledger = ledger
        self._claim = claim
        self._lock = threading.Lock()

    @property
    def in_doubt(self) -> tuple[SentCall, ...]:
        """Calls of this item that may have been charged and that no reply came of."""
        return self._claim.lease.in_doubt

    async def sending(self, call: SentCall) -> None:
        """Before any byte leaves.

        Raises:
            LeaseLostError: the item is another's; nothing may be sent.
        """
        await asyncio.to_thread(self._note, lambda lease: lease.model_copy(update={"call": call}))

    async def unanswered(self, call: SentCall, *, may_be_billed: bool) -> None:
        """No reply came of it; LeaseLostError as in ``sending``."""
        doubts = (call,) if may_be_billed else ()

        def noted(lease: Lease) -> Lease:
            # Somebody may have written it down as doubtful meanwhile; now it is known.
            others = tuple(other for other in lease.in_doubt if other != call)
            return lease.model_copy(update={"call": None, "in_doubt": (*others, *doubts)})

        await asyncio.to_thread(self._note, noted)

    async def answered(self, reply: Reply) -> None:
        """Keep the reply, before anything looks into it."""
        await asyncio.to_thread(self._ledger.store_reply, reply)

    def renew(self) -> None:
        """Hold the claim for another lease. Raises LeaseLostError."""
        self._note(lambda lease: lease)

    def finish(self, ending: Result | Failure) -> Result | Failure:
        """End the item and give the claim back; see ``Ledger.finish``."""
        with self._lock:
            return self._ledger.finish(self._claim, ending.model_copy(update={"in_doubt": self.in_doubt}))

    def release(self) -> None:
        """Give the claim back with the item not ended."""
        with self._lock:
            self._ledger.release(self._claim)

    def _note(self, change: Callable[[Lease], Lease]) -> None:
        with self._lock:
            self._claim = self._ledger.note(self._claim, change)
