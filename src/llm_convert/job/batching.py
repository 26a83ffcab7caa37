"""Work that goes to a service's batch interface first: its answers are stored as replies and settled as any other.

The order is the promise: claims and reservations, then a record of the batch, then the batch, then its name into the
record. Killed anywhere, whoever runs the tenant next finds the record, finds the batch, and waits for it instead of
asking again. What is not back by the deadline is asked online.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from llm_convert.claims.journal import ClaimJournal
from llm_convert.claims.lease import Held, LeaseLostError
from llm_convert.claims.ledger import Ledger
from llm_convert.completion.errors import BudgetExceededError
from llm_convert.completion.recorder import Filing
from llm_convert.completion.recordings import asked_of
from llm_convert.completion.roles import Purse
from llm_convert.contracts import keys
from llm_convert.contracts.calls import Asked, BatchRecord, Purpose, SentCall
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import WorkItem, WorkItemError
from llm_convert.conversion.convert import opening_request
from llm_convert.conversion.opening import expect_program
from llm_convert.conversion.workshop import Workshop
from llm_convert.errors import ConfigurationError, DataError, UnavailableError
from llm_convert.job.runner import Stopped
from llm_convert.objects import create_model, overwrite, remove
from llm_convert.ports import BatchLine, BatchService, Clock, CompletionRequest, ObjectStore

log = logging.getLogger(__name__)

LARGEST_CHUNK_BYTES = 32 * 2**20
"""A batch of ours is no larger: its lines are in memory until it is sent."""
FEWEST = 2
"""A batch of one call saves little and waits long."""
SLACK = timedelta(minutes=10)
"""How much longer than the deadline a batch's claims and reservations hold."""
TAKEN_AT_ONCE = 32
"""Items that are claimed and written down at the same time."""
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 1.0, 30.0
CANCEL_SECONDS = 120.0
"""How long a batch that was cancelled at its deadline may take to end."""
FIND_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlace:
    """Whose batches these are, and how long they may take."""

    tenant: str
    bsda: str
    run_id: str
    owner: str
    wait: timedelta


@dataclass(slots=True, kw_only=True)
class _Chunk:
    tool_name: str
    purpose: Purpose
    calls: list[SentCall] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    lines: list[BatchLine] = field(default_factory=list)
    size: int = 0

    def add(self, call: SentCall, line: BatchLine, asked: Asked) -> None:
        self.calls.append(call)
        self.asked.append(asked)
        self.lines.append(line)
        self.size += len(line.line)


