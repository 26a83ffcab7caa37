"""The fingerprint of a layout under a program: what the program's reading depends on, and nothing that changes weekly.

The program is run on the new document first; a document that it does not fit raises there. The same digest and no new
problems mean the same layout: then, and only then, a kept program's rows are taken without a model.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import islice

from pydantic import Field

from llm_convert.contracts.base import Contract
from llm_convert.programs.blanks import Counts, added, blank_rows, field_name, more_than_possible
from llm_convert.programs.findings import unused_numbers
from llm_convert.programs.periods import MONTHS
from llm_convert.programs.placed import Placed
from llm_convert.programs.placing import anchors
from llm_convert.programs.predicates import Content
from llm_convert.programs.run import Finding, Kind, Run
from llm_convert.readings import find_unit, text_of

_DIGITS = re.compile(r"[0-9]+")
_WORDS = re.compile(r"[^\W\d_]+")
_DAYS = re.compile(r"[월화수목금토일](?:요일)?|(?:mon|tue|tues|wednes|wed|thu|thurs|fri|satur|sat|sun)(?:day)?")
_MARKS = re.compile(r"[\s*†‡§¹²³]+$")
_TYPES = (Content.NUMBER, Content.DATE, Content.BOOLEAN, Content.WORDS)
_SHARE = 0.2
"""Of a column's filled cells: a kind that fewer are of is an exception."""
_ANCHORS = 10
"""More anchors than this are many, however many."""
_TITLE_ROWS = 30
"""Rows above the data in which a unit may be stated."""
_COLUMNS, _BETWEEN = ": columns ", " | "
_LEFT_OUT = "numbers on a sheet without tables: "
_PASSING = frozenset({Kind.MENDED, Kind.OWN_FAULT, Kind.ABSENT, Kind.LEFT_OUT})
"""Findings about one document's content, which say nothing about its layout."""


class Fingerprint(Contract):
    """A layout as a program sees it."""

    digest: str
    """16 hex digits of the parts."""
    parts: tuple[str, ...]
    """What the digest is of, a line each, so that a difference can be told to a person."""
    problems: tuple[str, ...] = ()
    """Problems that the document had when the program was accepted, without their places and numbers."""
    sometimes_blank: tuple[str, ...] = ()
    """Fields, as problems name them, and columns that were blank in some rows: in another week they may be in all."""
    blank_rows: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Of each field, as problems name it: in how many rows it was blank, and of how many, over all proven documents."""


def fingerprint(run: Run) -> Fingerprint:
    """The fingerprint of the document that a program was run on."""
    parts = tuple(dict.fromkeys(_parts(run)))
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    found = {_signature(one) for one in run.findings if one.kind not in _PASSING}
    problems = tuple(sorted(found.union(_unlabelled(run))))
    counts = blank_rows(run)
    return Fingerprint(
        digest=digest,
        parts=parts,
        problems=problems,
        sometimes_blank=tuple(_sometimes_blank(run, counts)),
        blank_rows=counts,
    )


def differences(kept: Fingerprint, new: Fingerprint) -> list[str]:
    """Why a new document is not of the kept layout, a line each; empty when it is.

    A sheet that no table was read from may be gone; a new one may hold rows that nobody has asked for yet.
    """
    parts = [_as_filled(part, kept) for part in new.parts]
    before = [part for part in kept.parts if part in parts or not part.startswith(_LEFT_OUT)]
    known = {*kept.problems, *kept.sometimes_blank}
    said = [f"was: {part}" for part in before if part not in parts]
    said += [f"is: {part}" for part in parts if part not in kept.parts]
    said += [f"new problem: {problem}" for problem in new.problems if problem not in known]
    told = {*kept.problems, *new.problems} - {*kept.sometimes_blank}
    more = more_than_possible(kept.blank_rows, new.blank_rows)
    said += [f"new problem: {field} {counts}" for field, counts in more if field not in told]
    if not said and before != parts:
        said.append("the same parts stand in another order")
    return said


def learned(kept: Fingerprint, new: Fingerprint) -> Fingerprint:
    """A kept layout with what one more document of it shows: which fields may be blank, and how often."""
    return kept.model_copy(
        update={
            "problems": tuple(sorted({*kept.problems, *new.problems})),
            "sometimes_blank": tuple(sorted({*kept.sometimes_blank, *new.sometimes_blank})),
            "blank_rows": added(kept.blank_rows, new.blank_rows),
        }
    )


def _as_filled(part: str, kept: Fingerprint) -> str:
    """A table's columns with the types that they had, where they are blank now and were blank in some rows then."""
    table, found, columns = part.partition(_COLUMNS)
    if not found:
        return part
    blank = {name.removeprefix(table + _COLUMNS) for name in kept.sometimes_blank if name.startswith(table + _COLUMNS)}
    before = next((one.partition(_COLUMNS)[2] for one in kept.parts if one.startswith(table + _COLUMNS)), "")
    types = {column.rpartition(" [")[0]: column for column in before.split(_BETWEEN)}
    filled = [
        types.get(column.removesuffix(" []"), column) if column.removesuffix(" []") in blank else column
        for column in columns.split(_BETWEEN)
    ]
    return table + _COLUMNS + _BETWEEN.join(filled)


