"""Converting by a kept program: no call, and only when the layout is the kept one and every row is proven."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.prompt import Strategy
from llm_convert.contracts.work import Reply, Result
from llm_convert.conversion.case import Case, Drift, Passed, attempts_of, usage_of
from llm_convert.conversion.draft import Draft
from llm_convert.programs import KeptProgram, Read, Run, Shelf, Trial, alike, all_derived, sketch_of


class ByKeptProgram:
    """The strategy ``kept``.

    Args:
        programs: the tenant's.
        read: reads the document; True: with its styles.
    """

    name = Strategy.KEPT
    in_turns = False

    def __init__(self, programs: Shelf, read: Read) -> None:
        self._programs, self._read = programs, read
        self._taken: KeptProgram | None = None

    def step(self, case: Case, replies: Sequence[Reply], *, seconds: float) -> Result | Passed:
        """The rows that a kept program gives; else how the nearest one misses the document."""
        if not case.has_sheets:
            return Passed(why="the document holds no sheet", told=False)
        misses: list[Drift] = []
        for trial in self._programs.trials(case.prompt, self._read):
            if trial.run is None or trial.changed:
                misses.append(Drift(kept=trial.kept, wrong=trial.changed, fits=False))
                continue
            draft = _draft(trial, trial.run, case)
            wrong = draft.wrong
            if not wrong:
                self._taken = trial.kept
                return _result(case, replies, trial, trial.run, draft, seconds)
            misses.append(Drift(kept=trial.kept, wrong=tuple(wrong), fits=True))
        return _passed(case, misses)

    def taken(self) -> None:
        """Count one more document of the program."""
        if self._taken is not None:
            self._programs.proven_again(self._taken)


def _draft(trial: Trial, run: Run, case: Case) -> Draft:
    return Draft.of(run.answer().rows, case.prompt, trial.document, derived=all_derived(run.program))


def _passed(case: Case, misses: Sequence[Drift]) -> Passed:
    if not misses:
        return Passed(why="no program is kept for the prompt", told=False)
    sketch = sketch_of(case.document.sheets)
    near = [
        miss for miss in misses if miss.fits or not miss.kept.headers or alike(sketch, frozenset(miss.kept.headers))
    ]
    if not near:
        return Passed(why="the layout is none that a program is kept for")
    nearest = min(near, key=lambda miss: (not miss.fits, len(miss.wrong)))
    return Passed(why=nearest.said, drift=nearest)


def _result(case: Case, replies: Sequence[Reply], trial: Trial, run: Run, draft: Draft, seconds: float) -> Result:
    kept = trial.kept
    written = f"version {kept.version}, written by {kept.provenance.written_by} on {kept.provenance.at[:10]}"
    return Result(
        item=case.item,
        run_id=case.run_id,
        bsda=case.bsda,
        provider="program",
        model=kept.id,
        strategy=Strategy.KEPT,
        table=case.prompt.output.table,
        rows=draft.rows,
        quarantined=(),
        notes=(
            *trial.document.notes,
            *draft.coverage_notes(),
            *made_by_program(run),
            f"by the kept program {kept.id}, {written}",
        ),
        usage=usage_of(replies),
        seconds=seconds,
        attempts=attempts_of(replies),
    )


def made_by_program(run: Run) -> list[str]:
    """Which fields are the program's own work: they are proven by it and not by comparison with a cell."""
    derived = sorted(all_derived(run.program))
    return [f"{', '.join(derived)}: made from their cells as the program says"] if derived else []
