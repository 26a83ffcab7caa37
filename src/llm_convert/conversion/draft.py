"""An answer's rows under proof: which hold, which do not and why, and how a later answer mends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import Prompt
from llm_convert.contracts.work import Claimed, QuarantinedRow, Row
from llm_convert.conversion.checks import check_rows
from llm_convert.conversion.grounding import IN_AN_IMAGE, prove_row
from llm_convert.conversion.line_columns import misplaced, oddities
from llm_convert.conversion.unscaled import unscaled

ClaimedRow = dict[str, Claimed]

MOST_SAID = 50
"""Faults that a model is told of at once: more are of one kind, which the first ones show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Rows as they were claimed, and what the proof makes of them."""

    claimed: tuple[ClaimedRow, ...]
    unproven: dict[int, tuple[str, ...]]
    """By position in ``claimed``, why a row is not what the document says; without what no answer could mend."""
    rows: tuple[Row, ...]
    """Proven, and within every check; without stated totals."""
    quarantined: tuple[QuarantinedRow, ...]
    disagreements: tuple[str, ...]
    totals: int
    prompt: Prompt
    document: Document

    @classmethod
    def of(
        cls, claimed: Sequence[ClaimedRow], prompt: Prompt, document: Document, *, derived: frozenset[str] = frozenset()
    ) -> Self:
        """Prove rows, then check those that are proven; see ``prove_row`` for ``derived``."""
        proven: list[Row] = []
        quarantined: list[QuarantinedRow] = []
        unproven: dict[int, tuple[str, ...]] = {}
        forgotten = unscaled(claimed, prompt, document, derived=derived)
        elsewhere = misplaced(claimed, prompt, document)
        for position, claim in enumerate(claimed):
            row, reasons = prove_row(claim, prompt, document, derived=derived)
            reasons += [*forgotten.get(position, []), *(elsewhere.get(position, []) if not reasons else [])]
            if reasons:
                quarantined.append(QuarantinedRow(row=row, reasons=tuple(reasons)))
                if not all(IN_AN_IMAGE in reason for reason in reasons):
                    unproven[position] = tuple(reasons)
            else:
                proven.append(row)
        checked = check_rows(prompt, proven)
        return cls(
            claimed=tuple(claimed),
            unproven=unproven,
            rows=tuple(checked.rows),
            quarantined=(*quarantined, *checked.quarantined),
            disagreements=tuple(checked.disagreements),
            totals=checked.totals,
            prompt=prompt,
            document=document,
        )

    @property
    def faults(self) -> bool:
        """Whether a model could mend something."""
        return bool(self.unproven or self.disagreements)

    @property
    def wrong(self) -> list[str]:
        """Everything that keeps the rows from being taken as they are; empty when all of them are proven."""
        reasons = [*self.disagreements, *(reason for row in self.quarantined for reason in row.reasons)]
        return reasons or ([] if self.rows else ["there are no rows"])

    @property
    def _lacks_rows(self) -> bool:
        """Totals disagree although every row is what the document says. Where one is not, that may be all of it."""
        return bool(self.disagreements) and not self.unproven

    @property
    def declares_totals(self) -> bool:
        """Whether the prompt wants stated totals, or percentages and balances between rows, compared."""
        return bool(self._kinds_of_totals)

    @property
    def _kinds_of_totals(self) -> set[str]:
        return {check.kind for check in self.prompt.checks if check.kind == "sum" or getattr(check, "label", None)}

    def said(self) -> str:
        """What a model is told: only what failed, with the reason."""
        if self._lacks_rows:
            lines = "\n".join(f"- {line}" for line in self.disagreements[:MOST_SAID])
            return (
                f"Stated totals disagree with the rows:\n{lines}\n"
                "Rows are missing, doubled or wrong. Call the tool again with the whole answer, corrected."
            )
        failed = [self.unproven[position] for position in sorted(self.unproven)]
        lines = "\n".join(f"{n}. {'; '.join(reasons)}" for n, reasons in enumerate(failed[:MOST_SAID], start=1))
        return (
            f"These {len(failed)} rows are not what the document says at their addresses:\n{lines}\n"
            "Call the tool again with just these rows, corrected, in this order; leave out what should not be there. "
            "The other rows are right and are kept."
        )

    def faulty_answer(self) -> dict[str, Any]:
        """The rows that are to be mended, as the model gave them: good rows are not sent back to be typed anew."""
        wanted = range(len(self.claimed)) if self._lacks_rows else sorted(self.unproven)
        return {
            "rows": [
                {name: claim.model_dump(mode="json") for name, claim in self.claimed[position].items()}
                for position in wanted
            ]
        }

    def mended(self, rows: Sequence[ClaimedRow]) -> Draft:
        """The draft with a later answer to ``said`` taken in; never with fewer proven rows than before."""
        if self._lacks_rows:
            after = Draft.of(rows, self.prompt, self.document)
            return self if after.disagreements and len(after.rows) < len(self.rows) else after
        places = sorted(self.unproven)
        if len(rows) == len(places):
            replaced = dict(zip(places, rows, strict=True))
            merged = [replaced.get(position, claim) for position, claim in enumerate(self.claimed)]
        else:
            kept = [claim for position, claim in enumerate(self.claimed) if position not in self.unproven]
            merged = [*kept, *(row for row in rows if row not in kept)]
        after = Draft.of(merged, self.prompt, self.document)
        return self if len(after.rows) < len(self.rows) else after

    def coverage_notes(self) -> list[str]:
        """How many stated totals were found and agree, where the prompt declares any; and what else can't be proven."""
        odd = oddities(self.claimed, self.prompt, self.document)
        kinds = self._kinds_of_totals
        if not kinds:
            return odd
        what = "totals" if kinds == {"sum"} else "totals, percentages and balances"
        found = f"{self.totals} stated {what} agree with their lines"
        return [found if self.totals else "no stated total was found to check against", *odd]

    def all_quarantined(self) -> tuple[QuarantinedRow, ...]:
        """Every row, the proven ones too: where totals disagree nobody knows which of them is wrong."""
        said = f"stated totals disagree: {self.disagreements[0]}" if self.disagreements else ""
        return (*(QuarantinedRow(row=row, reasons=(said,)) for row in self.rows), *self.quarantined)
