"""``llm-convert``: picks the verb. Imports nothing heavy, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Protocol

from llm_convert import __version__
from llm_convert.cli import (
    convert_file,
    demo,
    doctor,
    emulators,
    estimate,
    evaluate,
    programs,
    prompts,
    questions,
    report,
    run,
    samples,
    work,
)
from llm_convert.errors import LlmConvertError, exit_code_of


class Verb(Protocol):
    """What a verb's module offers."""

    NAME: str
    HELP: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments."""

    def execute(self, arguments: argparse.Namespace) -> int:
        """Do it; the process's exit code."""


VERBS: tuple[Verb, ...] = (
    demo,
    run,
    convert_file,
    prompts,
    evaluate,
    programs,
    estimate,
    report,
    questions,
    work,
    samples,
    emulators,
    doctor,
)


def build_parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="llm-convert", description="Turn messy documents into proven table rows, with a model, every night."
    )
    parser.add_argument("--version", action="version", version=f"llm-convert {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        sub = verbs.add_parser(
            verb.NAME, help=verb.HELP, description=verb.HELP, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        verb.configure(sub)
        sub.set_defaults(execute=verb.execute)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; errors of ours end in one line on standard error and their exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.execute(arguments))
    except LlmConvertError as error:
        print(f"llm-convert: {error}", file=sys.stderr)
        return exit_code_of(error)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
