"""``llm-convert questions``: what a tenant's documents leave open, for a person to settle."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from llm_convert.cli.tables import clip

NAME = "questions"
HELP = """\
List the questions that a tenant's documents leave open, from the newest nights.

One is settled in the prompt's instructions; the document is then asked again, and its question is gone from here."""

NIGHTS = 30
NAME_WIDTH = 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("tenant", metavar="TENANT_CODE")
    parser.add_argument("--nights", type=int, default=NIGHTS, help=f"how many nights to look back, default {NIGHTS}")
    parser.add_argument("--json", action="store_true", help="one JSON object a question")


def execute(arguments: argparse.Namespace) -> int:
    """Print them."""
    from llm_convert import wiring
    from llm_convert.job.job import known_nights
    from llm_convert.pipeline.questions import open_questions
    from llm_convert.settings import Settings

    store = wiring.open_store(Settings.from_environment())
    nights = known_nights(store, arguments.tenant)[-max(1, arguments.nights) :]
    found = open_questions(store, arguments.tenant, nights)
    if arguments.json:
        for question in found:
            print(json.dumps(asdict(question), ensure_ascii=False))
        return 0
    for question in found:
        print(f"{question.bsda}  {clip(question.document, NAME_WIDTH)}, {question.prompt_id}")
        print(f"  {' '.join(question.question.split())}")
    print(f"{len(found)} open in {len(nights)} {'night' if len(nights) == 1 else 'nights'}")
    return 0
