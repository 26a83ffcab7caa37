"""``llm-convert demo``: both sample tenants' DAGs, run by real Airflow, from crawler to landed table."""

from __future__ import annotations

import argparse
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_convert.cli.demo_airflow import DagRun
    from llm_convert.contracts.report import Report
    from llm_convert.settings import Settings

NAME = "demo"
HELP = "Run both sample tenants' DAGs with real Airflow, from crawler to landed tables. Needs no cloud and no key."

NIGHTS = {1: "20251107140000", 2: "20251114140000"}
"""The BSDA of each week's documents."""
RECORDED = {
    "LLM_CONVERT_PROVIDER": "recorded:internal",
    "LLM_CONVERT_RECORDINGS": "jobs/recordings",
    "INTERNAL_LLM_MODEL": "claude-by-hand",
}
"""Where a model's replies to the sample documents are on file."""
DAGS = {"c8cd3500": "c8cd3500-20240517-1", "cf526000": "cf526000-20250926-1"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--week", type=int, choices=(1, 2), default=1, help="2: the second night, with the second week's documents"
    )
    parser.add_argument(
        "--recorded",
        action="store_true",
        help="with a model's replies from jobs/recordings in place of the rules: it writes a program for each layout,"
        " which converts the second week without a call",
    )
    parser.add_argument("--dags", type=Path, default=Path("dags"), help="the folder of the tenants' DAG files")


def execute(arguments: argparse.Namespace) -> int:
    """Make the documents, run the DAGs, show what became of them."""
    from llm_convert import wiring
    from llm_convert.cli.demo_airflow import AirflowHome
    from llm_convert.samples import write_samples
    from llm_convert.settings import Settings

    if arguments.recorded:
        os.environ.update(RECORDED)
    settings = Settings.from_environment()
    bsda = NIGHTS[arguments.week]
    files = write_samples(settings.home / "drive", week=arguments.week)
    print(f"documents   {len(files)} samples of week {arguments.week} in {_near(settings.home / 'drive')}")
    print(f"provider    {_provider(settings)}")
    airflow = AirflowHome(settings, arguments.dags)
    print(f"airflow     {airflow.version()}, its home is {_near(airflow.folder)}")
    airflow.prepare()
    before = _landed(settings)
    runs = [airflow.run(dag_id, tenant, bsda) for tenant, dag_id in DAGS.items()]
    reports = [report for run in runs for report in run.reports]
    _show_items(reports)
    _show_runs(runs)
    _show_repetition(reports, before, _landed(settings))
    _show_tables(settings)
    _show_places(settings, wiring.open_store(settings).url, bsda)
    return 0 if all(run.ended_as_expected for run in runs) else 1


def _provider(settings: Settings) -> str:
    if settings.provider == "rules":
        return "rules: deterministic, not a language model; it needs no key and costs nothing"
    if settings.recordings is not None and not settings.record:
        return f"{settings.provider}: replies on file in {_near(settings.recordings)}; they cost nothing again"
    return settings.provider


def _near(path: Path) -> str:
    """The path from here where it is below here."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def _show_items(reports: list[Report]) -> None:
    from llm_convert.cli.report import format_items

    print()
    print(format_items([item for report in reports for item in report.items]))


def _show_runs(runs: list[DagRun]) -> None:
    for run in runs:
        print(f"\n{run.dag_id}: {run.state}; tasks: {run.tasks_said}")
        for item in (item for report in run.reports for item in report.items if item.counts_against_run):
            print(f"  needs a person: {item.document}: {item.detail}")


def _show_repetition(reports: list[Report], before: dict[str, str], after: dict[str, str]) -> None:
    """What a second run did not do again."""
    from llm_convert.contracts.report import format_usd

    items = [item for report in reports for item in report.items if item.work_item]
    reused = sum(item.reused for item in items)
    calls = sum(report.usage.calls for report in reports)
    cost = format_usd(sum(report.usage.cost_microusd for report in reports))
    changed = sorted(name for name, said in after.items() if before.get(name) != said)
    again = f"{reused} of {len(items)} work items were done by an earlier run and not done again"
    print(f"\n{again if reused else f'{len(items)} work items done'}; {calls} calls, {cost} USD paid now")
    print(f"tables changed: {', '.join(changed) if changed else 'none'}")


def _landed(settings: Settings) -> dict[str, str]:
    """Each table with a digest of its rows."""
    import hashlib

    from llm_convert import wiring

    warehouse = wiring.open_warehouse(settings)
    found = {}
    for table in warehouse.tables():
        rows = warehouse.preview(table, limit=1_000_000).rows
        found[table] = hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()
    return found


def _show_tables(settings: Settings) -> None:
    from llm_convert import wiring
    from llm_convert.cli.tables import format_table

    warehouse = wiring.open_warehouse(settings)
    for table in warehouse.tables():
        preview = warehouse.preview(table, limit=3)
        shown = [
            i
            for i, name in enumerate(preview.columns)
            if not name.startswith("_") or name in {"_tenant", "_bsda", "_document"}
        ]
        rows = [[_cell(row[i]) for i in shown] for row in preview.rows]
        print(f"\n{table}: {preview.total:,} rows")
        print(format_table([preview.columns[i] for i in shown], rows, limit=24))


def _cell(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)


def _show_places(settings: Settings, store: str, bsda: str) -> None:
    home = _near(settings.home)
    print(f"\nstore       {store}   (look around with ls: tenants/c8cd3500/runs/{bsda})")
    print(f"warehouse   {settings.warehouse_url}")
    print(f"task logs   {home}/airflow/demo-*.log, job logs {home}/logs")
    print("\nnext")
    print("  make demo                                          again: nothing is done or paid twice")
    print("  .venv/bin/llm-convert demo --week 2                the second night")
    print("  .venv/bin/llm-convert demo --recorded              a model's replies, on file, in the rules' place")
    print(f"  TENANT_CODE=c8cd3500 BSDA={bsda} .venv/bin/llm-convert run")
    print(f"  .venv/bin/llm-convert try {home}/drive/cf526000/shared_drive/*.eml --prompt order_lines")
