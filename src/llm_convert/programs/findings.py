"""What a run shows beside its rows: fields that stay blank, cells that nobody used, content of the wrong type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_convert.contracts.document import CellValue, column_letters, parse_cell_reference
from llm_convert.contracts.prompt import OutputSchema
from llm_convert.programs.contents import contents_of
from llm_convert.programs.controls import fields_of
from llm_convert.programs.fetching import Surroundings, Unread
from llm_convert.programs.language import Program, Table
from llm_convert.programs.placed import Placed
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.predicates import Content
from llm_convert.programs.run import Finding, Kind, Record
from llm_convert.programs.unnamed_totals import unnamed_totals

_SHOWN = 8


def find_all(
    program: Program,
    target: OutputSchema | None,
    by_table: Sequence[Sequence[Record]],
    around: Surroundings,
    placed: Sequence[Placed],
    planes: Sequence[Plane],
    left_out: Sequence[Record],
) -> list[Finding]:
    """Everything that is worth telling.

    Args:
        program: what was run.
        target: what it was run for.
        by_table: all rows, as they were before the checks.
        around: cells that could not be read.
        placed: the tables where they stand.
        planes: which cells were used.
        left_out: totals and the like, whose labels need not be what the target wants.
    """
    gone = {id(record) for record in left_out}
    by_table = [[record for record in records if id(record) not in gone] for records in by_table]
    found = list(_of_target(program, target))
    required = {field.name for field in target.fields if field.required} if target is not None else set()
    known = {field.name for field in target.fields} if target is not None else set()
    for table, label, records in zip(program.tables, program.names(), by_table, strict=True):
        if not records and not table.optional and not any(record.table == label for record in left_out):
            found.append(Finding(kind=Kind.NO_ROWS, text="gave no rows", table=label))
        beyond = set(table.fields) - known if target is not None else set()
        needed = required | {name for name, pick in table.fields.items() if pick.required}
        found.extend(_blank_fields(label, records, needed, beyond))
    kept = {_line(record.sheet, record.cell, turned=record.turned) for records in by_table for record in records}
    passed = {_line(record.sheet, record.cell, turned=record.turned) for record in left_out} - kept
    found.extend(_unread(around, passed))
    found.extend(unnamed_totals(program, by_table, placed))
    found.extend(_unused(program, planes))
    return found


def _of_target(program: Program, target: OutputSchema | None) -> Iterator[Finding]:
    if target is None:
        return
    known = [field.name for field in target.fields]
    for table, label in zip(program.tables, program.names(), strict=True):
        for name in table.fields:
            if name not in known and name not in _for_checks(program, table):
                text = f"the target has no field {name!r}; it has {', '.join(known)}"
                yield Finding(kind=Kind.UNKNOWN_FIELD, text=text, table=label)
        for field in target.fields:
            if field.required and field.name not in table.fields:
                yield Finding(kind=Kind.REQUIRED, text=f"the required field {field.name!r} has no pick", table=label)


def _for_checks(program: Program, table: Table) -> set[str]:
    """The fields that checks or ``drop`` name: they may be beyond the target."""
    named = {name for where in table.drop for name in where}
    return named.union(*(fields_of(control) for control in (*table.checks, *program.checks)))


def _blank_fields(label: str, records: Sequence[Record], required: set[str], beyond: set[str]) -> Iterator[Finding]:
    """Fields ``beyond`` the target serve checks; of the rows that are left they may well be blank."""
    for name, index in records[0].fields.items() if records else ():
        blank = (record for record in records if record.got[index].value is None)
        if name in required:
            rows = list(blank)
            if rows:
                at = tuple(address for record in rows[:_SHOWN] for address in _any_address(record))
                text = f"required field {name!r} is blank in {len(rows)} of {len(records)} rows"
                yield Finding(kind=Kind.REQUIRED, text=text, at=at, table=label, name=name)
        elif name not in beyond and all(record.got[index].value is None for record in records):
            text = f"field {name!r} is blank in every row"
            yield Finding(kind=Kind.BLANK_FIELD, text=text, table=label, name=name)


def _any_address(record: Record) -> tuple[str, ...]:
    return next((got.at[:1] for got in record.got if got.at), ())


def _line(sheet: str, at: Position, *, turned: bool) -> tuple[str, bool, int]:
    """The row of a value cell in its sheet, or its column where the table is transposed."""
    return sheet, turned, at[0]


def _unread(around: Surroundings, passed: set[tuple[str, bool, int]]) -> Iterator[Finding]:
    """Cells that could not be read, but for those in rows of which nothing is left."""
    lines: dict[str, list[Unread]] = {}
    for one in around.unread:
        if not one.address or _lines_of(one.address).isdisjoint(passed):
            lines.setdefault(one.field, []).append(one)
    for name, own in lines.items():
        more = f" and {len(own) - 1} more like it" if len(own) > 1 else ""
        yield Finding(
            kind=Kind.UNREAD,
            name=name,
            text=f"field {name!r}: {own[0].reason}{more}",
            at=tuple(one.address for one in own[:_SHOWN] if one.address),
        )


def _lines_of(address: str) -> set[tuple[str, bool, int]]:
    sheet, _, reference = address.rpartition("!")
    if reference == "name":
        return set()
    row, column = parse_cell_reference(reference)
    return {(sheet, False, row), (sheet, True, column)}


def _unused(program: Program, planes: Sequence[Plane]) -> Iterator[Finding]:
    passed: list[str] = []
    for plane, left in unused_numbers(planes):
        if program.leaves_out(plane.sheet.name):
            passed += [] if program.ignores(plane.sheet.name) else [plane.sheet.name]
            continue
        text = f"{len(left)} number cells of sheet {plane.sheet.name!r} are in no table: {_ranges(left)}"
        yield Finding(kind=Kind.UNUSED, text=text, at=tuple(map(plane.address, left[:_SHOWN])))
    if passed:
        names = ", ".join(map(repr, passed[:_SHOWN])) + (", ..." if len(passed) > _SHOWN else "")
        text = f"sheets with numbers that no table names ({len(passed)}): {names}"
        yield Finding(kind=Kind.LEFT_OUT, text=text)


def unused_numbers(planes: Sequence[Plane]) -> Iterator[tuple[Plane, list[Position]]]:
    """Number cells of each sheet that neither gave a value nor were passed over by a condition of a program."""
    for straight in (plane for plane in planes if not plane.transposed):
        turned = [plane for plane in planes if plane.transposed and plane.sheet is straight.sheet]
        touched = {plane.origin(at) for plane in turned for at in (*plane.used, *plane.passed)}
        left = [at for at in _numbers(straight) if at not in touched]
        if left:
            yield straight, left


def _numbers(plane: Plane) -> list[Position]:
    used, passed = plane.used, plane.passed
    return [
        (row, column)
        for row, cells in enumerate(plane.rows)
        for column, value in enumerate(cells)
        if value is not None and (row, column) not in used and (row, column) not in passed and _is_number(value)
    ]


def _is_number(value: CellValue) -> bool:
    kind = type(value)
    return kind is float or kind is int or (kind is str and Content.NUMBER in contents_of(value))


def _ranges(cells: Sequence[Position]) -> str:
    """The columns with their first and last row: ``C5:C40 (36), F7 (1)``."""
    columns: dict[int, list[int]] = {}
    for row, column in cells:
        columns.setdefault(column, []).append(row)
    said = []
    for column, rows in sorted(columns.items())[:12]:
        letters = column_letters(column)
        span = f"{letters}{rows[0] + 1}" + (f":{letters}{rows[-1] + 1}" if len(rows) > 1 else "")
        said.append(f"{span} ({len(rows)})" if len(rows) > 1 else span)
    return ", ".join(said) + (", ..." if len(columns) > 12 else "")
