"""Budgets kept in the object store: money is set aside before a call is sent, and settled after.

Many calls' changes are written together: Cloud Storage takes about a write a second of one object, and a call waits for
the write that holds its reservation. Nothing is sent that no write has set money aside for. Nobody waits for a
settlement: until it is written the money stays set aside, and if it never is, the ledger tells what the call cost.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llm_convert.completion.budget import Change, Kind, Refusal, Scope, applied, reconciled
from llm_convert.completion.errors import BudgetExceededError
from llm_convert.contracts.budget import BudgetState, OpenCall
from llm_convert.contracts.report import format_usd
from llm_convert.errors import ObjectNotFoundError, PreconditionFailedError
from llm_convert.ports import Clock, ObjectStore

log = logging.getLogger(__name__)

WAIT_SECONDS = 120.0
"""How long a reservation waits for other calls to be settled."""
AGAIN_SECONDS = 0.5
CONFLICT_SECONDS = 0.05
"""About how long a purse waits after another process's write came between its own reading and writing; it doubles."""
LONGEST_CONFLICT_SECONDS = 20.0


@dataclass(slots=True, kw_only=True)
class _Pending:
    change: Change
    scopes: tuple[Scope, ...]
    refused: tuple[Scope, Refusal] | None = None
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class SharedPurse:
    """Implements ``roles.Purse``. Any number of processes share the budgets; each process has one purse.

    Args:
        store: where budgets lie.
        scopes: the budgets that a call made at this time must fit.
        tenant: whose calls these are.
        lease_seconds: how long a call may be under way; past it whoever made it is taken for dead.
        cost_of: what the ledger says of a dead process's call.
        clock: for months and leases.
        wait_seconds: how long a reservation waits for other calls to be settled.
        seconds_between_writes: of one object, as the store bears them.
    """

    def __init__(
        self,
        store: ObjectStore,
        scopes: Callable[[datetime], Sequence[Scope]],
        *,
        tenant: str,
        lease_seconds: float,
        cost_of: Callable[[str, OpenCall], int | None],
        clock: Clock,
        wait_seconds: float = WAIT_SECONDS,
        seconds_between_writes: float = 0.0,
    ) -> None:
        self._store, self._scopes, self._tenant = store, scopes, tenant
        self._lease = timedelta(seconds=lease_seconds)
        self._cost_of, self._clock, self._wait_seconds = cost_of, clock, wait_seconds
        self._seconds_between_writes = seconds_between_writes
        self._next_write_at = 0.0
        self._pending: list[_Pending] = []
        self._writing: asyncio.Task[None] | None = None
        self._scopes_of: dict[str, tuple[Scope, ...]] = {}
        """Of calls under way: the months in which they were reserved."""
        self._settled = asyncio.Event()

    async def reserve(self, call_id: str, microusd: int, *, holds: timedelta | None = None) -> None:
        """Set this much aside in every budget, or in none.

        Args:
            call_id: as ``SentCall.id`` says it.
            microusd: the most that it can cost.
            holds: how long it may be under way, as part of a batch; None: ``lease_seconds``.

        Raises:
            BudgetExceededError: a budget can't bear it.
        """
        now = self._clock.now()
        scopes = tuple(self._scopes(now))
        if not scopes:
            return
        change = Change(
            kind=Kind.RESERVE, call_id=call_id, microusd=microusd, expires_at=now + holds if holds else None
        )
        # A call of a batch waits for nothing: what would have to be settled first may be of the very same batch.
        until = time.monotonic() + (0.0 if holds else self._wait_seconds)
        try:
            await self._reserve_in_all(change, scopes, until)
        except asyncio.CancelledError:
            # Also where it was being written just then; settling what is not open does nothing.
            self._have_written(Change(kind=Kind.SETTLE, call_id=call_id), scopes)
            raise
        self._scopes_of[call_id] = scopes

    async def settle(self, call_id: str, microusd: int) -> None:
        """It cost this much; what is left of the reservation will be free again."""
        self._end(Change(kind=Kind.SETTLE, call_id=call_id, microusd=microusd))

    async def leave_in_doubt(self, call_id: str) -> None:
        """No reply came and it may have been charged: the reservation stays spent."""
        self._end(Change(kind=Kind.DOUBT, call_id=call_id))

    async def close(self) -> None:
        """Write what is not written yet."""
        while self._writing is not None:
            await self._writing

    def _end(self, change: Change) -> None:
        # A call that another process reserved, such as one of a batch found again, is looked for in today's budgets.
        scopes = self._scopes_of.pop(change.call_id, None) or tuple(self._scopes(self._clock.now()))
        if scopes:
            self._have_written(change, scopes)

    async def _reserve_in_all(self, change: Change, scopes: tuple[Scope, ...], until: float) -> None:
        while True:
            self._settled.clear()
            pending = self._have_written(change, scopes)
            await asyncio.shield(pending.done)
            if pending.refused is None:
                return
            scope, refusal = pending.refused
            left = until - time.monotonic()
            if refusal is Refusal.FOR_GOOD or left <= 0:
                raise await self._exceeded(scope, change.microusd)
            try:
                await asyncio.wait_for(self._settled.wait(), min(left, AGAIN_SECONDS))
            except TimeoutError:
                continue

    async def _exceeded(self, scope: Scope, microusd: int) -> BudgetExceededError:
        state = await asyncio.to_thread(self._state, scope)
        aside = state.bound_microusd - state.gone_microusd
        return BudgetExceededError(
            f"the budget of {scope.name} is {format_usd(scope.limit_microusd)} USD: "
            f"{format_usd(state.gone_microusd)} is spent, {format_usd(aside)} is set aside for calls under way, "
            f"and this call may cost up to {format_usd(microusd)}",
            remedy=f"Raise {scope.setting} if it is worth that; what is done is kept.",
        )

    def _state(self, scope: Scope) -> BudgetState:
        try:
            return BudgetState.from_json(self._store.read(scope.key).data)
        except ObjectNotFoundError:
            return BudgetState()

    def _have_written(self, change: Change, scopes: tuple[Scope, ...]) -> _Pending:
        """Have a change written; it shares its write with whatever else is waiting."""
        pending = _Pending(change=change, scopes=scopes)
        self._pending.append(pending)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return pending

    async def _write_all(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(max(0.0, self._next_write_at - time.monotonic()))
                self._next_write_at = time.monotonic() + self._seconds_between_writes
                batch, self._pending = self._pending, []
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _write_batch(self, batch: Sequence[_Pending]) -> None:
        scopes = list(dict.fromkeys(scope for pending in batch for scope in pending.scopes))
        writes = (self._write(scope, [one.change for one in batch if scope in one.scopes]) for scope in scopes)
        try:
            told = dict(zip(scopes, await asyncio.gather(*writes, return_exceptions=True), strict=True))
        except BaseException as error:
            for pending in batch:
                _fail(pending, error)
            raise
        for pending in batch:
            self._conclude(pending, told)
        if any(pending.change.kind is not Kind.RESERVE for pending in batch):
            self._settled.set()

    def _conclude(self, pending: _Pending, told: dict[Scope, dict[str, Refusal] | BaseException]) -> None:
        """Tell whoever waits what came of a change. What not all budgets bear is taken back from those that do."""
        change = pending.change
        faults = [error for scope in pending.scopes if isinstance(error := told[scope], BaseException)]
        if change.kind is not Kind.RESERVE:
            if faults:
                log.warning("a call could not be settled: %s; the ledger settles it", type(faults[0]).__name__)
            pending.done.set_result(None)
            return
        refused = [
            (scope, refusal)
            for scope in pending.scopes
            if not isinstance(answer := told[scope], BaseException) and (refusal := answer.get(change.call_id))
        ]
        bearing = tuple(scope for scope in pending.scopes if scope not in dict(refused))
        if (refused or faults) and bearing:
            self._have_written(Change(kind=Kind.SETTLE, call_id=change.call_id), bearing)
        if faults:
            _fail(pending, faults[0])
            return
        # One that is refused for good is refused, whatever the others would do later.
        refused.sort(key=lambda pair: pair[1] is not Refusal.FOR_GOOD)
        pending.refused = refused[0] if refused else None
        pending.done.set_result(None)

    async def _write(self, scope: Scope, changes: Sequence[Change]) -> dict[str, Refusal]:
        """Read, apply, and write over exactly what was read; the reservations that were refused."""
        pause = max(CONFLICT_SECONDS, self._seconds_between_writes)
        while True:
            refused = await asyncio.to_thread(self._commit, scope, changes)
            if refused is not None:
                return refused
            await asyncio.sleep(random.uniform(0.0, pause))  # noqa: S311 - spreads writes
            pause = min(2 * pause, LONGEST_CONFLICT_SECONDS)

    def _commit(self, scope: Scope, changes: Sequence[Change]) -> dict[str, Refusal] | None:
        """One try; None when another process wrote in between."""
        now = self._clock.now()
        try:
            held = self._store.read(scope.key)
            state, version = BudgetState.from_json(held.data), held.version
        except ObjectNotFoundError:
            state, version = BudgetState(), None
        state, _ = reconciled(state, now, cost_of=self._cost_of)
        state, refused = applied(
            state,
            changes,
            limit_microusd=scope.limit_microusd,
            tenant=self._tenant,
            expires_at=now + self._lease,
        )
        try:
            if version is None:
                self._store.create(scope.key, state.to_json())
            else:
                self._store.replace(scope.key, state.to_json(), if_version=version)
        except PreconditionFailedError:
            return None
        return refused


def _fail(pending: _Pending, error: BaseException) -> None:
    if pending.done.done():
        return
    if pending.change.kind is Kind.RESERVE:
        pending.done.set_exception(error)
    else:
        pending.done.set_result(None)
