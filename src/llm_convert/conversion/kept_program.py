"""Converting by a kept program: no call, and only when the layout is the kept one and every row is proven."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.prompt import Strategy
from llm_convert.contracts.work import Failure, Reply, Result
from llm_convert.conversion.by_program import judged
from llm_convert.conversion.case import Case, Drift, Passed
from llm_convert.programs import Fingerprint, KeptProgram, Read, Shelf, alike, sketch_of


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
        self._taken: tuple[KeptProgram, Fingerprint] | None = None

    def step(self, case: Case, replies: Sequence[Reply], *, seconds: float) -> Result | Failure | Passed:
        """The ending by a kept program; else how the nearest one misses the document."""
        if not case.has_sheets:
            return Passed(why="the document holds no sheet", told=False)
        misses: list[Drift] = []
        for trial in self._programs.trials(case.prompt, self._read):
            if trial.run is None or trial.layout is None or trial.changed:
                misses.append(Drift(kept=trial.kept, wrong=trial.changed, fits=False))
                continue
            kept = trial.kept
            found = judged(case, trial.run, trial.document, written_by=kept.provenance.written_by)
            if not found.wrong:
                by, notes = ("program", kept.id), (_by(kept),)
                ending = found.ending(case, replies, seconds=seconds, by=by, strategy=self.name, notes=notes)
                self._taken = (kept, trial.layout) if isinstance(ending, Result) else None
                return ending
            misses.append(Drift(kept=kept, wrong=tuple(found.wrong), fits=True))
        return _passed(case, misses)

    def taken(self) -> None:
        """Count one more document of the program, unless a person is asked about it."""
        if self._taken is not None:
            self._programs.proven_again(*self._taken)


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


def _by(kept: KeptProgram) -> str:
    written = f"version {kept.version}, written by {kept.provenance.written_by} on {kept.provenance.at[:10]}"
    return f"by the kept program {kept.id}, {written}"
