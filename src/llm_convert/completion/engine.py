"""One question, one paid reply: the chain of providers, in order, under pace and purse, every try written down.

The order of a call is the promise: a place in the pace, a reservation in the purse, a line in the journal, and only
then the call; the reply into the journal before anybody looks at it, then the settlement.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from llm_convert.completion.errors import ProviderUnavailableError
from llm_convert.contracts.calls import Attempt, SentCall
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Reply
from llm_convert.errors import UnavailableError
from llm_convert.ports import CallJournal, Clock, CompletionRequest, ModelProvider


class Engine:
    """Implements ``ports.Completer``.

    Args:
        chain: providers in the order in which they are asked; at least one.
        clock: stamps calls.
    """

    def __init__(self, chain: Sequence[ModelProvider], *, clock: Clock) -> None:
        self._chain = tuple(chain)
        self._clock = clock

    @property
    def name(self) -> str:
        """Of the first provider."""
        return self._chain[0].name

    def model(self, tier: ModelTier) -> str:
        """The first provider's model of a tier."""
        return self._chain[0].model(tier)

    async def ask(self, request: CompletionRequest, journal: CallJournal) -> Reply:
        """The reply, which the journal has kept already."""
        provider = self._chain[0]
        call = SentCall(
            work_item=request.work_item,
            call=request.call,
            run_id=request.run_id,
            provider=provider.name,
            model=provider.model(request.tier),
            sent_at=self._clock.now().isoformat(),
            worst_case_microusd=provider.worst_case_microusd(request),
        )
        await journal.sending(call)
        started = time.monotonic()
        try:
            reply = await provider.complete(request)
        except UnavailableError as error:
            billed = isinstance(error, ProviderUnavailableError) and error.may_be_billed
            await journal.unanswered(call, may_be_billed=billed)
            raise
        attempt = Attempt(provider=provider.name, model=call.model, at=call.sent_at, seconds=time.monotonic() - started)
        reply = reply.model_copy(update={"call": request.call, "attempts": (attempt,)})
        await journal.answered(reply)
        return reply

    async def close(self) -> None:
        """Release connections."""
        for provider in self._chain:
            await provider.close()
