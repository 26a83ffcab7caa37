"""Converting by a kept program: no call, and only when the layout is the kept one and every row is proven."""

from __future__ import annotations

from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Result
from llm_convert.conversion.draft import Draft
from llm_convert.conversion.settling import Case
from llm_convert.programs import Fitting, ProgramStore, all_derived
from llm_convert.programs.kept import Read

STRATEGY = "program"


def by_kept_program(case: Case, programs: ProgramStore, read: Read, *, seconds: float) -> Result | tuple[str, ...]:
    """The rows that a kept program gives; else notes on why none does, empty where none is kept."""
    if not case.document.sheets:
        return ()
    sought = programs.seek(case.prompt, read)
    fitting = sought.fitting
    if fitting is None:
        return _drifted(sought.drift)
    derived = all_derived(fitting.run.program)
    draft = Draft.of(fitting.run.answer().rows, case.prompt, fitting.document, derived=derived)
    wrong = [*draft.disagreements, *(reason for row in draft.quarantined for reason in row.reasons)]
    if wrong or not draft.rows:
        said = wrong[0] if wrong else "it gives no rows"
        return (f"the kept program {fitting.kept.id} fits and is not proven: {said}",)
    programs.proven_again(fitting.kept)
    return _result(case, fitting, draft, derived, seconds)


def _drifted(drift: tuple[str, ...]) -> tuple[str, ...]:
    if not drift:
        return ()
    more = f" (and {len(drift) - 3} more)" if len(drift) > 3 else ""
    return (f"the layout is none that a program is kept for: {'; '.join(drift[:3])}{more}",)


def _result(case: Case, fitting: Fitting, draft: Draft, derived: frozenset[str], seconds: float) -> Result:
    kept = fitting.kept
    made = [f"{', '.join(sorted(derived))}: made from their cells as the program says"] if derived else []
    written = f"version {kept.version}, written by {kept.provenance.written_by} on {kept.provenance.at[:10]}"
    return Result(
        item=case.item,
        run_id=case.run_id,
        bsda=case.bsda,
        provider="program",
        model=kept.id,
        strategy=STRATEGY,
        table=case.prompt.output.table,
        rows=draft.rows,
        quarantined=(),
        notes=(*fitting.document.notes, *draft.coverage_notes(), *made, f"by the kept program {kept.id}, {written}"),
        usage=Usage(),
        seconds=seconds,
    )
