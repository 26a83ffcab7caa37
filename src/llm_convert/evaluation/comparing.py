"""What got worse from one evaluation to another: of a prompt's versions, of providers, of code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from llm_convert.evaluation.report import CaseScore, EvalReport
from llm_convert.evaluation.scoring import Difference

Verdict = Literal["worse", "better", "same", "other_rows", "not_scored", "new", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One case in both evaluations."""

    verdict: Verdict
    """``worse`` where a single cell that was right is not any more, whatever else was mended; ``other_rows``: its
    expected rows were changed; ``not_scored``: on one of the two sides; ``new``, ``gone``: it stands on one side."""
    before: CaseScore | None
    after: CaseScore | None
    broken: tuple[Difference, ...] = ()
    """As it is now, each cell that was right before."""
    mended: int = 0
    """Cells that were not right before and are now."""

    @property
    def case(self) -> CaseScore:
        """The newer side, or what there is."""
        case = self.after or self.before
        assert case is not None
        return case


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All cases of two evaluations, in the order of the newer one."""

    made_at: str
    """When the older one was made."""
    changes: tuple[Change, ...]

    @property
    def worse(self) -> tuple[Change, ...]:
        """The cases that got worse."""
        return tuple(change for change in self.changes if change.verdict == "worse")


def compare(after: EvalReport, before: EvalReport) -> Comparison:
    """Compare case by case: under the same provider or, where each has one, whichever it is."""
    partners = {_id(case): case for case in before.cases}
    alone_before, alone_after = _alone(before.cases), _alone(after.cases)
    changes, seen = [], set()
    for case in after.cases:
        partner = partners.get(_id(case))
        if partner is None and case.name in alone_before and case.name in alone_after:
            partner = alone_before[case.name]
        if partner is not None:
            seen.add(_id(partner))
        changes.append(_change(case, partner))
    # A narrower evaluation has not lost what it was not asked about.
    prompts = {case.prompt_id for case in after.cases}
    providers = {case.provider for case in after.cases}
    for case in before.cases:
        if _id(case) not in seen and case.prompt_id in prompts and case.provider in providers:
            changes.append(Change(verdict="gone", before=case, after=None))
    return Comparison(made_at=before.made_at, changes=tuple(changes))


def _change(after: CaseScore, before: CaseScore | None) -> Change:
    if before is None:
        return Change(verdict="new", before=None, after=after)
    if after.expected_digest != before.expected_digest:
        return Change(verdict="other_rows", before=before, after=after)
    if after.score is None or before.score is None:
        return Change(verdict="not_scored", before=before, after=after)
    broken = tuple(_only_first(after.differences, before.differences))
    mended = sum(1 for _ in _only_first(before.differences, after.differences))
    verdict: Verdict = "worse" if broken else "better" if mended else "same"
    return Change(verdict=verdict, before=before, after=after, broken=broken, mended=mended)


def _only_first(differences: Iterable[Difference], others: Iterable[Difference]) -> Iterator[Difference]:
    """Cells that differ here and not there. One that is wrong in another way is no new one."""
    known = Counter(map(_cell, others))
    for difference in differences:
        cell = _cell(difference)
        if known[cell]:
            known[cell] -= 1
        else:
            yield difference


def _cell(difference: Difference) -> tuple[bool, str, str]:
    return difference.line is None, difference.row, difference.field


def _id(case: CaseScore) -> tuple[str, str, str]:
    return case.prompt_id, case.case, case.provider


def _alone(cases: Iterable[CaseScore]) -> dict[str, CaseScore]:
    """Cases by name that were converted by one provider alone."""
    cases = tuple(cases)
    counts = Counter(case.name for case in cases)
    return {case.name: case for case in cases if counts[case.name] == 1}
