"""``llm-convert estimate``: what a run would cost, before its first call."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from llm_convert.cli.tables import format_table

if TYPE_CHECKING:
    from llm_convert.job.estimate import Estimate

NAME = "estimate"
HELP = "Price a run before its first call: online, with the prompt cache, as a batch, and at its worst."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("tenant", metavar="TENANT_CODE")
    parser.add_argument("bsda", metavar="BSDA", help="8 or 14 digits")
    parser.add_argument("--file-id", help="only this kind of document")
    parser.add_argument("--prompt-id", help="only this prompt")
    parser.add_argument("--force", action="store_true", help="as if nothing were done: what paying again costs")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Print the price; 0, also when a budget would not bear it: the run itself stops at a budget."""
    from llm_convert.job.pricing import price_run
    from llm_convert.settings import Settings

    settings = Settings.from_environment()
    priced, warnings = price_run(
        settings,
        os.environ,
        tenant=arguments.tenant,
        bsda=arguments.bsda,
        file_id=arguments.file_id,
        prompt_id=arguments.prompt_id,
        force=arguments.force,
    )
    print(_as_json(priced, warnings) if arguments.json else _as_text(priced, warnings))
    return 0


def _as_text(priced: Estimate, warnings: list[str]) -> str:
    from llm_convert.contracts.report import format_usd

    header = [
        "prompt",
        "model",
        "calls",
        "tokens in",
        "tokens out",
        "online USD",
        "cached USD",
        "batch USD",
        "at most USD",
    ]
    rows = [
        [
            prompt.prompt_id,
            prompt.model or "-",
            f"{prompt.calls:,}",
            f"{prompt.input_tokens:,}",
            f"{prompt.output_tokens:,}",
            *(
                format_usd(cost)
                for cost in (prompt.costs.online, prompt.costs.cached, prompt.costs.batch, prompt.costs.worst)
            ),
        ]
        for prompt in priced.prompts
    ]
    costs = priced.costs
    total = (
        f"{priced.calls} calls: about {format_usd(costs.online)} USD online, {format_usd(costs.cached)} with the "
        f"prompt cache, {format_usd(costs.batch)} as a batch; at most {format_usd(costs.worst)}"
    )
    said = [format_table(header, rows)] if rows else []
    said.append(total)
    if priced.done:
        said.append(f"{priced.done} work items are done and cost nothing again")
    if priced.free:
        said.append(f"{priced.free} work items need no call of their own: a program or rules convert them")
    if priced.unreadable:
        said.append(f"{priced.unreadable} documents can't be read: they fail without a call")
    return "\n".join([*said, *warnings])


def _as_json(priced: Estimate, warnings: list[str]) -> str:
    costs = priced.costs
    return json.dumps(
        {
            "calls": priced.calls,
            "done": priced.done,
            "free": priced.free,
            "unreadable": priced.unreadable,
            "microusd": {"online": costs.online, "cached": costs.cached, "batch": costs.batch, "worst": costs.worst},
            "prompts": [
                {
                    "prompt_id": prompt.prompt_id,
                    "model": prompt.model,
                    "calls": prompt.calls,
                    "input_tokens": prompt.input_tokens,
                    "output_tokens": prompt.output_tokens,
                }
                for prompt in priced.prompts
            ],
            "warnings": warnings,
        },
        ensure_ascii=False,
    )
