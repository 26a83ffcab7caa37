"""What ``llm-convert eval`` writes, prints and exits with."""

from __future__ import annotations

from pathlib import Path

from llm_convert.cli.tables import format_table
from llm_convert.contracts.report import format_usd
from llm_convert.contracts.work import Cause
from llm_convert.errors import EXIT_CONFIGURATION, EXIT_DATA, EXIT_OK, EXIT_TRY_AGAIN
from llm_convert.evaluation import CaseScore, Comparison, EvalReport, Total, as_markdown, compare

MOST_NAMED = 20
"""Cells of one case that got worse; the report has all."""
OUR_FAULT = frozenset({Cause.NOT_RECORDED, Cause.CONFIGURATION, Cause.BUDGET})
"""What keeps a case from being scored until a person changes something."""


def tell(report: EvalReport, before: EvalReport | None, out: Path) -> int:
    """Write the report, print what counts of it, and say the exit code."""
    comparison = None if before is None else compare(report, before)
    (out / "report.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (out / "report.md").write_text(as_markdown(report, comparison), encoding="utf-8")
    _print_scores(report)
    for case in report.cases:
        if case.score is None and case.cause is not None:
            print(f"not scored: {case.name} ({case.provider}): {case.cause.value}: {case.detail}")
    if comparison is not None:
        _print_comparison(comparison)
    print(f"written: {out / 'report.json'}, {out / 'report.md'}")
    return _exit_code(report, comparison)


def _print_scores(report: EvalReport) -> None:
    header = ["case", "provider", "ended", "exact rows", "precision", "recall", "quarantined", "calls", "tokens", "USD"]
    rows = [_row(case) for case in report.cases]
    print(format_table([*header, "seconds"], rows, right=range(3, 11), limit=60))
    for provider, cases in report.by_provider().items():
        print(f"{provider}: {_said(Total.of(cases))}")
    print(f"{format_usd(sum(case.paid_microusd for case in report.cases))} USD paid now")
    unchecked = {case.name for case in report.cases if not case.checked}
    if unchecked:
        print(f"expected rows that nobody has checked yet: {', '.join(sorted(unchecked))}")


def _said(total: Total) -> str:
    score, usage = total.score, total.usage
    found = "nothing was scored"
    if total.scored:
        rows = f"{score.rows_exact:,} of {score.rows_expected:,} rows"
        found = f"{total.exact} of {total.cases} cases are exact, {rows}"
        found += f"; precision {score.precision:.4f}, recall {score.recall:.4f}"
    return f"{found}; {usage.calls:,} calls, {format_usd(usage.cost_microusd)} USD, {total.seconds:.2f} s"


def _row(case: CaseScore) -> list[str]:
    score = case.score
    scored = ["not scored", "", ""]
    if score is not None:
        scored = [f"{score.rows_exact} of {score.rows_expected}", f"{score.precision:.4f}", f"{score.recall:.4f}"]
    return [
        case.name,
        case.who,
        case.ended,
        *scored,
        f"{len(case.quarantined):,}",
        f"{case.usage.calls:,}",
        f"{case.usage.tokens:,}",
        format_usd(case.usage.cost_microusd),
        f"{case.seconds:.2f}",
    ]


def _print_comparison(comparison: Comparison) -> None:
    for change in comparison.changes:
        if change.verdict == "same":
            continue
        print(f"{change.verdict.replace('_', ' ')}: {change.case.name} ({change.case.provider})")
        # Places alone: what stands there is in the report.
        for difference in change.broken[:MOST_NAMED]:
            print(f"  {difference.fault}: {difference.place}")
        if len(change.broken) > MOST_NAMED:
            print(f"  … {len(change.broken) - MOST_NAMED} more cells, see report.md")
    worse = len(comparison.worse)
    print(f"{worse} of {len(comparison.changes)} cases got worse since {comparison.made_at}")


def _exit_code(report: EvalReport, comparison: Comparison | None) -> int:
    if comparison is not None and comparison.worse:
        return EXIT_DATA
    kept_from = {case.cause for case in report.cases if case.score is None}
    if kept_from & OUR_FAULT:
        return EXIT_CONFIGURATION
    return EXIT_TRY_AGAIN if kept_from else EXIT_OK
