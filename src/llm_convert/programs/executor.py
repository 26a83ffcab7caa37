"""Running a program over a document: deterministic, without any model, in time linear to the sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llm_convert.contracts.document import CellValue, Document, Sheet, Visibility
from llm_convert.contracts.prompt import OutputSchema
from llm_convert.contracts.tables import FieldType
from llm_convert.programs.checking import check_all
from llm_convert.programs.contents import contents_of
from llm_convert.programs.faults import Misfit, MisfitError, UnfitTableError
from llm_convert.programs.findings import find_all
from llm_convert.programs.language import Program, Table
from llm_convert.programs.patterns import pattern
from llm_convert.programs.picking import Fetch, Picker, Surroundings
from llm_convert.programs.placed import Placed
from llm_convert.programs.placing import place
from llm_convert.programs.plane import Plane
from llm_convert.programs.predicates import Content
from llm_convert.programs.run import Finding, Kind, Record, Run
from llm_convert.programs.values import pieces, spaced
from llm_convert.readings import text_of

MAX_RECORDS = 2_000_000


def execute(program: Program, document: Document, target: OutputSchema | None = None) -> Run:
    """Run a program.

    Args:
        program: what the layout means.
        document: read with ``styles`` where ``program.needs_styles``.
        target: gives the fields their types and says which are required; without it numbers come as they are stored.

    Raises:
        MisfitError: when a table that must be there is not, with all that was looked for in vain.
    """
    return _Execution(program, document, target).run()


class _Execution:
    """One run's state."""

    def __init__(self, program: Program, document: Document, target: OutputSchema | None) -> None:
        self._program = program
        self._target = target
        self._types = {field.name: field.type for field in target.fields} if target is not None else {}
        self._sheets = [sheet for sheet in document.sheets if sheet.visibility is Visibility.VISIBLE]
        self._planes = {(sheet.name, False): Plane(sheet) for sheet in self._sheets}
        self._around = Surroundings(
            document=document, planes={name: plane for (name, _), plane in self._planes.items()}
        )
        self._notes: list[Finding] = []
        self._placed: list[Placed] = []

    def run(self) -> Run:
        """Place every table, read its rows, check them."""
        misfits: list[Misfit] = []
        by_table: list[list[Record]] = []
        for table, label in zip(self._program.tables, self._program.names(), strict=True):
            try:
                placed = self._place(table, label)
            except _AbsentError as error:
                misfits.extend(error.misfits)
                continue
            by_table.append([record for one in placed for record in self._records(one)])
        if misfits:
            raise MisfitError(misfits)
        return self._finished(by_table)

    def _finished(self, by_table: list[list[Record]]) -> Run:
        checked = check_all(self._program, by_table)
        rows: dict[str, int] = {}
        for label, records in zip(self._program.names(), by_table, strict=True):
            rows[label] = rows.get(label, 0) + len(records)
        planes = list(self._planes.values())
        found = find_all(self._program, self._target, by_table, self._around, planes)
        return Run(
            program=self._program,
            records=checked.kept,
            left_out=checked.left_out,
            checks=checked.checks,
            findings=[*checked.findings, *found, *self._notes],
            rows=rows,
            coverage=checked.coverage,
            placed=self._placed,
            planes=planes,
        )

    def _place(self, table: Table, label: str) -> list[Placed]:
        """Every occurrence of a table, sheet by sheet."""
        wanted = [sheet for sheet in self._sheets if table.sheet is None or pattern(table.sheet).matches(sheet.name)]
        if not wanted:
            if table.optional:
                return []
            names = ", ".join(repr(sheet.name) for sheet in self._sheets) or "none"
            raise _AbsentError([Misfit(table=label, sheet="", what=f"no sheet is named like {table.sheet!r}: {names}")])
        found: list[Placed] = []
        misfits = []
        for sheet in wanted:
            try:
                found += place(table, label, self._plane(sheet, transposed=table.transpose))
            except UnfitTableError as error:
                misfits.append(Misfit(table=label, sheet=sheet.name, what=str(error)))
        if not found and not table.optional:
            raise _AbsentError(misfits)
        for misfit in misfits:
            where = f"is not on sheet {misfit.sheet!r}: {misfit.what}"
            if table.sheet is not None:
                self._notes.append(Finding(kind=Kind.ABSENT, text=where, table=label))
        self._placed += found
        return found

    def _plane(self, sheet: Sheet, *, transposed: bool) -> Plane:
        key = (sheet.name, transposed)
        if key not in self._planes:
            self._planes[key] = Plane(sheet, transposed=transposed)
        return self._planes[key]

    def _records(self, placed: Placed) -> Iterator[Record]:
        """The rows of one occurrence, in reading order."""
        table, plane = placed.table, placed.plane
        picker = Picker(placed, self._around)
        holds = [picker.condition(one) for one in table.keep]
        fetches: Mapping[str, Fetch] = {
            name: picker.fetch(name, pick, self._type(name)) for name, pick in table.fields.items()
        }
        named = list(fetches.items())
        occurrence = len(self._placed) and self._placed.index(placed)
        rejected: dict[int, bool] = {}
        for row, column, content in _value_cells(placed):
            if holds and not all(one(row, column) for one in holds):
                plane.passed.add((row, column))
                rejected.setdefault(row, True)
                continue
            rejected[row] = False
            for piece in _pieces(table, content):
                got = {name: fetch(row, column, piece) for name, fetch in named}
                yield Record(placed.label, plane.sheet.name, (row, column), got, occurrence)
        # A row of which nothing is kept is passed over as a whole: its other numbers belong to it.
        for row in (row for row, whole in rejected.items() if whole):
            plane.passed.update((row, column) for column in range(placed.extent.left, placed.extent.right + 1))

    def _type(self, field: str) -> FieldType | None:
        return self._types.get(field)


class _AbsentError(Exception):
    """A table that must be there is not."""

    def __init__(self, misfits: list[Misfit]) -> None:
        self.misfits = misfits


def _value_cells(placed: Placed) -> Iterator[tuple[int, int, CellValue]]:
    """The filled cells of the value columns that are not marked as missing."""
    table, plane = placed.table, placed.plane
    missing = frozenset(map(spaced, table.missing))
    for row in range(placed.extent.first, placed.extent.last + 1):
        cells = plane.rows[row]
        width = len(cells)
        for column in placed.values:
            content = cells[column] if column < width else None
            if content is None:
                continue
            # Stored numbers are most cells of most sheets, and never a mark.
            if (type(content) is not float and type(content) is not int) or missing or content != content:
                gone = Content.MISSING in contents_of(content) or spaced(text_of(content)) in missing
                if gone and not table.keep_missing:
                    plane.passed.add((row, column))
                    continue
            yield row, column, content


def _pieces(table: Table, content: CellValue) -> list[CellValue]:
    if table.split is None or not isinstance(content, str):
        return [content]
    return [*pieces(pattern(table.split), content)]
