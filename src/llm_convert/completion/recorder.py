"""Recording: whatever provider of the chain answered, and whatever a batch brought, also goes on file."""

from __future__ import annotations

import asyncio

from llm_convert.completion.recordings import Recording, Recordings, asked_of
from llm_convert.contracts.calls import Asked
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Reply
from llm_convert.ports import CallJournal, Clock, Completer, CompletionRequest


class Filing:
    """Puts replies on file.

    Args:
        recordings: the folder.
        clock: tells when.
    """

    def __init__(self, recordings: Recordings, clock: Clock) -> None:
        self._recordings, self._clock = recordings, clock

    async def put(self, reply: Reply, asked: Asked) -> None:
        """Put a model's reply on file; rules and what is on file already are no news. Raises StoreError."""
        if _is_a_models(reply):
            recording = Recording.of(reply, asked, at=self._clock.now().isoformat(timespec="seconds"))
            await asyncio.shield(asyncio.to_thread(self._recordings.put, recording))


class Recorder:
    """Implements ``ports.Completer`` around another one.

    A reply goes on file after the journal has kept it: a folder that can't be written loses nothing that was paid. What
    a run finds answered already is not asked, and so not recorded.
    """

    def __init__(self, completer: Completer, filing: Filing) -> None:
        self._completer, self._filing = completer, filing

    @property
    def name(self) -> str:
        """Of the first provider."""
        return self._completer.name

    def model(self, tier: ModelTier) -> str:
        """The first provider's model of a tier."""
        return self._completer.model(tier)

    async def ask(self, request: CompletionRequest, journal: CallJournal) -> Reply:
        """The reply. Raises as the completer does, and StoreError where it can't go on file."""
        reply = await self._completer.ask(request, journal)
        await self._filing.put(reply, asked_of(request, reply.model))
        return reply

    async def close(self) -> None:
        """Close the completer."""
        await self._completer.close()


def _is_a_models(reply: Reply) -> bool:
    """Rules make no call and are there offline anyway; what is on file already is no news."""
    return reply.usage.calls > 0 and reply.original is None
