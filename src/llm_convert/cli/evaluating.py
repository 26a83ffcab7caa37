"""Golden cases under one provider: each converted on the path of a nightly run, in a store of its own, and scored."""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_convert import wiring
from llm_convert.cli.conversions import BSDA, bytes_of, item_of, open_workshop
from llm_convert.cli.program_runs import try_program
from llm_convert.completion.roles import Purse
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.tenant import TenantConfig
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import TRY_AGAIN, Cause, Failure, QuarantinedRow, Reply, Result
from llm_convert.conversion.convert import Done, convert
from llm_convert.conversion.workshop import Workshop
from llm_convert.errors import ConfigurationError
from llm_convert.evaluation import Answered, Case, CaseScore, expected_rows, score_rows
from llm_convert.ports import Completer
from llm_convert.programs import PERSON, Provenance, keep
from llm_convert.samples.catalogue import sample_of
from llm_convert.samples.weeks import WEEKS
from llm_convert.settings import Settings

REPLAYED = "recorded:"
NOT_SCORED = TRY_AGAIN - {Cause.DEFECT}
"""Causes that say nothing about the prompt. A defect is no excuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A case after its conversion."""

    case: Case
    prompt: Prompt
    provider: str
    done: Done
    replies: tuple[Reply, ...]


def replay_of(provider: str) -> str:
    """The chain that answers from file in the place of another one; rules stay as they are."""
    names = [name.strip() for name in provider.split(",")]
    offline = [name if name.partition(":")[0] in {"rules", "recorded"} else REPLAYED + name for name in names]
    return ",".join(offline)


def convert_cases(
    cases: Sequence[tuple[Case, Prompt]], settings: Settings, providers: Sequence[str]
) -> list[Converted]:
    """Convert each case under each provider; nothing is left on the disk but recordings and what budgets write down.

    Raises:
        ConfigurationError: a provider, a document or a case's program is not as it must be.
    """
    # One run, whichever providers it asks: its budget is one.
    launch_key = f"eval-{uuid.uuid4().hex[:12]}"
    return [one for provider in providers for one in _under(provider, cases, settings, _purse(settings, launch_key))]


def _under(
    provider: str, cases: Sequence[tuple[Case, Prompt]], settings: Settings, purse: Purse | None
) -> list[Converted]:
    with tempfile.TemporaryDirectory(prefix="llm-convert-eval-") as home:
        # A store of its own: what an earlier run left would be taken for today's answer.
        chosen = settings.model_copy(update={"provider": provider, "home": Path(home), "store": "", "batch": "off"})
        return asyncio.run(_convert_all(cases, chosen, purse))


def _purse(settings: Settings, launch_key: str) -> Purse | None:
    """The budgets of the real store: what an evaluation pays counts like any other call."""
    if settings.budget_run_usd is settings.budget_tenant_usd is settings.budget_month_usd is None:
        # Offline the real store may be out of reach.
        return None
    sources = {"files": {"id": "files", "url": "files"}}
    config = TenantConfig.model_validate({"customer_code": "eval", "sources": sources})
    return wiring.open_purse(settings, wiring.open_store(settings), config, bsda=BSDA, launch_key=launch_key)


async def _convert_all(
    cases: Sequence[tuple[Case, Prompt]], settings: Settings, purse: Purse | None
) -> list[Converted]:
    engine = wiring.open_engine(settings, os.environ, purse=purse)
    room = asyncio.Semaphore(settings.concurrency)

    async def one(number: int, case: Case, prompt: Prompt) -> Converted:
        async with room:
            return await _convert(case, prompt, settings, engine, tenant=f"case-{number}")

    try:
        return await asyncio.gather(*(one(number, case, prompt) for number, (case, prompt) in enumerate(cases)))
    finally:
        await engine.close()


