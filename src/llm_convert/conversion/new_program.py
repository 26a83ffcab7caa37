"""Having a model write a program for a sheet whose layout is new. Deterministic over stored replies; it asks nobody.

The program is run, its rows are proven, and what is wrong goes back to its writer, within a bound. A program is
accepted when every row is proven and nothing that it should have read was left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import ModelTier
from llm_convert.contracts.work import Reply, Result
from llm_convert.conversion.draft import Draft
from llm_convert.conversion.settling import Case, usage_of
from llm_convert.ports import CompletionRequest, TextContent, Turn
from llm_convert.programs import (
    KeptProgram,
    Kind,
    MisfitError,
    Program,
    ProgramError,
    Provenance,
    Run,
    all_derived,
    execute,
    instruction,
    keep,
    load_program,
    target_text,
    told_of,
    tool_schema,
    view,
)

STRATEGY = "new_program"
TOOL_NAME = "write_program"
LARGEST_PROGRAM_TOKENS = 8_000
GRAVE = frozenset({Kind.CHECK, Kind.NO_ROWS, Kind.REQUIRED, Kind.UNREAD, Kind.UNKNOWN_FIELD, Kind.MENDED})
"""Findings that a program is not accepted with. Numbers that it leaves out, and fields that are always blank, are told
to its writer once and may then be meant."""
ASKED_ONCE = frozenset({Kind.UNUSED, Kind.BLANK_FIELD})
MOST_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A program that was accepted, and what it gave."""

    result: Result
    run: Run
    document: Document
    writer: str

    def kept(self, case: Case, at: str) -> KeptProgram:
        """The program as it is kept for the next document of its layout."""
        provenance = Provenance(written_by=self.writer, at=at, document_sha256=self.document.sha256, run_id=case.run_id)
        return keep(self.run, case.prompt, provenance)


def next_program_step(
    case: Case, replies: Sequence[Reply], document: Document, *, seconds: float
) -> Written | CompletionRequest | tuple[str, ...]:
    """An accepted program, the next request, or notes on why the document is converted directly.

    Args:
        case: the work item.
        replies: all of it so far; those that ask for rows mean that writing a program was given up.
        document: read with its styles.
        seconds: spent on the item.
    """
    asked = _request(case, document)
    written = [reply for reply in replies if reply.purpose == "program"]
    if len(written) < len(replies):
        return ("a program for this layout was tried and given up",)
    for number, reply in enumerate(written, start=1):
        told = _judged(case, reply, document, replies, seconds, last=number > case.repairs)
        if isinstance(told, Written):
            return told
        if not told or number > case.repairs:
            return (f"no program for this layout was accepted in {number} {'try' if number == 1 else 'tries'}",)
        larger = case.larger(asked.tier) if number == case.repairs else None
        asked = _request(case, document, turn=Turn(answer=reply.answer, text=reply.text, fault=told), tier=larger)
    return replace(asked, call=len(replies) + 1)


def _judged(
    case: Case, reply: Reply, document: Document, replies: Sequence[Reply], seconds: float, *, last: bool
) -> Written | str:
    """An accepted program; else what its writer is told, empty where telling would not help."""
    if reply.stop_reason not in {"tool_use", "end_turn"} or reply.answer is None:
        return ""
    try:
        program = load_program(reply.answer)
        run = execute(program, document, case.prompt.output)
    except (ProgramError, MisfitError) as error:
        return str(error)
    derived = all_derived(program)
    draft = Draft.of(run.answer().rows, case.prompt, document, derived=derived)
    faults = [*draft.disagreements, *(reason for row in draft.quarantined for reason in row.reasons)]
    unsettled = GRAVE if last or reply.call > 1 else GRAVE | ASKED_ONCE
    if faults or not draft.rows or any(finding.kind in unsettled for finding in run.findings):
        return "\n".join([told_of(run), *faults[:MOST_FAULTS], _ASK_AGAIN])
    result = _result(case, reply, draft, program, replies, seconds)
    return Written(result=result, run=run, document=document, writer=f"{reply.provider}/{reply.model}")


_ASK_AGAIN = (
    "Call the tool again with the whole program, corrected. Where a number is left out, or a field is blank, on"
    " purpose, say so with ignore, or give the same program again."
)


def _result(
    case: Case, reply: Reply, draft: Draft, program: Program, replies: Sequence[Reply], seconds: float
) -> Result:
    made = sorted(all_derived(program))
    derived = [f"{', '.join(made)}: made from their cells as the program says"] if made else []
    return Result(
        item=case.item,
        run_id=case.run_id,
        bsda=case.bsda,
        provider=reply.provider,
        model=reply.model,
        strategy=STRATEGY,
        table=case.prompt.output.table,
        rows=draft.rows,
        quarantined=(),
        notes=(
            *case.document.notes,
            *case.notes,
            *draft.coverage_notes(),
            *derived,
            "by a program that was written for this layout and is kept",
        ),
        usage=usage_of(replies),
        seconds=seconds,
        attempts=tuple(attempt for one in replies for attempt in one.attempts),
    )


def _request(
    case: Case, document: Document, *, turn: Turn | None = None, tier: ModelTier | None = None
) -> CompletionRequest:
    shown = f"{target_text(case.prompt)}\n\n# The file {document.name!r}\n{view(document)}"
    return CompletionRequest(
        work_item=case.item.id,
        run_id=case.run_id,
        prompt=case.prompt,
        document=document,
        system=instruction(),
        content=(TextContent(text=shown),),
        tool_name=TOOL_NAME,
        tool_schema=tool_schema(),
        max_output_tokens=min(LARGEST_PROGRAM_TOKENS, case.max_output_tokens),
        # Written once for a layout: worth more than the smallest model, whatever reads rows.
        tier=tier or (ModelTier.MAIN if case.prompt.tier is ModelTier.FAST else case.prompt.tier),
        purpose="program",
        turns=() if turn is None else (turn,),
    )
