"""Comma, tab, semicolon or bar separated text: one sheet, every value a text exactly as it stands.

No types are guessed: ``007`` stays ``007``. Row numbers are those a spreadsheet program would show.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from llm_convert.contracts.document import Sheet
from llm_convert.contracts.work import Cause, WorkItemError
from llm_convert.documents.options import Contents, ReadOptions, stem, too_many_cells
from llm_convert.documents.text import decode

_DELIMITERS = "\t;|,"
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_RECORDS = 200
_Quoting = Literal[0, 3]
"""QUOTE_MINIMAL or QUOTE_NONE of the csv module."""


def tell_delimiter(text: str, *, lines: int = 2) -> str | None:
    """The delimiter that gives most records the same number of fields, two at least; None when there is none.

    Tabs are asked first: they hardly ever stand inside a value, while commas stand inside numbers.

    Args:
        text: the whole text; its first 200 records are looked at.
        lines: how many such records there must be.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    shares = {delimiter: _share(sample, delimiter, lines) for delimiter in _DELIMITERS}
    if shares["\t"] > 0.5:
        return "\t"
    best = max(_DELIMITERS, key=lambda delimiter: shares[delimiter])
    return best if shares[best] > 0.5 else None


def read(name: str, data: bytes, options: ReadOptions) -> Contents:
    """One Sheet named after the file's stem. The notes say the encoding when it is not UTF-8."""
    decoded = decode(data)
    if decoded is None:
        raise WorkItemError(Cause.UNREADABLE, "the text is in no encoding that could be told")
    notes = [decoded.note] if decoded.note else []
    delimiter = tell_delimiter(decoded.text, lines=1) or ","
    quoting = _quoting(decoded.text, delimiter)
    if quoting == csv.QUOTE_NONE:
        notes.append("a quotation mark is never closed: quotation marks were read as ordinary characters")
    try:
        rows = _rows(_records(decoded.text, delimiter, quoting), options.max_cells)
    except csv.Error:
        # The only fault that is found in text of which each line end is told.
        raise WorkItemError(
            Cause.TOO_LARGE, f"a value of the table has more than {csv.field_size_limit():,} characters"
        ) from None
    if not any(rows):
        raise WorkItemError(Cause.EMPTY_DOCUMENT, "the table holds no values")
    return Contents(parts=(Sheet(name=stem(name), rows=rows),), notes=tuple(notes))


def _share(sample: str, delimiter: str, lines: int) -> float:
    """The share of records that have the commonest number of fields."""
    if delimiter not in sample:
        return 0.0
    widths: Counter[int] = Counter()
    try:
        for record in _records(sample, delimiter, _quoting(sample, delimiter)):
            if any(field.strip() for field in record):
                widths[len(record)] += 1
            if widths.total() >= _SAMPLE_RECORDS:
                break
    except csv.Error:
        return 0.0
    width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(0, 0))
    return count / widths.total() if width > 1 and count >= lines else 0.0


def _records(text: str, delimiter: str, quoting: _Quoting) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)


def _quoting(text: str, delimiter: str) -> _Quoting:
    """QUOTE_NONE when a quotation mark is never closed: it would swallow the rest of the file into one value."""
    if '"' not in text:
        return csv.QUOTE_MINIMAL
    strict = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for _ in strict:
            pass
    except csv.Error:
        return csv.QUOTE_NONE if text.count('"') % 2 else csv.QUOTE_MINIMAL
    return csv.QUOTE_MINIMAL


def _rows(records: Iterator[list[str]], max_cells: int) -> tuple[tuple[str | None, ...], ...]:
    rows = []
    cells = 0
    for record in records:
        cells += len(record)
        if cells > max_cells:
            raise too_many_cells("the table", cells, max_cells)
        rows.append(tuple(field or None for field in record))
    while rows and not any(rows[-1]):
        rows.pop()
    return tuple(rows)
