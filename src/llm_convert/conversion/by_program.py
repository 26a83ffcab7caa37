"""How an item ends by the rows of a program: the same for one that is kept and for one that was written just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import Strategy
from llm_convert.contracts.work import Claimed, Failure, QuarantinedRow, Reply, Result, Row
from llm_convert.conversion.case import Case, attempts_of, usage_of
from llm_convert.conversion.draft import Draft
from llm_convert.conversion.settling import totals_disagree
from llm_convert.programs import PERSON, Kind, Record, Run, all_derived


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A program's rows under proof."""

    run: Run
    document: Document
    draft: Draft
    """Without the rows in ``corrected``."""
    corrected: tuple[QuarantinedRow, ...]
    """Rows with a date that the program corrected: they say something else than their cells, and are held back."""

    @property
    def wrong(self) -> list[str]:
        """Everything that keeps the program from being taken; empty when all rows are proven."""
        return self.draft.wrong

    def ending(
        self,
        case: Case,
        replies: Sequence[Reply],
        *,
        seconds: float,
        by: tuple[str, str],
        strategy: Strategy,
        notes: Sequence[str],
    ) -> Result | Failure:
        """The rows. Where the sheet's own totals are off and the prompt declares totals, a person is asked instead, as
        for any other answer; where it declares none, the notes name them.

        Args:
            case: the item.
            replies: what was paid for it.
            seconds: that it took so far.
            by: the provider and its model, or the program.
            strategy: the one that ends it.
            notes: about the program, for a person.
        """
        own_faults = tuple(finding.text for finding in self.run.findings if finding.kind is Kind.OWN_FAULT)
        if own_faults and self.draft.declares_totals:
            draft = replace(self.draft, disagreements=own_faults)
            return totals_disagree(case, draft, replies, seconds).model_copy(update={"notes": tuple(notes)})
        return Result(
            item=case.item,
            run_id=case.run_id,
            bsda=case.bsda,
            provider=by[0],
            model=by[1],
            strategy=strategy,
            table=case.prompt.output.table,
            rows=self.draft.rows,
            quarantined=self.corrected,
            notes=(*self.document.notes, *own_faults, *self.draft.coverage_notes(), *_made(self.run), *notes),
            usage=usage_of(replies),
            seconds=seconds,
            attempts=attempts_of(replies),
        )


def judged(case: Case, run: Run, document: Document, *, written_by: str) -> Judged:
    """Prove a program's rows. A person who keeps a program stands for the dates that it corrects.

    Args:
        case: the item.
        run: what the program gave of the document.
        document: as it was read for the program.
        written_by: as the program's provenance has it.
    """
    claimed = run.answer().rows
    pairs = list(zip(claimed, run.records, strict=True))
    doubted = [bool(record.corrected) and written_by != PERSON for record in run.records]
    kept = [row for row, doubt in zip(claimed, doubted, strict=True) if not doubt]
    held = [_held_back(*pair) for pair, doubt in zip(pairs, doubted, strict=True) if doubt]
    draft = Draft.of(kept, case.prompt, document, derived=all_derived(run.program))
    return Judged(run=run, document=document, draft=draft, corrected=tuple(held))


def _held_back(claimed: dict[str, Claimed], record: Record) -> QuarantinedRow:
    row = Row(
        values={name: claim.value for name, claim in claimed.items()},
        at={name: claim.at for name, claim in claimed.items() if claim.at},
    )
    return QuarantinedRow(row=row, reasons=(f"the document says otherwise: {record.corrected}",))


def _made(run: Run) -> list[str]:
    """Which fields are the program's own work: they are proven by it and not by comparison with a cell."""
    derived = sorted(all_derived(run.program))
    return [f"{', '.join(derived)}: made from their cells as the program says"] if derived else []
