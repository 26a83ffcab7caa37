"""The container's side of a run: settings and a request in, a committed report out.

Order: plan, open the message stream, convert, commit the report, close the stream. The report is the commit marker: a
run without one did not happen for its readers, though every result it stored is found by the next.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llm_convert.claims.heartbeat import Heartbeat
from llm_convert.claims.ledger import Ledger
from llm_convert.completion.models import check_models
from llm_convert.completion.recorder import Filing
from llm_convert.completion.roles import Purse
from llm_convert.contracts import keys
from llm_convert.contracts.launch import JobRequest
from llm_convert.contracts.report import ReportPart, format_usd
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Outcome
from llm_convert.conversion.settling import is_deterministic
from llm_convert.conversion.workshop import Workshop
from llm_convert.documents import ReadOptions
from llm_convert.errors import EXIT_DATA, EXIT_OK, EXIT_TRY_AGAIN, InterruptedByPlatformError
from llm_convert.job.account import Account, Tally
from llm_convert.job.batching import Batching, BatchPlace
from llm_convert.job.commit import Committed, commit
from llm_convert.job.helping import Helping
from llm_convert.job.lines import line_of
from llm_convert.job.messages import MessageWriter
from llm_convert.job.plan import Narrowing, Planned, plan, read_entries
from llm_convert.job.progress import Progress
from llm_convert.job.queue import WorkQueue
from llm_convert.job.routing import Router, kinds_of, with_choices
from llm_convert.job.runner import Runner, Stopped
from llm_convert.job.shard import shares_of
from llm_convert.job.telling import TokenTeller
from llm_convert.job.untold import untold_runs
from llm_convert.ports import BatchService, Clock, Completer, ObjectStore
from llm_convert.programs import ProgramStore, Shelf
from llm_convert.prompts import PromptLibrary
from llm_convert.settings import Settings, TaskPlace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything one task of an execution works with."""

    request: JobRequest
    run_id: str
    config: TenantConfig
    settings: Settings
    place: TaskPlace
    store: ObjectStore
    engine: Completer
    purse: Purse
    """The engine's own: batches are paid from the same budgets."""
    batches: BatchService | None
    """Of the engine's first provider; None where it has none."""
    filing: Filing | None
    """Where replies go on file; None where they do not. The engine knows by itself."""
    prompts: PromptLibrary
    clock: Clock
    execution: str
    owner: str
    """This process among all that claim and share: ``run id/task/attempt/execution``."""

    async def run(self, stop: asyncio.Event) -> tuple[Committed | None, int]:
        """Do this task's share of the work.

        Returns:
            The committed run, or None while other tasks still work, and the exit code.

        Raises:
            InterruptedByPlatformError: ``stop`` was set before all items had an outcome.
            LlmConvertError: the configuration, or the store, is at fault.
        """
        started = self.clock.now()
        self._check_models()
        workshop = self._workshop()
        planned, routing = await self._plan(workshop)
        shares, account = shares_of(planned, self.place.count), Account()
        items = sum(planned[position].is_work for position in shares[self.place.index])
        with MessageWriter(
            self.store, self.request.tenant, self.request.bsda, self.run_id, task=self.place, clock=self.clock
        ) as messages:
            messages.opened(
                tenant=self.request.tenant,
                bsda=self.request.bsda,
                provider=self.engine.name,
                execution=self.execution,
                items=items,
            )
            self._say_what_is_there(messages, planned)
            try:
                await self._convert(planned, shares, account, workshop, messages, stop)
            except Stopped:
                messages.closed(exit_code=EXIT_TRY_AGAIN, reason="the platform asked the job to stop", items=0)
                raise InterruptedByPlatformError(
                    "the platform asked the job to stop (SIGTERM)",
                    remedy="Run it again; only what is not done is repeated.",
                ) from None
            finally:
                await workshop.heartbeat.close()
                await asyncio.to_thread(workshop.programs.settle)
            committed = self._commit(started, len(planned), account, routing)
            code = EXIT_OK if committed is None else exit_code_for(committed)
            messages.closed(exit_code=code, reason="" if committed is None else _reason(committed, code), items=items)
        return committed, code

    async def _plan(self, workshop: Workshop) -> tuple[list[Planned], Usage]:
        """What is to be done, and what it cost to know that."""
        narrowing = Narrowing.of(
            self.config, self.prompts, file_id=self.request.file_id, prompt_id=self.request.prompt_id
        )
        tenant, bsda = self.request.tenant, self.request.bsda
        entries, usage = read_entries(self.store, tenant, bsda), Usage()
        if self.settings.router == "on" and not is_deterministic(self.engine.name):
            file_ids = narrowing.file_ids or self.config.file_ids
            router = Router(workshop, tenant, kinds_of(self.prompts, file_ids, narrowing.prompt_ids))
            routing, usage = await router.routed((entry.file for entry in entries if entry.file_id is None), bsda)
            entries = with_choices(read_entries(self.store, tenant, bsda), routing)
        return plan(tenant, entries, self.prompts, narrowing, self.engine, reading=self._reading_identity), usage

    @property
    def _reading_identity(self) -> str:
        return "hidden" if self.config.include_hidden_sheets else "visible"

    def _check_models(self) -> None:
        """A model whose life is over is refused before the first call, with its successor."""
        for warning in check_models(self.settings, self.clock.now().date()):
            log.warning(warning)

    def _say_what_is_there(self, messages: MessageWriter, planned: list[Planned]) -> None:
        if self.place.index:
            return
        if not planned:
            nights = known_nights(self.store, self.request.tenant)
            hint = f"; documents were crawled for: {', '.join(nights[-5:])}" if nights else ""
            messages.log("warning", f"nothing to do: no document was crawled for BSDA {self.request.bsda}{hint}")
        elif not any(entry.is_work for entry in planned):
            none = f"none of {len(planned)} documents is for a prompt"
            messages.log("warning", f"nothing to convert: {none}; the report says why")

    async def _convert(
        self,
        planned: list[Planned],
        shares: list[list[int]],
        account: Account,
        workshop: Workshop,
        messages: MessageWriter,
        stop: asyncio.Event,
    ) -> None:
        """Put on account the lines that this task knows: its own share's, and of others' what it took over or saw."""
        mine = shares[self.place.index]
        for position in mine:
            if (skipped := planned[position].skipped) is not None:
                account.put(position, skipped.to_json())
        work = [position for position in mine if planned[position].is_work]
        progress = Progress(len(work))
        if self.settings.stream_tokens:
            workshop = replace(workshop, listener=TokenTeller(messages))
        await self._batch([planned[position] for position in work], workshop, messages, stop)
        runner = Runner(
            planned,
            WorkQueue(
                work,
                own_wait_seconds=self.settings.job_timeout_seconds,
                foreign_wait_seconds=self.settings.lease_seconds + 1,
            ),
            workshop,
            concurrency=self.settings.concurrency,
            more=Helping(
                self.store,
                self.request,
                self.run_id,
                self.place,
                shares=shares,
                is_work=lambda position: planned[position].is_work,
            ).next_share,
            stop=stop,
        )
        async for ended in runner.run():
            line = line_of(planned[ended.position], ended.done.ending, self.run_id, untold=workshop.untold)
            account.put(ended.position, line.to_json())
            if ended.own:
                progress.add(line)
                messages.item(line)
                if progress.take_turn():
                    messages.progress(
                        done=progress.done,
                        total=progress.total,
                        rows=progress.rows,
                        usage=progress.usage,
                        seconds_left=progress.seconds_left,
                    )

    async def _batch(
        self, work: list[Planned], workshop: Workshop, messages: MessageWriter, stop: asyncio.Event
    ) -> None:
        """What can be had at half the price; what it leaves is asked online."""
        if self.batches is None:
            return
        place = BatchPlace(
            tenant=self.request.tenant,
            bsda=self.request.bsda,
            run_id=self.run_id,
            owner=self.owner,
            # Half of the job's time is left for what does not come back.
            wait=timedelta(seconds=min(self.settings.batch_wait_seconds, self.settings.job_timeout_seconds / 2)),
        )
        batching = Batching(
            self.batches,
            workshop,
            self.purse,
            place=place,
            store=self.store,
            filing=self.filing,
            clock=self.clock,
            say=lambda text: messages.log("info", text),
            stop=stop,
        )
        items = [(item, entry.prompt) for entry in work if (item := entry.item) and entry.prompt]
        await batching.run(items, send=self.settings.batch == "on")

    def _workshop(self) -> Workshop:
        lease = self.settings.lease_seconds
        return Workshop(
            store=self.store,
            ledger=Ledger(
                self.store,
                self.request.tenant,
                owner=self.owner,
                run_id=self.run_id,
                lease_seconds=lease,
                clock=self.clock,
            ),
            heartbeat=Heartbeat(lease),
            engine=self.engine,
            reading=ReadOptions(
                include_hidden_sheets=self.config.include_hidden_sheets, max_bytes=self.settings.max_document_bytes
            ),
            run_id=self.run_id,
            bsda=self.request.bsda,
            max_output_tokens=self.settings.max_output_tokens,
            strategies=self.settings.strategies,
            programs=Shelf(ProgramStore(self.store, self.request.tenant)),
            repairs=self.settings.repairs,
            tier_up=self.settings.tier_up,
            force=self.request.force,
            untold=untold_runs(self.store, self.request.tenant, self.request.bsda, self.run_id),
            clock=self.clock,
        )

    def _commit(self, started: datetime, positions: int, account: Account, routing: Usage) -> Committed | None:
        part = ReportPart(
            task=self.place.index,
            tasks=self.place.count,
            positions=positions,
            started_at=started.isoformat(timespec="milliseconds"),
            finished_at=self.clock.now().isoformat(timespec="milliseconds"),
            routing=routing,
        )
        try:
            return commit(
                self.store,
                self.request,
                self.run_id,
                part,
                account,
                provider=self.engine.name,
                max_failed_fraction=self.config.max_failed_fraction,
            )
        finally:
            account.close()


