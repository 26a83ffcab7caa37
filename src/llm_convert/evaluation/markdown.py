"""An evaluation as a page that a person reads. It quotes documents: it belongs where they may lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.report import format_usd
from llm_convert.contracts.shown import one_line
from llm_convert.contracts.usage import Usage
from llm_convert.evaluation.comparing import Change, Comparison
from llm_convert.evaluation.report import CaseScore, EvalReport, Total
from llm_convert.evaluation.scoring import Difference

MOST_SHOWN = 100
"""Cells, or rows in quarantine, of one case; the JSON has all."""

_TOTALS = [
    "prompt",
    "version",
    "provider",
    "exact cases",
    "exact rows",
    "precision",
    "recall",
    "calls",
    "tokens",
    "USD",
    "seconds",
]
_HEADER = [
    "case",
    "prompt",
    "provider",
    "ended",
    "exact rows",
    "precision",
    "recall",
    "right",
    "wrong",
    "missing",
    "extra",
    "quarantined",
    "calls",
    "tokens",
    "USD",
    "seconds",
]
_SAID = {
    "worse": "worse",
    "better": "better",
    "same": "the same",
    "other_rows": "not compared: its expected rows were changed",
    "not_scored": "not compared: not converted on one of the two sides",
    "new": "new",
    "gone": "not evaluated any more",
}


def as_markdown(report: EvalReport, comparison: Comparison | None) -> str:
    """The whole page."""
    lines = [f"# Evaluation of {report.made_at}", "", f"llm-convert {report.package}, {len(report.cases)} cases.", ""]
    lines += _table(_TOTALS, [_total(*group) for group in report.by_prompt().items()])
    lines += ["", *_table(_HEADER, [_row(case) for case in report.cases])]
    lines += ["", "USD and seconds are of when the calls were made; a replay is not paid again.", ""]
    if comparison is not None:
        lines += _compared(comparison)
    for case in report.cases:
        lines += _one(case)
    return "\n".join(lines).rstrip() + "\n"


def _total(prompt: tuple[str, str, str], cases: Sequence[CaseScore]) -> list[str]:
    total = Total.of(cases)
    score = total.score
    scored = ["not scored", "", ""]
    if total.scored:
        scored = [f"{score.rows_exact} of {score.rows_expected}", f"{score.precision:.4f}", f"{score.recall:.4f}"]
    return [*prompt, f"{total.exact} of {total.cases}", *scored, *_spent(total.usage, total.seconds)]


def _spent(usage: Usage, seconds: float) -> list[str]:
    return [f"{usage.calls:,}", f"{usage.tokens:,}", format_usd(usage.cost_microusd), f"{seconds:.2f}"]


def _row(case: CaseScore) -> list[str]:
    score, told = case.score, [case.name, case.prompt_digest, case.who, case.ended]
    if score is None:
        told += ["not scored", *[""] * 6]
    else:
        told += [f"{score.rows_exact} of {score.rows_expected}", f"{score.precision:.4f}", f"{score.recall:.4f}"]
        told += [f"{count:,}" for count in (score.right, score.wrong, score.missing, score.extra)]
    return [*told, f"{len(case.quarantined):,}", *_spent(case.usage, case.seconds)]


def _compared(comparison: Comparison) -> Iterator[str]:
    yield from (f"## Against the evaluation of {comparison.made_at}", "")
    yield from _table(
        ["case", "provider", "", "broken", "mended", "prompt before", "USD before", "USD now"],
        [_change(change) for change in comparison.changes],
    )
    yield ""
    for change in comparison.worse:
        yield from (f"### {change.case.name} got worse", "")
        yield from _cells(change.broken)


def _change(change: Change) -> list[str]:
    before, after = change.before, change.after
    providers = dict.fromkeys(case.provider for case in (before, after) if case)
    return [
        change.case.name,
        " -> ".join(providers),
        _SAID[change.verdict],
        str(len(change.broken)),
        str(change.mended),
        before.prompt_digest if before else "",
        format_usd(before.usage.cost_microusd) if before else "",
        format_usd(after.usage.cost_microusd) if after else "",
    ]


def _one(case: CaseScore) -> Iterator[str]:
    notes = [] if case.checked else ["**Nobody has checked the expected rows yet.**"]
    if case.cause is not None:
        notes.append(f"{case.outcome.value}, {case.cause.value}: {_inline(case.detail)}")
    notes += [f"Quarantined: {_inline(reasons)}" for reasons in case.quarantined[:MOST_SHOWN]]
    notes += [f"Answered by {one.provider}, {one.model}, {one.at}." for one in case.answered]
    if not notes and not case.differences:
        return
    yield from (f"## {case.name}, {case.provider}", "")
    for note in notes:
        yield from (note, "")
    if case.differences:
        yield from _cells(case.differences)


def _cells(differences: Sequence[Difference]) -> Iterator[str]:
    shown = differences[:MOST_SHOWN]
    yield from _table(
        ["", "row", "line", "field", "expected", "found", "where"],
        [
            [
                one.fault,
                _inline(one.row),
                "" if one.line is None else str(one.line),
                one.field,
                _value(one.expected),
                _value(one.found),
                _inline(" ".join(one.at)),
            ]
            for one in shown
        ],
    )
    if len(differences) > len(shown):
        yield from ("", f"... and {len(differences) - len(shown):,} more cells.")
    yield ""


def _value(value: Scalar) -> str:
    return "" if value is None else _inline(str(value))


def _inline(text: str) -> str:
    """Within a cell of a table nothing of a document may end the cell or become a mark."""
    return "".join(f"\\{sign}" if sign in "\\|`*_<>[]#" else sign for sign in one_line(text).strip())


def _table(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
