"""Running a program over a document: deterministic, without any model, in time linear to the sheet."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from llm_convert.contracts.document import Document, Sheet
from llm_convert.contracts.prompt import OutputSchema
from llm_convert.programs.checking import check_all
from llm_convert.programs.faults import Misfit, MisfitError, UnfitTableError
from llm_convert.programs.fetching import Surroundings
from llm_convert.programs.findings import find_all
from llm_convert.programs.language import Program, Table
from llm_convert.programs.patterns import pattern
from llm_convert.programs.placed import Placed
from llm_convert.programs.placing import place
from llm_convert.programs.plane import Plane
from llm_convert.programs.rows import records_of
from llm_convert.programs.run import Finding, Kind, Record, Run


def execute(program: Program, document: Document, target: OutputSchema | None = None) -> Run:
    """Run a program.

    Args:
        program: what the layout means.
        document: read with ``styles`` where ``program.needs_styles``.
        target: gives the fields their types and says which are required; without it numbers come as they are stored.

    Raises:
        MisfitError: when a table that must be there is not, with all that was looked for in vain.
    """
    with _without_collection():
        return _Execution(program, document, target).run()


@contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection while rows are made: none of them is garbage, and looking costs as much as making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            _call_old()
            gc.enable()


def _call_old() -> None:
    """Put what was made among the old objects: a first look at all of it would cost a tenth of the run."""
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()


class _Execution:
    """One run's state."""

    def __init__(self, program: Program, document: Document, target: OutputSchema | None) -> None:
        self._program = program
        self._target = target
        self._types = {field.name: field.type for field in target.fields} if target is not None else {}
        self._sheets = list(document.sheets)
        self._planes = {(sheet.name, False): Plane(sheet) for sheet in self._sheets}
        self._around = Surroundings(
            document=document, planes={name: plane for (name, _), plane in self._planes.items()}
        )
        self._notes: list[Finding] = []
        self._placed: list[Placed] = []

    def run(self) -> Run:
        """Place every table, read its rows, check them."""
        if self._program.needs_styles and not any(sheet.styles for sheet in self._sheets):
            text = (
                "the program asks for fonts, indents or superscript, and none is known: was the file read with styles?"
            )
            self._notes.append(Finding(kind=Kind.ABSENT, text=text))
        misfits: list[Misfit] = []
        by_table: list[list[Record]] = []
        for table, label in zip(self._program.tables, self._program.names(), strict=True):
            try:
                placed = self._place(table, label)
            except _AbsentError as error:
                misfits.extend(error.misfits)
                continue
            first = len(self._placed)
            self._placed += placed
            numbered = enumerate(placed, first)
            by_table.append(
                [record for at, one in numbered for record in records_of(one, self._around, self._types, at)]
            )
        if misfits:
            raise MisfitError(misfits)
        return self._finished(by_table)

    def _finished(self, by_table: list[list[Record]]) -> Run:
        checked = check_all(self._program, by_table, self._sheets)
        rows: dict[str, int] = {}
        for label, records in zip(self._program.names(), by_table, strict=True):
            rows[label] = rows.get(label, 0) + len(records)
        planes = list(self._planes.values())
        found = find_all(self._program, self._target, by_table, self._around, self._placed, planes, checked.left_out)
        return Run(
            program=self._program,
            records=checked.kept,
            left_out=checked.left_out,
            checks=checked.checks,
            findings=[*checked.findings, *found, *self._notes],
            rows=rows,
            coverage=checked.coverage,
            target=tuple(field.name for field in self._target.fields) if self._target is not None else None,
            placed=self._placed,
            planes=planes,
        )

    def _place(self, table: Table, label: str) -> list[Placed]:
        """Every occurrence of a table, sheet by sheet."""
        found: list[Placed] = []
        misfits: list[Misfit] = []
        for sheet in self._wanted(table, label):
            try:
                found += place(table, label, self._plane(sheet, transposed=table.transpose))
            except UnfitTableError as error:
                misfit = Misfit(table=label, sheet=sheet.name, what=str(error))
                if error.anchored and table.optional:
                    raise _AbsentError([misfit]) from None
                if error.anchored or table.sheet is not None:
                    where = f"is not on sheet {misfit.sheet!r}: {misfit.what}"
                    self._notes.append(Finding(kind=Kind.ABSENT, text=where, table=label))
                misfits.append(misfit)
        if not found and not table.optional:
            raise _AbsentError(misfits)
        return found

    def _wanted(self, table: Table, label: str) -> list[Sheet]:
        """The sheets that a table may be on."""
        seen = [sheet for sheet in self._sheets if not self._program.ignores(sheet.name)]
        wanted = [sheet for sheet in seen if table.sheet is None or pattern(table.sheet).matches(sheet.name)]
        if not wanted and not table.optional:
            names = ", ".join(repr(sheet.name) for sheet in self._sheets)
            like = "every sheet is ignored" if table.sheet is None else f"no sheet is named like {table.sheet!r}"
            what = f"{like}: {names}" if names else "the document has no sheet"
            raise _AbsentError([Misfit(table=label, sheet="", what=what)])
        return wanted

    def _plane(self, sheet: Sheet, *, transposed: bool) -> Plane:
        key = (sheet.name, transposed)
        if key not in self._planes:
            self._planes[key] = Plane(sheet, transposed=transposed)
        return self._planes[key]


class _AbsentError(Exception):
    """A table that must be there is not."""

    def __init__(self, misfits: list[Misfit]) -> None:
        self.misfits = misfits