def folded_header(text: str) -> str:
    """A header without what changes from week to week: digits, names of months and of days, marks of footnotes."""
    words = _WORDS.sub(_folded_word, text.casefold())
    return _MARKS.sub("", _DIGITS.sub("0", words))


def _folded_word(match: re.Match[str]) -> str:
    word = match[0]
    return "<month>" if word in MONTHS else "<day>" if _DAYS.fullmatch(word) else word


def _parts(run: Run) -> Iterator[str]:
    for placed in run.placed:
        yield f"table {placed.label}{_COLUMNS}{_BETWEEN.join(_columns(placed))}"
        yield f"table {placed.label}: values {', '.join(sorted(_value_kinds(placed)))}"
        yield f"table {placed.label}: units {', '.join(_units(placed)) or 'none'}"
    for table, label in zip(run.program.tables, run.program.names(), strict=True):
        own = [placed for placed in run.placed if placed.table is table]
        if not own:
            yield f"table {label}: absent"
        elif not table.repeat:
            # Several anchors mean another block of the same kind, whose rows would be lost.
            counts = [len(list(islice(anchors(table, placed.plane), _ANCHORS))) for placed in own]
            yield f"table {label}: anchors {max(counts)}"
        for name in table.fields:
            if own and table.fields[name].find is not None:
                blank = any((one.kind, one.table, one.name) == (Kind.BLANK_FIELD, label, name) for one in run.findings)
                yield f"table {label}: field {name} {'not ' if blank else ''}found"
    yield from _unit_texts(run)
    yield f"numbers outside of all tables: {', '.join(sorted(_outside(run))) or 'none'}"
    yield from sorted({_LEFT_OUT + folded_header(name) for name in _other_sheets(run)})


def _rows(run: Run) -> dict[int, set[int]]:
    """The rows of the values, by the place of their table in ``run.placed``."""
    rows: dict[int, set[int]] = {}
    for record in run.records:
        rows.setdefault(record.occurrence, set()).add(record.cell[0])
    return rows


def _unlabelled(run: Run) -> Iterator[str]:
    """Tables with a row of nothing but values: where none was before, it is of something else that stands below."""
    for occurrence, rows in _rows(run).items():
        placed = run.placed[occurrence]
        labels = [column for column in placed.columns if column not in placed.values and placed.headers(column)]
        plane = placed.plane
        if labels and any(all(plane.value(*plane.seen(row, at)) is None for at in labels) for row in rows):
            yield f"unlabelled {placed.label}"


def _sometimes_blank(run: Run, counts: Counts) -> Iterator[str]:
    rows = _rows(run)
    fields = {field for field, (blank, of) in counts.items() if 0 < blank < of}
    yield from sorted(fields)
    tables = {
        placed.label
        for placed in run.placed
        if any(field_name(placed.label, name) in fields for name in placed.table.fields)
    }
    columns = {
        f"table {placed.label}{_COLUMNS}{_header(placed, column)}"
        for occurrence, placed in enumerate(run.placed)
        for column in placed.columns
        if placed.label in tables and column not in placed.values
        if any(placed.plane.value(row, column) is None for row in rows.get(occurrence, ()))
    }
    yield from sorted(columns)


