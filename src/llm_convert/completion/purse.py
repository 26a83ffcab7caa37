"""Budgets kept in the object store: money is set aside before a call is sent, and settled after.

Many calls' changes are written together: one object takes about a write a second in Cloud Storage, and a call waits for
the write that holds its reservation. Nothing is sent that no write has set money aside for.
"""

from __future__ import annotations

import asyncio
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

WAIT_SECONDS = 120.0
"""How long a reservation waits for other calls to be settled."""
AGAIN_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class _Pending:
    change: Change
    scopes: tuple[Scope, ...]
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
    ) -> None:
        self._store, self._scopes, self._tenant = store, scopes, tenant
        self._lease = timedelta(seconds=lease_seconds)
        self._cost_of, self._clock, self._wait_seconds = cost_of, clock, wait_seconds
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
        change = Change(
            kind=Kind.RESERVE, call_id=call_id, microusd=microusd, expires_at=now + holds if holds else None
        )
        # A call of a batch waits for nothing: what would have to be settled first may be of the very same batch.
        until = time.monotonic() + (0.0 if holds else self._wait_seconds)
        taken: list[Scope] = []
        try:
            for scope in scopes:
                await self._reserve_in(scope, change, until)
                taken.append(scope)
        except BaseException:
            # Also where it was being written when we were cancelled; settling what is not open does nothing.
            touched = scopes[: len(taken) + 1]
            await asyncio.shield(self._change(Change(kind=Kind.SETTLE, call_id=call_id), touched))
            raise
        self._scopes_of[call_id] = scopes

    async def settle(self, call_id: str, microusd: int) -> None:
        """It cost this much; what is left of the reservation is free again."""
        await self._end(Change(kind=Kind.SETTLE, call_id=call_id, microusd=microusd))

    async def leave_in_doubt(self, call_id: str) -> None:
        """No reply came and it may have been charged: the reservation stays spent."""
        await self._end(Change(kind=Kind.DOUBT, call_id=call_id))

    async def close(self) -> None:
        """Write what is not written yet."""
        while self._writing is not None:
            await self._writing

    async def _end(self, change: Change) -> None:
        # A call that another process reserved, such as one of a batch found again, is looked for in today's budgets.
        scopes = self._scopes_of.pop(change.call_id, None) or tuple(self._scopes(self._clock.now()))
        await self._change(change, scopes)
        self._settled.set()

    async def _reserve_in(self, scope: Scope, change: Change, until: float) -> None:
        while True:
            self._settled.clear()
            refusal = await self._try(scope, change)
            if refusal is None:
                return
            left = until - time.monotonic()
            if refusal is Refusal.FOR_GOOD or left <= 0:
                raise await self._exceeded(scope, change.microusd)
            try:
                await asyncio.wait_for(self._settled.wait(), min(left, AGAIN_SECONDS))
            except TimeoutError:
                continue

    async def _try(self, scope: Scope, change: Change) -> Refusal | None:
        try:
            await self._change(change, (scope,))
        except _RefusedError as refused:
            return refused.refusal
        return None

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

    async def _change(self, change: Change, scopes: tuple[Scope, ...]) -> None:
        """Have a change written; it shares its write with whatever else is waiting."""
        if not scopes:
            return
        pending = _Pending(change=change, scopes=scopes)
        self._pending.append(pending)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await asyncio.shield(pending.done)

    async def _write_all(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                for scope in dict.fromkeys(scope for pending in batch for scope in pending.scopes):
                    await self._write(scope, [pending for pending in batch if scope in pending.scopes])
                for pending in batch:
                    if not pending.done.done():
                        pending.done.set_result(None)
        finally:
            self._writing = None

    async def _write(self, scope: Scope, batch: Sequence[_Pending]) -> None:
        try:
            refused = await asyncio.to_thread(self._commit, scope, [pending.change for pending in batch])
        except BaseException as error:
            for pending in batch:
                if not pending.done.done():
                    pending.done.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for pending in batch:
            refusal = refused.get(pending.change.call_id)
            if refusal is not None and pending.change.kind is Kind.RESERVE and not pending.done.done():
                pending.done.set_exception(_RefusedError(refusal))

    def _commit(self, scope: Scope, changes: Sequence[Change]) -> dict[str, Refusal]:
        """Read, apply, and write over exactly what was read."""
        while True:
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
                time.sleep(random.uniform(0.0, 0.05))  # noqa: S311 - spreads writes
                continue
            return refused


class _RefusedError(Exception):
    """A reservation was not made."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.value)
