"""``llm-convert run``: the job alone, as the container runs it, with the same environment variables."""

from __future__ import annotations

import argparse
import os
import sys

NAME = "run"
HELP = """\
Run the job for one tenant and night, as its container does.

Environment: TENANT_CODE and BSDA; FILE_ID and PROMPT_ID narrow it; LLM_CONVERT_* for the rest.
Options stand in for the variables of the same name."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--tenant-code", metavar="CODE", help="instead of TENANT_CODE")
    parser.add_argument("--bsda", metavar="DIGITS", help="instead of BSDA: 8 or 14 digits")
    parser.add_argument("--file-id", metavar="FILE_ID", help="only this kind of document")
    parser.add_argument("--prompt-id", metavar="PROMPT_ID", help="only this prompt")
    parser.add_argument("--force", action="store_true", help="convert, and pay, again what is already done")


def execute(arguments: argparse.Namespace) -> int:
    """Run the job in this process and show its report."""
    from llm_convert import wiring
    from llm_convert.cli.report import print_report
    from llm_convert.job.log import log_to_stdout
    from llm_convert.job.main import run_job
    from llm_convert.settings import Settings

    environ = dict(os.environ)
    for option in ("tenant_code", "bsda", "file_id", "prompt_id"):
        if getattr(arguments, option):
            environ[option.upper()] = getattr(arguments, option)
    if arguments.force:
        environ["LLM_CONVERT_FORCE"] = "true"
    settings = Settings.from_environment(environ)
    if not sys.stdout.isatty():
        log_to_stdout(settings.log_level)
    committed, code = run_job(environ, settings)
    if committed is not None:
        print_report([committed.read(wiring.open_store(settings))], settings)
    return code