def _outside(run: Run) -> set[str]:
    """On which sides of the tables there are numbers that no table uses: a new block lies somewhere."""
    found = set()
    for plane, cells in unused_numbers(run.planes):
        areas = [_area(placed) for placed in run.placed if placed.plane.sheet is plane.sheet]
        if not areas:
            continue
        top, left = min(area[0] for area in areas), min(area[1] for area in areas)
        bottom, right = max(area[2] for area in areas), max(area[3] for area in areas)
        for row, column in cells:
            side = "above" if row < top else "below" if row > bottom else ""
            found.add(side or ("left" if column < left else "right" if column > right else "within"))
    return found


def _other_sheets(run: Run) -> Iterator[str]:
    """The sheets with numbers and without any table, but for those that the program ignores."""
    read = {placed.plane.sheet.name for placed in run.placed}
    names = (plane.sheet.name for plane, _ in unused_numbers(run.planes))
    yield from (name for name in names if name not in read and not run.program.ignores(name))


def _area(placed: Placed) -> tuple[int, int, int, int]:
    """First row and column, last row and column of a table's data, as the sheet stands."""
    columns = [*placed.values, *(column for column in placed.columns if placed.headers(column))]
    top, left, bottom, right = placed.extent.first, min(columns), placed.extent.last, max(columns)
    return (left, top, right, bottom) if placed.plane.transposed else (top, left, bottom, right)


def _unit_texts(run: Run) -> Iterator[str]:
    """What the cells say that state the units of numbers."""
    sheets = {plane.sheet.name: plane.sheet for plane in run.planes}
    for table, label in zip(run.program.tables, run.program.names(), strict=True):
        for name in (name for name, pick in table.fields.items() if pick.unit is not None):
            stated = {record.at(name)[-1] for record in run.records if record.table == label and record.at(name)[1:]}
            for address in sorted(stated)[:50]:
                sheet, _, reference = address.rpartition("!")
                text = text_of(sheets[sheet].resolve(reference)) if sheet in sheets else ""
                yield f"table {label}: unit of {name}: {folded_header(' '.join(text.split()))}"


def _columns(placed: Placed) -> list[str]:
    """Header texts and type of each column in order; the repeats of a group of columns count once."""
    found: list[str] = []
    for column in placed.columns:
        header = _header(placed, column)
        own = column in placed.values
        # A column without a header holds remarks, which come and go, or labels: picks that miss those stay blank.
        if own or header:
            kind = "value" if own else _type(placed, column) if _is_read(placed, column) else ""
            found.append(f"{header} [{kind}]")
    return list(dict.fromkeys(found))


def _header(placed: Placed, column: int) -> str:
    return " / ".join(dict.fromkeys(folded_header(text) for text in placed.headers(column)[:6]))


def _value_kinds(placed: Placed) -> set[str]:
    """Of all value columns together: one of them may well be empty for a week."""
    return {_type(placed, column) for column in placed.values if placed.shares(column)}


def _is_read(placed: Placed, column: int) -> bool:
    """Whether some value or label came from a column; what an unread one holds is no part of the layout."""
    used = placed.plane.used
    return any((row, column) in used for row in range(placed.extent.first, placed.extent.last + 1))


def _type(placed: Placed, column: int) -> str:
    shares = placed.shares(column)
    # A column may hold two kinds on purpose, such as a date over each number: neither is most of it for certain.
    return "+".join(kind.value for kind in _TYPES if shares.get(kind, 0) > _SHARE)


def _units(placed: Placed) -> list[str]:
    """The units that are stated above the data, or in its headers."""
    plane, first = placed.plane, placed.extent.first
    texts = {
        plane.text((row, column))
        for row in range(max(0, first - _TITLE_ROWS), first)
        for column, value in enumerate(plane.rows[row])
        if isinstance(value, str) and placed.extent.left <= column <= placed.extent.right
    }
    units = (find_unit(text) for text in texts if len(text) <= 200)
    return sorted({f"{unit.name} x{unit.scale:f}" for unit in units if unit is not None})


def _signature(finding: Finding) -> str:
    """A problem without its places and numbers. A check counts as one problem, however often it is broken."""
    return f"{finding.kind.value} {finding.table} {finding.name}".strip()
