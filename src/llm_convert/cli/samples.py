"""``llm-convert samples``: the project's own messy documents, to try things on."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "samples"
HELP = "Write the sample documents of the demo's tenants into a folder."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", type=Path)
    parser.add_argument("--week", type=int, choices=(1, 2), default=1, help="2 adds the second week's documents")


def execute(arguments: argparse.Namespace) -> int:
    """Write them and name them."""
    from llm_convert.samples import write_samples

    for path in write_samples(arguments.folder, week=arguments.week):
        print(path)
    return 0
