"""``llm-convert doctor``: what is wrong with the place it runs in, and the one command that mends each fault."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llm_convert.cli.tables import format_table

if TYPE_CHECKING:
    from llm_convert.doctor import Finding

NAME = "doctor"
HELP = "Check packages, credentials, permissions and resources, and print what mends them."

_WIDEST_CELL = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--tenant", metavar="TENANT_CODE", default="", help="look at this tenant's configuration and job too"
    )
    parser.add_argument(
        "--call-model", action="store_true", help="make the smallest call of each model; this costs money"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document a finding")


def execute(arguments: argparse.Namespace) -> int:
    """Print every finding, then what mends those that are wrong; exit 78 when one is."""
    import os

    from llm_convert.doctor import diagnose, is_healthy
    from llm_convert.errors import EXIT_CONFIGURATION, EXIT_OK
    from llm_convert.settings import Settings

    tenant = arguments.tenant or os.environ.get("TENANT_CODE", "")
    settings = Settings.from_environment()
    findings = diagnose(settings, os.environ, tenant=tenant, call_model=arguments.call_model)
    print(as_json_lines(findings) if arguments.json else as_text(findings))
    return EXIT_OK if is_healthy(findings) else EXIT_CONFIGURATION


def as_text(findings: tuple[Finding, ...]) -> str:
    """A table, then the whole account of what is not as it should be, each with its remedy."""
    table = format_table(
        ["check", "state", "found"], [[f.name, f.state.value, f.detail] for f in findings], limit=_WIDEST_CELL
    )
    told = [line for f in findings for line in _told(f)]
    wrong = sum(f.state.value == "wrong" for f in findings)
    warnings = sum(f.state.value == "warning" for f in findings)
    return "\n".join([table, *told, f"\n{wrong} wrong, {warnings} warnings, of {len(findings)} findings"])


def _told(finding: Finding) -> list[str]:
    if finding.state.value not in {"wrong", "warning"}:
        return []
    mend = [f"  mend it: {finding.remedy}"] if finding.remedy else []
    return [f"\n{finding.state.value}: {finding.name}: {finding.detail}", *mend]


def as_json_lines(findings: tuple[Finding, ...]) -> str:
    """One JSON document a line, for a program."""
    import json
    from dataclasses import asdict

    return "\n".join(json.dumps(asdict(finding), ensure_ascii=False) for finding in findings)