def known_nights(store: ObjectStore, tenant: str) -> list[str]:
    """The BSDAs for which documents were crawled, oldest first."""
    prefix = f"{keys.runs(tenant)}/"
    return sorted({info.key.removeprefix(prefix).partition("/")[0] for info in store.list(prefix)})


def exit_code_for(committed: Committed) -> int:
    """0, unless more work items failed than the tenant allows.

    Then 75 when at least half of those failures may go away by themselves, else 65.
    """
    tally = committed.tally
    if tally.failed_fraction <= committed.max_failed_fraction:
        return EXIT_OK
    return EXIT_TRY_AGAIN if tally.passing * 2 >= tally.failed else EXIT_DATA


def _reason(committed: Committed, code: int) -> str:
    if code == EXIT_OK:
        return ""
    tally = committed.tally
    return (
        f"{tally.outcomes.get(Outcome.FAILED, 0)} work items failed, {tally.failed_fraction:.0%}; "
        f"max_failed_fraction allows {committed.max_failed_fraction:.0%}"
    )


def describe(tally: Tally, usage: Usage) -> str:
    """One line for a log."""
    counts = ", ".join(f"{tally.outcomes.get(outcome, 0)} {outcome.value.lower()}" for outcome in Outcome)
    rate = usage.cache_hit_rate
    cached = "" if rate is None else f"; {rate:.0%} of the prompts' tokens from the cache"
    most = format_usd(tally.in_doubt_microusd)
    doubt = f"; {tally.in_doubt_calls} calls in doubt, {most} USD at most" if tally.in_doubt_calls else ""
    strategies = ", ".join(f"{count} by {name}" for name, count in sorted(tally.strategies.items()))
    by = f"; {strategies}" if strategies else ""
    drifted = f"; {tally.drifted} drifted from a kept program's layout" if tally.drifted else ""
    return (
        f"{counts}; {tally.reused} done before; {tally.rows} rows, {tally.quarantined} quarantined{by}{drifted}; "
        f"{usage.calls} calls, {format_usd(usage.cost_microusd)} USD{cached}{doubt}"
    )
