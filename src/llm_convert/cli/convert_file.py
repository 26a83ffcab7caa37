"""``llm-convert try``: convert one file a person has, with where each value came from."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from llm_convert.cli.tables import clip, format_table

if TYPE_CHECKING:
    from llm_convert.contracts.prompt import Prompt
    from llm_convert.contracts.work import QuarantinedRow, Result, Row
    from llm_convert.conversion.convert import Done
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
    from llm_convert.cli.conversions import bytes_of, item_of, open_workshop
    from llm_convert.conversion import convert as conversion

    engine = wiring.open_engine(settings, os.environ)
    workshop = open_workshop(
        settings,
        wiring.open_store(settings),
        engine,
        tenant=TENANT,
        hidden_sheets=arguments.hidden_sheets,
        # What is free, and changes with the code or with files, is never taken from an earlier try.
        force=arguments.force or engine.name.partition(":")[0] in {"rules", "recorded"},
    )
    try:
        item = item_of(arguments.file.name, bytes_of(arguments.file), prompt, workshop, tenant=TENANT)
        return await conversion.convert(item, prompt, workshop)
    finally:
        await workshop.heartbeat.close()
        await engine.close()


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
