"""Rows that read like totals although nothing in the program says so: they would be counted twice.

A check of sums along one dimension vouches for numbers that are totals along another, so this is told by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from llm_convert.contracts.base import Scalar
from llm_convert.layouts.totals import IN_EACH_TOTAL, is_total
from llm_convert.programs.checking import is_chosen
from llm_convert.programs.controls import wheres_of
from llm_convert.programs.language import Program, Table
from llm_convert.programs.placed import Placed
from llm_convert.programs.plane import Plane
from llm_convert.programs.run import Finding, Kind, Record

_SHOWN = 8
_CHOOSING = {"values", "keep"}
"""The keys that say which cells make rows."""
_LONGEST = 24
"""Characters of a word for totals."""
_VALUE, _OCCURRENCE = attrgetter("value"), attrgetter("occurrence")


def unnamed_totals(
    program: Program, by_table: Sequence[Sequence[Record]], placed: Sequence[Placed]
) -> Iterator[Finding]:
    """What reads like a total among the rows that are left, once for each label and field.

    Args:
        program: what was run.
        by_table: the rows that stay, by table.
        placed: the tables where they stand, by the rows' occurrence.
    """
    for table, label, records in zip(program.tables, program.names(), by_table, strict=True):
        found = [one for one in _in_fields(records) if not _is_chosen(program, table, *one[:2])]
        found += [
            ("", *one) for one in _in_labels(records, placed) if not _is_spelled(table, one[0], {*_CHOOSING, "fields"})
        ]
        for name, text, rows in found:
            if len(rows) < len(records):
                where = f"whose {name} is {text!r}" if name else f"labelled {text!r}"
                said = f"{len(rows)} rows {where} read like totals, and no check of sums names them"
                at = tuple(placed[one.occurrence].plane.address(one.cell) for one in rows[:_SHOWN])
                yield Finding(kind=Kind.TOTALS, text=said, at=at, table=label, name=f"{name} {text}".strip())


def _in_fields(records: Sequence[Record]) -> Iterator[tuple[str, str, list[Record]]]:
    if not records:
        return
    # Tables have 50,000 rows: column by column that is one look at each field, and not one at each value.
    columns = list(zip(*(record.got for record in records), strict=True))
    for name, index in records[0].fields.items():
        for text in _totals(set(map(_VALUE, columns[index]))):
            yield name, text, [record for record in records if record.got[index].value == text]


def _in_labels(records: Sequence[Record], placed: Sequence[Placed]) -> Iterator[tuple[str, list[Record]]]:
    """Words for totals that stand in no field of their rows: over the value column, or left of it."""
    above: dict[tuple[int, int], list[str]] = {}
    left: dict[tuple[int, int], list[str]] = {}
    for occurrence, ones in _by_occurrence(records).items():
        at = placed[occurrence]
        if not _has_totals(at.plane):
            continue
        rows, columns = map(set, zip(*(one.cell for one in ones), strict=True))
        above |= {(occurrence, column): found for column in columns if (found := _totals(at.headers(column)))}
        left |= {(occurrence, row): found for row in rows if (found := _totals(_left_of_values(at, row)))}
    for text in sorted({text for texts in (*above.values(), *left.values()) for text in texts}):
        own = [
            one
            for one in records
            if text in above.get((one.occurrence, one.cell[1]), ())
            or text in left.get((one.occurrence, one.cell[0]), ())
            if all(got.value != text for got in one.got)
        ]
        if own:
            yield text, own


def _by_occurrence(records: Sequence[Record]) -> Mapping[int, Sequence[Record]]:
    occurrences = set(map(_OCCURRENCE, records))
    if len(occurrences) == 1:
        return dict.fromkeys(occurrences, records)
    return {wanted: [one for one in records if one.occurrence == wanted] for wanted in sorted(occurrences)}


def _has_totals(plane: Plane) -> bool:
    """Whether any cell of the sheet reads like a total: mostly none does, and no row need be looked at."""
    texts = {value for row in plane.rows for value in row if isinstance(value, str)}
    return bool(_totals(map(str.strip, texts)))


def _left_of_values(placed: Placed, row: int) -> list[Scalar]:
    plane = placed.plane
    cells = (plane.seen(row, column) for column in placed.columns if column < placed.values[0])
    return [plane.text(at) for at in cells if isinstance(plane.value(*at), str)]


def _totals(values: Iterable[Scalar]) -> list[str]:
    return [text for text in values if isinstance(text, str) and _may_be_total(text) and is_total(text)]


def _may_be_total(text: str) -> bool:
    return len(text) <= _LONGEST and IN_EACH_TOTAL.search(text) is not None


def _is_chosen(program: Program, table: Table, name: str, text: str) -> bool:
    """Whether a check or ``drop`` chooses rows by this label, or a pattern that chooses values spells it."""
    wheres = [*table.drop, *(where for one in (*table.checks, *program.checks) for where in wheres_of(one))]
    wanted = [where[name] for where in wheres if where.get(name) is not None]
    return any(is_chosen(text, one) for one in wanted) or _is_spelled(table, text, _CHOOSING)


def _is_spelled(table: Table, text: str, keys: set[str]) -> bool:
    own = table.model_dump(mode="json", by_alias=True, exclude_none=True, include=keys)
    return text in json.dumps(own, ensure_ascii=False)
