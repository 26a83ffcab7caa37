"""Fields that are blank in some rows: how often, and whether that is more often than earlier weeks make possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from llm_convert.programs.run import Kind, Run

_MOST = 0.5
"""Of the rows: fewer blanks are no sign of anything."""
_AS_OFTEN = 3
"""Times as often as before, one blank row more counted in, a field may be blank."""
Counts = Mapping[str, tuple[int, int]]
"""Blank rows and all rows, by field as problems name it."""


def blank_rows(run: Run) -> dict[str, tuple[int, int]]:
    """The counts of one document."""
    rows = Counter(record.table for record in run.records)
    blank = Counter(
        (record.table, name)
        for record in run.records
        for name, got in zip(record.fields, record.got, strict=True)
        if got.value is None
    )
    fields = dict.fromkeys((record.table, name) for record in run.records for name in record.fields)
    return {field_name(table, name): (blank[table, name], rows[table]) for table, name in fields}


def field_name(table: str, name: str) -> str:
    """A field as problems name it."""
    return f"{Kind.BLANK_FIELD.value} {table} {name}"


def added(counts: Counts, more: Counts) -> dict[str, tuple[int, int]]:
    """The counts of two sets of documents together."""
    total = dict(counts)
    for field, (blank, rows) in more.items():
        before = total.get(field, (0, 0))
        total[field] = (before[0] + blank, before[1] + rows)
    return total


def more_than_possible(before: Counts, now: Counts) -> Iterator[tuple[str, str]]:
    """Fields that most rows lack now and few lacked before: what was read for them is not where it was.

    Yields:
        The field, and how often it was blank and is.
    """
    for field, (blank, rows) in now.items():
        missed, of = before.get(field, (0, 0))
        if of and blank / rows > max(_MOST, _AS_OFTEN * (missed + 1) / (of + 1)):
            yield field, f"in {blank} of {rows} rows, before in {missed} of {of}"