class Batching:
    """Sends a share's first calls as batches and keeps what comes back.

    Args:
        service: the batch interface of the first provider.
        workshop: as for converting.
        purse: what may be spent.
        place: whose and how long.
        store: where records lie.
        filing: where replies go on file; None where they do not.
        clock: for deadlines.
        say: told what a person should know.
        stop: set when the platform asks to stop.
    """

    def __init__(
        self,
        service: BatchService,
        workshop: Workshop,
        purse: Purse,
        *,
        place: BatchPlace,
        store: ObjectStore,
        filing: Filing | None,
        clock: Clock,
        say: Callable[[str], None],
        stop: asyncio.Event,
    ) -> None:
        self._service, self._purse, self._place = service, purse, place
        self._store, self._filing, self._clock, self._say, self._stop = store, filing, clock, say, stop
        self._ledger = Ledger(
            store,
            place.tenant,
            owner=place.owner,
            run_id=place.run_id,
            lease_seconds=(place.wait + SLACK).total_seconds(),
            clock=clock,
        )
        self._workshop = replace(workshop, ledger=self._ledger)

    async def run(self, work: Sequence[tuple[WorkItem, Prompt]], *, send: bool) -> None:
        """Wait for batches that are under way already, then send and await what is left.

        Args:
            work: the share's items, in order.
            send: whether new batches may be sent; else only those under way are waited for.

        Raises:
            Stopped: ``stop`` was set; the batches go on, and whoever comes next finds them.
        """
        ids = {item.id for item, _ in work}
        under_way = [await self._attached(record) for record in self._records(ids)]
        waiting = [asyncio.create_task(self._see_through(record)) for record in under_way if record is not None]
        try:
            await self._expect_programs(under_way, work)
            if send:
                asked = {call.work_item for record in under_way if record is not None for call in record.calls}
                left = [(item, prompt) for item, prompt in work if item.id not in asked]
                async for chunk in self._chunks(left):
                    record = await self._sent(chunk)
                    if record is not None:
                        waiting.append(asyncio.create_task(self._see_through(record)))
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def _expect_programs(
        self, under_way: Sequence[BatchRecord | None], work: Sequence[tuple[WorkItem, Prompt]]
    ) -> None:
        """Documents that look like those whose program is under way wait for it, as if this process had asked."""
        calls = [
            call for record in under_way if record is not None and record.purpose == "program" for call in record.calls
        ]
        asked = {call.work_item for call in calls}
        for item, prompt in work:
            if item.id in asked:
                await asyncio.to_thread(expect_program, item, prompt, self._workshop)

    def _records(self, ids: set[str]) -> list[BatchRecord]:
        found = [
            BatchRecord.from_json(self._store.read(info.key).data)
            for info in self._store.list(keys.batches(self._place.tenant))
            if info.key.count("/") == keys.batches(self._place.tenant).count("/")
        ]
        return [record for record in found if any(call.work_item in ids for call in record.calls)]

    async def _attached(self, record: BatchRecord) -> BatchRecord | None:
        """A record with its batch's name; None when the service never took it."""
        if record.handle:
            return record
        return await self._found(record)

    async def _found(self, record: BatchRecord) -> BatchRecord | None:
        for _ in range(FIND_TRIES):
            try:
                handle = await self._service.find(record, self._known(record))
            except UnavailableError:
                await self._pause(FIRST_POLL_SECONDS)
                continue
            if handle is not None:
                return self._kept(record.model_copy(update={"handle": handle}))
            await self._pause(FIRST_POLL_SECONDS)
        await self._forget(record, in_doubt=False)
        return None

    def _known(self, record: BatchRecord) -> set[str]:
        others = self._records({call.work_item for call in record.calls})
        return {other.handle for other in others if other.name != record.name and other.handle}

    async def _chunks(self, work: Sequence[tuple[WorkItem, Prompt]]) -> AsyncIterator[_Chunk]:
        """What is left to ask, by model and tool, in batches that the service takes."""
        most = min(self._service.max_bytes, LARGEST_CHUNK_BYTES)
        open_chunks: dict[tuple[str, str], _Chunk] = {}
        for start in range(0, len(work), TAKEN_AT_ONCE):
            if self._stop.is_set():
                break
            for request, call, line in await self._taken(work[start : start + TAKEN_AT_ONCE]):
                key = call.model, request.tool_name
                fresh = _Chunk(tool_name=request.tool_name, purpose=request.purpose)
                chunk = open_chunks.setdefault(key, fresh)
                full = chunk.size + len(line.line) > most or len(chunk.calls) >= self._service.max_requests
                if chunk.calls and full:
                    yield open_chunks.pop(key)
                    chunk = open_chunks.setdefault(key, fresh)
                chunk.add(call, line, asked_of(request, line.model))
        for chunk in open_chunks.values():
            yield chunk

    async def _taken(
        self, work: Sequence[tuple[WorkItem, Prompt]]
    ) -> list[tuple[CompletionRequest, SentCall, BatchLine]]:
        """Claim items, prepare their first calls and set their money aside; without those that are not for a batch.

        The store is asked for all at once: in a bucket each answer takes a while. Only what is asked first, which
        depends on what was asked of those before, is found one after the other.
        """
        claims = await asyncio.gather(*(asyncio.to_thread(self._ledger.claim, item) for item, _ in work))
        begun = []
        for (item, prompt), claim in zip(work, claims, strict=True):
            if isinstance(claim, Held):
                continue
            journal = ClaimJournal(self._ledger, claim)
            request = await asyncio.to_thread(opening_request, item, prompt, self._workshop)
            if request is None:
                await asyncio.to_thread(journal.release)
                continue
            begun.append((request, journal))
        noted = await asyncio.gather(*(self._noted(request, journal) for request, journal in begun))
        return [taken for taken in noted if taken is not None]

    async def _noted(
        self, request: CompletionRequest, journal: ClaimJournal
    ) -> tuple[CompletionRequest, SentCall, BatchLine] | None:
        """A call with its money set aside, written down as sent; None where it can't be."""
        try:
            line = await asyncio.to_thread(self._service.prepare, request)
            call = SentCall(
                work_item=request.work_item,
                call=request.call,
                run_id=self._place.run_id,
                provider=self._service.name,
                model=line.model,
                sent_at=self._clock.now().isoformat(),
                worst_case_microusd=line.worst_case_microusd,
            )
            await self._purse.reserve(call.id, call.worst_case_microusd, holds=self._place.wait + SLACK)
        except (WorkItemError, BudgetExceededError, DataError):
            # Online it ends by the same reason, and with its name.
            await asyncio.to_thread(journal.release)
            return None
        try:
            await journal.sending(call)
        except LeaseLostError:
            await self._purse.settle(call.id, 0)
            return None
        return request, call, line

    async def _sent(self, chunk: _Chunk) -> BatchRecord | None:
        now = self._clock.now()
        record = BatchRecord(
            name=self._name(chunk.calls),
            folder=f"{keys.night(self._place.tenant, self._place.bsda)}/batches",
            provider=self._service.name,
            tool_name=chunk.tool_name,
            purpose=chunk.purpose,
            created_at=now.isoformat(),
            deadline=(now + self._place.wait).isoformat(),
            calls=tuple(chunk.calls),
            asked=tuple(chunk.asked) if self._filing is not None else (),
        )
        if len(chunk.calls) < FEWEST:
            await self._forget(record, in_doubt=False)
            return None
        await asyncio.to_thread(create_model, self._store, self._key(record), record)
        try:
            handle = await self._service.submit(record, chunk.lines)
        except UnavailableError as error:
            log.warning("nobody knows whether a batch was taken: %s", error)
            return await self._found(record)
        except (ConfigurationError, DataError) as error:
            self._say(f"no batch was sent, its {len(chunk.calls)} calls go online: {error}")
            await self._forget(record, in_doubt=False)
            return None
        self._say(f"a batch of {len(chunk.calls)} calls is under way: {handle}")
        return self._kept(record.model_copy(update={"handle": handle}))

    def _name(self, calls: Sequence[SentCall]) -> str:
        """Another for each batch, without a document's name: the service shows it."""
        said = "|".join(call.id for call in calls)
        return f"{self._place.tenant}-{self._place.bsda}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    async def _see_through(self, record: BatchRecord) -> None:
        """Wait for a batch, keep what it answered, and forget it."""
        over = await self._awaited(record, datetime.fromisoformat(record.deadline))
        if not over:
            self._say(f"the batch {record.handle} is not back by its deadline: what it lacks goes online")
            over = await self._cancelled(record)
        if not over:
            await self._forget(record, in_doubt=True)
            return
        # Of a batch that was sent while nothing went on file it is not known what was asked.
        answered, asked = 0, {call.id: one for call, one in zip(record.calls, record.asked, strict=False)}
        async for found in self._service.answers(record):
            if found.reply is not None:
                answered += 1
                reply = found.reply.model_copy(update={"purpose": record.purpose})
                await asyncio.to_thread(self._ledger.store_reply, reply)
                if self._filing is not None and found.call.id in asked:
                    await self._filing.put(reply, asked[found.call.id])
            cost = found.reply.usage.cost_microusd if found.reply else 0
            await self._purse.settle(found.call.id, cost)
            await asyncio.to_thread(self._ledger.let_go, found.call, in_doubt=False)
        await asyncio.to_thread(remove, self._store, self._key(record))
        self._say(f"the batch {record.handle} is over: {answered} of {len(record.calls)} calls were answered")

    async def _awaited(self, record: BatchRecord, until: datetime) -> bool:
        pause = FIRST_POLL_SECONDS
        while True:
            try:
                if await self._service.is_over(record.handle):
                    return True
            except UnavailableError as error:
                # An error while asking says nothing about the batch.
                log.warning("the batch %s can't be asked now: %s", record.handle, error)
            left = (until - self._clock.now()).total_seconds()
            if left <= 0:
                return False
            await self._pause(min(pause, left))
            pause = min(2 * pause, LONGEST_POLL_SECONDS)

    async def _cancelled(self, record: BatchRecord) -> bool:
        try:
            await self._service.cancel(record.handle)
        except UnavailableError as error:
            log.warning("the batch %s could not be cancelled: %s", record.handle, error)
        return await self._awaited(record, self._clock.now() + timedelta(seconds=CANCEL_SECONDS))

    async def _forget(self, record: BatchRecord, *, in_doubt: bool) -> None:
        """Give all of a batch back to be asked online."""
        for call in record.calls:
            if in_doubt:
                await self._purse.leave_in_doubt(call.id)
            else:
                await self._purse.settle(call.id, 0)
            await asyncio.to_thread(self._ledger.let_go, call, in_doubt=in_doubt)
        await asyncio.to_thread(remove, self._store, self._key(record))

    def _kept(self, record: BatchRecord) -> BatchRecord:
        overwrite(self._store, self._key(record), record.to_json())
        return record

    def _key(self, record: BatchRecord) -> str:
        return keys.batches(self._place.tenant, record.name)

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises Stopped as soon as the platform asks to stop."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped
