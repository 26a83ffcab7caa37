"""``llm-convert try``: convert one file a person has, with where each value came from."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from llm_convert.cli.tables import clip, format_table

if TYPE_CHECKING:
    from llm_convert.contracts.prompt import Prompt
    from llm_convert.contracts.work import QuarantinedRow, Result, Row, WorkItem
    from llm_convert.conversion.convert import Done
    from llm_convert.conversion.workshop import Workshop
    from llm_convert.settings import Settings

NAME = "try"
HELP = """\
Convert one file under one prompt and print its rows, each with where it came from.

With a paid provider the same file and prompt cost nothing the second time; --force pays again."""

SHOWN = 20
TENANT = "try"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--prompt", metavar="PROMPT_ID", default="any_table", help="default: any_table, which finds every table"
    )
    parser.add_argument("--limit", type=int, default=SHOWN, help=f"rows to print, default {SHOWN}; 0: all")
    parser.add_argument("--json", action="store_true", help="print all rows as JSON lines, with their addresses")
    parser.add_argument("--hidden-sheets", action="store_true", help="read hidden sheets too")
    parser.add_argument("--force", action="store_true", help="convert, and pay, again")


def execute(arguments: argparse.Namespace) -> int:
    """Convert the file on the same path as a nightly run."""
    from llm_convert import wiring
    from llm_convert.contracts.work import Result
    from llm_convert.errors import EXIT_DATA, EXIT_OK
    from llm_convert.settings import Settings

    settings = Settings.from_environment()
    prompt = wiring.open_prompts(settings).get(arguments.prompt)
    done = asyncio.run(_convert(arguments, prompt, settings))
    if isinstance(done.ending, Result):
        _print_result(arguments, prompt, done, done.ending)
        return EXIT_OK
    print(f"{arguments.file.name}: {done.ending.outcome.value}, {done.ending.said}")
    return EXIT_DATA


async def _convert(arguments: argparse.Namespace, prompt: Prompt, settings: Settings) -> Done:
    from llm_convert import wiring
    from llm_convert.claims.heartbeat import Heartbeat
    from llm_convert.claims.ledger import Ledger
    from llm_convert.conversion import convert as conversion
    from llm_convert.conversion.workshop import Workshop
    from llm_convert.documents import ReadOptions
    from llm_convert.programs import ProgramStore

    store, clock, engine = (
        wiring.open_store(settings),
        wiring.open_clock(),
        wiring.open_engine(settings, os.environ),
    )
    run_id, owner = "try-01", f"try-{os.getpid()}"
    workshop = Workshop(
        store=store,
        ledger=Ledger(store, TENANT, owner=owner, run_id=run_id, lease_seconds=settings.lease_seconds, clock=clock),
        heartbeat=Heartbeat(settings.lease_seconds),
        engine=engine,
        reading=ReadOptions(include_hidden_sheets=arguments.hidden_sheets, max_bytes=settings.max_document_bytes),
        run_id=run_id,
        bsda="00010101000000",
        max_output_tokens=settings.max_output_tokens,
        strategies=settings.strategies,
        programs=ProgramStore(store, TENANT),
        repairs=settings.repairs,
        tier_up=settings.tier_up,
        # What rules find is free and changes with their code: it is never taken from an earlier try.
        force=arguments.force or engine.name == "rules",
    )
    try:
        return await conversion.convert(_item(arguments, prompt, workshop), prompt, workshop)
    finally:
        await workshop.heartbeat.close()
        await engine.close()


def _item(arguments: argparse.Namespace, prompt: Prompt, workshop: Workshop) -> WorkItem:
    from llm_convert.contracts import keys, work
    from llm_convert.conversion.convert import CODE_VERSION
    from llm_convert.errors import ConfigurationError
    from llm_convert.objects import overwrite

    try:
        data = arguments.file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{arguments.file} can't be read: {error.strerror}", remedy="Check the path."
        ) from None
    sha256 = hashlib.sha256(data).hexdigest()
    key = keys.landing(TENANT, "files", "try", sha256)
    overwrite(workshop.store, key, data)
    identity = work.work_item_id(
        tenant=TENANT,
        document_sha256=sha256,
        prompt_digest=prompt.digest,
        provider=workshop.engine.name,
        model=workshop.engine.model(prompt.tier),
        reading="hidden" if arguments.hidden_sheets else "visible",
        code_version=CODE_VERSION,
    )
    return work.WorkItem(
        id=identity,
        tenant=TENANT,
        file_id="TRY",
        prompt_id=prompt.prompt_id,
        document_key=key,
        document_name=arguments.file.name,
        document_sha256=sha256,
        size_bytes=len(data),
    )


def _print_result(arguments: argparse.Namespace, prompt: Prompt, done: Done, result: Result) -> None:
    from llm_convert.contracts.report import format_usd

    if arguments.json:
        for row in result.rows:
            print(json.dumps(row.model_dump(mode="json"), ensure_ascii=False))
        return
    said = " (deterministic rules, not a language model)" if result.provider == "rules" else ""
    print(
        f"{arguments.file.name}: {len(result.rows):,} rows of {result.table}, {len(result.quarantined)} quarantined; "
        f"{result.model}{said}; {done.usage.calls} calls, {format_usd(done.usage.cost_microusd)} USD, "
        f"{done.seconds:.2f} s\n"
    )
    shown = result.rows if arguments.limit == 0 else result.rows[: arguments.limit]
    names = [field.name for field in prompt.output.fields]
    print(format_table([*names, "where"], [[*_values(row, names), _where(row, names)] for row in shown], limit=48))
    if len(shown) < len(result.rows):
        print(f"… {len(result.rows) - len(shown):,} more rows; --limit 0 prints them all, --json with every address")
    _print_quarantine(result.quarantined)
    for note in result.notes:
        print(f"note: {note}")


def _values(row: Row, names: list[str]) -> list[str]:
    return ["" if row.values.get(name) is None else str(row.values[name]) for name in names]


def _where(row: Row, names: list[str]) -> str:
    """The addresses of the row's fields in order; a part's name is said once."""
    found, last = [], ""
    for address in dict.fromkeys(address for name in names for address in row.at.get(name, ())):
        part, _, reference = address.rpartition("!")
        found.append(reference if part == last else address)
        last = part
    return " ".join(found)


def _print_quarantine(quarantined: tuple[QuarantinedRow, ...]) -> None:
    for bad in quarantined[:5]:
        print(f"quarantined: {clip('; '.join(bad.reasons), 150)}")
    if len(quarantined) > 5:
        print(f"… {len(quarantined) - 5} more quarantined")