async def _convert(case: Case, prompt: Prompt, settings: Settings, engine: Completer, *, tenant: str) -> Converted:
    """Each case is a tenant of its own: a program that one has written must not convert another."""
    hidden = case.about.hidden_sheets
    store = wiring.open_store(settings)
    workshop = open_workshop(settings, store, engine, tenant=tenant, hidden_sheets=hidden)
    path = await asyncio.to_thread(_document, case, settings.home / tenant)
    if case.program is not None:
        await asyncio.to_thread(_keep, case.program, case, prompt, path, workshop)
    item = item_of(path.name, bytes_of(path), prompt, workshop, tenant=tenant)
    try:
        done = await convert(item, prompt, workshop)
    finally:
        await workshop.heartbeat.close()
    replies = tuple(workshop.ledger.replies(item.id))
    return Converted(case=case, prompt=prompt, provider=settings.provider, done=done, replies=replies)


def _document(case: Case, folder: Path) -> Path:
    """The case's document as a file; a sample is made now."""
    if case.document is not None:
        return case.document
    assert case.about.sample is not None
    sample, week = sample_of(case.about.sample.file_id), WEEKS[case.about.sample.week]
    folder.mkdir(parents=True)
    path = folder / sample.file_name(week)
    path.write_bytes(sample.make(week))
    return path


def _keep(program: Path, case: Case, prompt: Prompt, document: Path, workshop: Workshop) -> None:
    tried = try_program(bytes_of(program).decode("utf-8", "replace"), prompt, document)
    if tried.run is None or not tried.good:
        raise ConfigurationError(
            f"the program of the case {case.label} does not give proven rows alone",
            remedy=f"Run: llm-convert programs try DOCUMENT --prompt {prompt.prompt_id} --program {program}",
        )
    now = workshop.clock.now().isoformat(timespec="seconds")
    provenance = Provenance(written_by=PERSON, at=now, document_sha256=tried.document.sha256)
    workshop.programs.put_beside(keep(tried.run, prompt, provenance))


def score_of(converted: Converted) -> CaseScore:
    """How far a case's rows are the expected ones."""
    case, prompt, done, replies = converted.case, converted.prompt, converted.done, converted.replies
    expected, digest = expected_rows(case, prompt)
    ending = done.ending
    failed = ending if isinstance(ending, Failure) else None
    score, differences = score_rows(expected, ending.rows if isinstance(ending, Result) else (), prompt)
    scored = failed is None or failed.cause not in NOT_SCORED
    originals = [reply.original for reply in replies if reply.original]
    return CaseScore(
        prompt_id=prompt.prompt_id,
        prompt_digest=prompt.digest,
        case=case.name,
        provider=converted.provider.replace(REPLAYED, ""),
        replayed=bool(originals) or converted.provider.startswith(REPLAYED),
        expected_digest=digest,
        checked=case.checked,
        outcome=ending.outcome,
        cause=failed.cause if failed else None,
        detail=failed.detail if failed else "",
        strategy=ending.strategy if isinstance(ending, Result) else "",
        score=score if scored else None,
        quarantined=tuple(map(_why, ending.quarantined)),
        usage=sum((_as_made(reply) for reply in replies), Usage()),
        paid_microusd=done.usage.cost_microusd,
        seconds=round(done.seconds + sum(original.seconds for original in originals), 3),
        answered=tuple(map(_answered, replies)),
        differences=differences if scored else (),
    )


def _why(bad: QuarantinedRow) -> str:
    places = dict.fromkeys(address for at in bad.row.at.values() for address in at)
    return f"{' '.join(places)}: {'; '.join(bad.reasons)}"


def _as_made(reply: Reply) -> Usage:
    """What a call used and cost when it was made."""
    if reply.original is None:
        return reply.usage
    return reply.usage.model_copy(update={"cost_microusd": reply.original.cost_microusd})


def _answered(reply: Reply) -> Answered:
    if reply.original is not None:
        return Answered(provider=reply.original.provider, model=reply.original.model, at=reply.original.at)
    return Answered(provider=reply.provider, model=reply.model, at=reply.attempts[-1].at if reply.attempts else "")
