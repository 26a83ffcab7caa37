"""The pace of every capacity, shared through the object store with all processes that use the same, and remembered.

A store that fails never stops the work: each process then goes on with what it knows.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from llm_convert.completion.errors import ProviderUnavailableError
from llm_convert.completion.learning import FIRST_WINDOW, HIGHEST_RATE, Learner
from llm_convert.completion.pace import LearningPace
from llm_convert.completion.roles import Admission, Pace
from llm_convert.completion.shares import advanced, divided, joined, member_of
from llm_convert.completion.unlimited import Unpaced
from llm_convert.contracts import keys
from llm_convert.contracts.pacing import SharedRate
from llm_convert.errors import LlmConvertError, ObjectNotFoundError, PreconditionFailedError
from llm_convert.objects import seconds_between_writes
from llm_convert.ports import Clock, ObjectStore

log = logging.getLogger(__name__)

WRITES_PER_SECOND = 8.0
"""Where the store takes any number: news that is older than this helps nobody."""
TRIES = 6
"""Of one exchange, when other members write at the same moment."""


class SharedPace:
    """Implements ``roles.Pace``: a local pace whose bound is agreed on with the other members.

    Args:
        capacity: what is shared.
        member: this process's name among the members.
        store: where the members meet.
        clock: for leases, which other processes read.
        writes_per_second: how often one object may be written, by all members together.
        ceiling: calls a second at most; 0 for none.
        tokens_per_minute: at most; 0 for none.
        monotonic: the time in seconds.
    """

    def __init__(
        self,
        capacity: str,
        *,
        member: str,
        store: ObjectStore,
        clock: Clock,
        writes_per_second: float,
        ceiling: float = 0.0,
        tokens_per_minute: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._capacity, self._member, self._store, self._clock = capacity, member, store, clock
        self._key = keys.pacing(sha256(capacity.encode()).hexdigest()[:16])
        self._writes_per_second = writes_per_second
        self._ceiling = ceiling or HIGHEST_RATE
        self.local = LearningPace(
            Learner(now=monotonic(), ceiling=self._ceiling), tokens_per_minute=tokens_per_minute, monotonic=monotonic
        )
        self._joining = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._members = 1
        self._answered = 0
        self._exchanged_at = self._monotonic()
        self._refused = False
        self._joined = False
        """Whether the others were heard before the first call."""
        self._adopted_after = 0
        """Admissions up to this number were made under an older rate: their refusals are old news."""
        self._heard_cut_at: datetime | None = None

    async def admit(self, tokens: int) -> Admission:
        """Wait for the turn of a call of about so many tokens."""
        if self._keeping is None:
            async with self._joining:
                if self._keeping is None:
                    await self._exchange()
                    self._keeping = asyncio.create_task(self._keep_exchanging())
        return await self.local.admit(tokens)

    def answered(self, admission: Admission, *, tokens: int) -> None:
        """It was answered, and took so many tokens."""
        self._answered += 1
        self.local.answered(admission, tokens=tokens)

    def limited(self, admission: Admission, error: ProviderUnavailableError) -> None:
        """It was refused as too fast, or as one too many for a busy model."""
        self.local.limited(admission, error)
        if admission.number > self._adopted_after:
            self._refused = True
            if self._members > 1:
                self._hurry.set()

    def failed(self, admission: Admission) -> None:
        """It failed for a reason that says nothing about the pace, or was given up."""
        self.local.failed(admission)

    async def close(self) -> None:
        """Leave, so that others have the share at once; what was learnt stays."""
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        self._keeping = None
        await self._exchange(leaving=True)

    async def _keep_exchanging(self) -> None:
        while True:
            pause = self._members / self._writes_per_second
            try:
                await asyncio.wait_for(self._hurry.wait(), pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads writes
                await asyncio.sleep(pause / 4)
            except TimeoutError:
                pass
            self._hurry.clear()
            await self._exchange()

    async def _exchange(self, *, leaving: bool = False) -> None:
        """Tell this member's news, hear the others', and adopt what follows."""
        now = self._monotonic()
        accepted = self._answered / max(now - self._exchanged_at, 0.05)
        refused, self._refused, self._answered, self._exchanged_at = self._refused, False, 0, now
        try:
            state = await asyncio.to_thread(self._meet, accepted, refused, leaving)
        except LlmConvertError as error:
            # What is known goes on being kept to; the news is told next time.
            self._refused = self._refused or refused
            log.warning("the pace of %s can't be shared now: %s", self._capacity, type(error).__name__)
            return
        finally:
            self.local.lowered = 1.0
        if not leaving and state is not None:
            self._adopt(state)

    def _meet(self, accepted: float, refused: bool, leaving: bool) -> SharedRate | None:
        """One read and one conditional write; None when others were faster each time."""
        for _ in range(TRIES):
            try:
                held = self._store.read(self._key)
                standing, version = SharedRate.from_json(held.data), held.version
            except ObjectNotFoundError:
                standing, version = None, None
            state = self._news(standing, accepted, refused, leaving)
            try:
                if version is None:
                    self._store.create(self._key, state.to_json())
                else:
                    self._store.replace(self._key, state.to_json(), if_version=version)
            except PreconditionFailedError:
                time.sleep(random.uniform(0.0, 0.05))  # noqa: S311 - spreads writes
                continue
            return state
        return None

    def _news(self, standing: SharedRate | None, accepted: float, refused: bool, leaving: bool) -> SharedRate:
        now = self._clock.now()
        state = joined(standing, self._capacity, now)
        members = {name: member for name, member in state.members.items() if name != self._member}
        alone = not members
        if not leaving:
            # A lease outlives some missed exchanges of as many members as there are.
            lease = 10.0 + 4.0 * (len(members) + 1) / self._writes_per_second
            members[self._member] = member_of(accepted=accepted, wanted=self.local.wanted, now=now, lease_seconds=lease)
        state = state.model_copy(update={"members": members})
        # What was refused before this member heard of the last cut belongs to the episode that was cut.
        refused = refused and state.cut_at == self._heard_cut_at
        known = self.local.rate if alone and self.local.is_known and self.local.share is None else None
        return advanced(state, now, refused=refused, known=known)

    def _adopt(self, state: SharedRate) -> None:
        self._members = max(1, len(state.members))
        self._heard_cut_at = state.cut_at
        local, now = self.local, self._monotonic()
        if state.rate is None:
            if local.learner.window is not None and not self._joined:
                # Once: what answers then add to it was really taken by the service.
                local.learner.window = max(2, FIRST_WINDOW // self._members)
            self._joined = True
            return
        if not local.is_known:
            local.learner = Learner.remembering(now, state.rate, ceiling=self._ceiling)
        if self._members == 1:
            if local.share is not None:
                local.learner = Learner.remembering(now, state.rate, ceiling=self._ceiling)
            local.share = None
        else:
            demands = {name: member.demand for name, member in state.members.items()}
            local.share = divided(state.rate, demands)[self._member]
        self._adopted_after = local.last_number


class SharedPaces:
    """Implements ``roles.Paces``.

    Args:
        store: where processes meet.
        member: this process's name; another for every process.
        clock: for leases.
        ceiling: calls a second for one capacity at most; 0 for none.
        tokens_per_minute: for one capacity at most; 0 for none.
        monotonic: the time in seconds.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        member: str,
        clock: Clock,
        ceiling: float = 0.0,
        tokens_per_minute: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._member, self._clock = store, member, clock
        self._ceiling, self._tokens_per_minute, self._monotonic = ceiling, tokens_per_minute, monotonic
        apart = seconds_between_writes(store)
        self._writes_per_second = 1 / apart if apart else WRITES_PER_SECOND
        self._of: dict[str, SharedPace] = {}
        self._unlimited = Unpaced()

    def of(self, capacity: str) -> Pace:
        """The one pace of a capacity; one that only pauses after refusals where there is nothing to share."""
        if not capacity:
            return self._unlimited
        if capacity not in self._of:
            self._of[capacity] = SharedPace(
                capacity,
                member=self._member,
                store=self._store,
                clock=self._clock,
                writes_per_second=self._writes_per_second,
                ceiling=self._ceiling,
                tokens_per_minute=self._tokens_per_minute,
                monotonic=self._monotonic,
            )
        return self._of[capacity]

    def account(self) -> list[str]:
        """What a log may say of each capacity."""
        return [
            f"{name}: {pace.local.rate:.1f} calls a second, {pace.local.refused} refused, "
            f"{pace.local.waited_seconds:.0f} s waited in all"
            for name, pace in self._of.items()
            if pace.local.is_known
        ]

    async def close(self) -> None:
        """Leave all."""
        for pace in self._of.values():
            await pace.close()
