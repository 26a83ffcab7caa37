"""``llm-convert report``: what became of every document of a night."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llm_convert.cli.tables import format_table

if TYPE_CHECKING:
    from llm_convert.contracts.report import ItemReport, Report
    from llm_convert.settings import Settings

NAME = "report"
HELP = "Show what became of every document of a tenant's night."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("tenant", metavar="TENANT_CODE")
    parser.add_argument("bsda", metavar="BSDA", help="8 or 14 digits")


def execute(arguments: argparse.Namespace) -> int:
    """Print the newest committed run of the night."""
    from llm_convert import wiring
    from llm_convert.contracts.bsda import parse_bsda
    from llm_convert.errors import ConfigurationError
    from llm_convert.job.job import known_nights
    from llm_convert.pipeline.results import committed_reports
    from llm_convert.settings import Settings

    settings = Settings.from_environment()
    store = wiring.open_store(settings)
    bsda = parse_bsda(arguments.bsda)
    reports = committed_reports(store, arguments.tenant, bsda)
    if not reports:
        nights = ", ".join(known_nights(store, arguments.tenant)) or "none"
        raise ConfigurationError(
            f"no committed run of tenant {arguments.tenant} for BSDA {bsda}", remedy=f"Nights with documents: {nights}."
        )
    print_report(reports[-1:], settings)
    return 0


def print_report(reports: list[Report], settings: Settings) -> None:
    """Print runs as one table, then what needs a person."""
    from llm_convert import wiring
    from llm_convert.contracts import keys
    from llm_convert.job.account import Tally
    from llm_convert.job.job import describe

    items = [item for report in reports for item in report.items]
    if items:
        print(format_items(items))
    for item in items:
        if item.counts_against_run or (item.outcome.value == "SKIPPED" and item.cause is not None):
            print(f"  {item.document}: {item.detail}")
        elif item.drift:
            print(f"  {item.document}: {item.drift}")
    store = wiring.open_store(settings)
    for report in reports:
        said = (
            describe(Tally.of(report.items), report.usage)
            if items
            else "nothing to do: no document was crawled for this BSDA"
        )
        print(f"\n{report.tenant} {report.bsda}: {said}")
        print(f"report: {store.locate(keys.report(report.tenant, report.bsda, report.run_id))}")


def format_items(items: list[ItemReport]) -> str:
    """The table that people know: document, FILE_ID, PROMPT_ID, outcome, rows, tokens, cost, seconds."""
    from llm_convert.contracts.report import format_usd

    rows = [
        [
            item.document,
            item.file_id or "-",
            item.prompt_id or "-",
            outcome_of(item),
            f"{item.rows:,}" if item.work_item else "-",
            f"{item.usage.tokens:,}",
            format_usd(item.usage.cost_microusd),
            f"{item.seconds:.2f}",
        ]
        for item in items
    ]
    header = ["document", "FILE_ID", "PROMPT_ID", "outcome", "rows", "tokens", "cost USD", "seconds"]
    return format_table(header, rows, right=(4, 5, 6, 7))


def outcome_of(item: ItemReport) -> str:
    """The outcome, its cause, the strategy, and whether it was done before."""
    said = item.outcome.value + (f" ({item.cause.value})" if item.cause is not None else "")
    if item.outcome.value == "SKIPPED" and item.cause is None:
        said += " (tidy)"
    if item.quarantined:
        said += f" ({item.quarantined} quarantined)"
    said += {"kept": ", by a kept program", "program": ", by a new program"}.get(item.strategy, "")
    said += ", drifted" if item.drift else ""
    return said + (", done before" if item.reused else "")
