"""``llm-convert prompts check``: whether every prompt of a folder can be used."""

from __future__ import annotations

import argparse
from pathlib import Path

from llm_convert.cli.tables import format_table

NAME = "prompts"
HELP = "Check prompts, and show their digests."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="read every prompt; exit 78 when one is wrong")
    check.add_argument("folder", type=Path, nargs="?", help="by default LLM_CONVERT_PROMPTS, else jobs/prompts")


def execute(arguments: argparse.Namespace) -> int:
    """Print each good prompt, then each fault."""
    from llm_convert.contracts.prompt import Prompt
    from llm_convert.errors import EXIT_CONFIGURATION, EXIT_OK, ConfigurationError
    from llm_convert.prompts import check_prompts
    from llm_convert.settings import Settings

    folder = arguments.folder or Settings.from_environment().prompts_folder
    if folder is None:
        raise ConfigurationError("no folder of prompts", remedy="Name one, or set LLM_CONVERT_PROMPTS.")
    found = list(check_prompts(folder))
    good = [prompt for _, prompt in found if isinstance(prompt, Prompt)]
    faults = [fault for _, fault in found if isinstance(fault, ConfigurationError)]
    if good:
        print(
            format_table(
                ["PROMPT_ID", "serves", "table", "layout", "tier", "digest"], [_row(prompt) for prompt in good]
            )
        )
    for fault in faults:
        print(f"wrong: {fault}")
    print(f"{len(good)} prompts are good, {len(faults)} wrong in {folder}")
    return EXIT_CONFIGURATION if faults else EXIT_OK


def _row(prompt: object) -> list[str]:
    from llm_convert.contracts.prompt import Prompt

    assert isinstance(prompt, Prompt)
    optional = " (optional)" if prompt.optional else ""
    output = prompt.output
    return [
        prompt.prompt_id + optional,
        ", ".join(prompt.file_ids),
        output.table,
        output.layout.value,
        prompt.tier.value,
        prompt.digest,
    ]
