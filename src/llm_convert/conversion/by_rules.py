"""Converting by rules over a document's tables: no call, and only when every row is proven and no check fails."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.prompt import Strategy
from llm_convert.contracts.work import Reply, Result
from llm_convert.conversion.case import Case, Passed, attempts_of, usage_of
from llm_convert.conversion.draft import Draft
from llm_convert.layouts import VERSION, answer


class ByRules:
    """The strategy ``rules``. Unlike the provider of that name it gives no row away that is not proven."""

    name = Strategy.RULES
    in_turns = False

    def step(self, case: Case, replies: Sequence[Reply], *, seconds: float) -> Result | Passed:
        """The rows that the rules find; else why they are not taken."""
        found = answer(case.prompt, case.document)
        if not found.rows:
            return Passed(why=f"the rules find no rows: {found.clarify or found.detail}", told=False)
        draft = Draft.of(found.rows, case.prompt, case.document)
        wrong = draft.wrong
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            return Passed(why=f"what the rules find is not proven: {wrong[0]}{more}")
        return Result(
            item=case.item,
            run_id=case.run_id,
            bsda=case.bsda,
            provider="rules",
            model=VERSION,
            strategy=Strategy.RULES,
            table=case.prompt.output.table,
            rows=draft.rows,
            notes=(*case.document.notes, *case.notes, *draft.coverage_notes()),
            usage=usage_of(replies),
            seconds=seconds,
            attempts=attempts_of(replies),
        )

    def taken(self) -> None:
        """Nothing is to be remembered."""
