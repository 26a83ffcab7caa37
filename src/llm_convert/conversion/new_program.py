"""Having a model write a program for a sheet whose layout is new, or has drifted. Deterministic over stored replies.

The program is run, its rows are proven, and what is wrong goes back to its writer, within a bound. A program is
accepted when every row is proven and nothing that it should have read was left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import ModelTier, Strategy
from llm_convert.contracts.work import Failure, Reply, Result
from llm_convert.conversion.by_program import judged
from llm_convert.conversion.case import Case, Drift, Passed, Step
from llm_convert.conversion.settling import is_deterministic
from llm_convert.ports import Clock, CompletionRequest, TextContent, Turn
from llm_convert.programs import (
    KeptProgram,
    Kind,
    MisfitError,
    ProgramError,
    Provenance,
    Read,
    Run,
    Shelf,
    execute,
    instruction,
    keep,
    load_program,
    target_text,
    told_of,
    tool_schema,
    view,
)

TOOL_NAME = "write_program"
LARGEST_PROGRAM_TOKENS = 8_000
GRAVE = frozenset({Kind.CHECK, Kind.NO_ROWS, Kind.REQUIRED, Kind.UNREAD, Kind.UNKNOWN_FIELD})
"""Findings that a program is not accepted with; what is wrong in the sheet itself is none. Numbers that it leaves out,
fields that are always blank, and rows that read like totals are told to its writer once and may then be meant."""
ASKED_ONCE = frozenset({Kind.UNUSED, Kind.BLANK_FIELD, Kind.TOTALS})
MOST_FAULTS = 20


class ByNewProgram:
    """The strategy ``program``.

    Args:
        programs: the tenant's, where an accepted one is kept.
        read: reads the document; True: with its styles.
        provider: who is asked; one that follows rules writes no program.
        clock: stamps what is kept.
    """

    name = Strategy.PROGRAM

    def __init__(self, programs: Shelf, read: Read, *, provider: str, clock: Clock) -> None:
        self._programs, self._read, self._provider, self._clock = programs, read, provider, clock
        self._accepted: KeptProgram | None = None
        self.in_turns = not is_deterministic(provider)

    def step(self, case: Case, replies: Sequence[Reply], *, seconds: float) -> Step:
        """The ending by an accepted program, the next request to its writer, or why there is no program.

        Replies that ask for rows mean that writing a program was given up.
        """
        if not case.has_sheets:
            return Passed(why="the document holds no sheet", told=False)
        if is_deterministic(self._provider):
            return Passed(why=f"the provider {self._provider} is no language model and writes none", told=False)
        written = [reply for reply in replies if reply.purpose == "program"]
        if len(written) < len(replies):
            return Passed(why="a program for this layout was tried and given up")
        asked = _request(case, self._styled)
        for number, reply in enumerate(written, start=1):
            told = self._judged(case, reply, replies, seconds, last=number > case.repairs)
            if not isinstance(told, str):
                return told
            if not told or number > case.repairs:
                tries = "1 try" if number == 1 else f"{number} tries"
                return Passed(why=f"no program for this layout was accepted in {tries}")
            larger = case.larger(asked.tier) if number == case.repairs else None
            turn = Turn(answer=reply.answer, text=reply.text, fault=told)
            asked = replace(asked, turns=(turn,), tier=larger or asked.tier)
        return replace(asked, call=len(replies) + 1)

    def taken(self) -> None:
        """Keep the program for the next document of its layout; one that a person has pinned stays beside it."""
        if self._accepted is not None:
            self._programs.put_beside(self._accepted)

    @cached_property
    def _styled(self) -> Document:
        """With fonts and indentation: it takes ten times as long to read."""
        return self._read(True)

    def _judged(
        self, case: Case, reply: Reply, replies: Sequence[Reply], seconds: float, *, last: bool
    ) -> Result | Failure | str:
        """The ending by an accepted program; else what its writer is told, empty where telling would not help."""
        if reply.stop_reason not in {"tool_use", "end_turn"} or reply.answer is None:
            return ""
        try:
            run = execute(load_program(reply.answer), self._styled, case.prompt.output)
        except (ProgramError, MisfitError) as error:
            return str(error)
        writer = f"{reply.provider}/{reply.model}"
        found = judged(case, run, self._styled, written_by=writer)
        unsettled = GRAVE if last or reply.call > 1 else GRAVE | ASKED_ONCE
        wrong = found.wrong
        if wrong or any(finding.kind in unsettled for finding in run.findings):
            return "\n".join([told_of(run), *wrong[:MOST_FAULTS], _ASK_AGAIN])
        self._accepted = kept = self._as_kept(case, run, writer)
        after = f" as version {kept.version}, after {kept.replaces}" if kept.replaces else ""
        notes = (*case.notes, f"by a program that was written for this layout and is kept{after}")
        by = (replies[-1].provider, replies[-1].model)
        return found.ending(case, replies, seconds=seconds, by=by, strategy=self.name, notes=notes)

    def _as_kept(self, case: Case, run: Run, writer: str) -> KeptProgram:
        provenance = Provenance(
            written_by=writer,
            at=self._clock.now().isoformat(timespec="seconds"),
            document_sha256=self._styled.sha256,
            run_id=case.run_id,
        )
        return keep(run, case.prompt, provenance, before=case.drift.kept if case.drift else None)


_ASK_AGAIN = (
    "Call the tool again with the whole program, corrected. Where a number is left out, a field is blank, or a total is"
    " taken on purpose, say so with ignore, keep or a check, or give the same program again."
)


def _request(case: Case, document: Document) -> CompletionRequest:
    shown = [target_text(case.prompt), f"# The file {document.name!r}\n{view(document)}"]
    if case.drift is not None:
        shown.append(_before(case.drift))
    return CompletionRequest(
        work_item=case.item.id,
        run_id=case.run_id,
        prompt=case.prompt,
        document=document,
        system=instruction(),
        content=(TextContent(text="\n\n".join(shown)),),
        tool_name=TOOL_NAME,
        tool_schema=tool_schema(),
        max_output_tokens=min(LARGEST_PROGRAM_TOKENS, case.max_output_tokens),
        # Written once for a layout: worth more than the smallest model, whatever reads rows.
        tier=ModelTier.MAIN if case.prompt.tier is ModelTier.FAST else case.prompt.tier,
        purpose="program",
    )


def _before(drift: Drift) -> str:
    """The program that is to be repaired, and what is wrong with it on the new file."""
    wrong = "\n".join(f"- {line}" for line in drift.wrong[:MOST_FAULTS])
    why = "Rows that it gives of this file are not proven" if drift.fits else "The layout has changed since"
    return (
        "# The program of the weeks before\n"
        "It gave the right rows of earlier files. Keep of it what still holds, and answer with the whole program.\n"
        f"{load_program(drift.kept.program).dumps()}\n\n"
        f"# What is wrong with it on this file\n{why}:\n{wrong}"
    )
