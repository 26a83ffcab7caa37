"""A layout's look before any program has read it: the texts of its headers, without what changes from week to week.

It only says which documents are worth waiting for each other, and which kept program a new layout may have come from.
What a layout is for certain, its fingerprint under a program tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from llm_convert.contracts.document import Sheet
from llm_convert.layouts import Grid, find_tables, grids_of
from llm_convert.programs.fingerprint import folded_header

Sketch = frozenset[str]
"""Header texts of all tables of a document, folded."""

MOST_SHEETS, MOST_ROWS, MOST_TEXTS = 20, 200, 300
_LONGEST_CHARS = 60
"""A longer text is prose."""


def sketch_of(sheets: Iterable[Sheet]) -> Sketch:
    """The sketch of a document's sheets; empty where no headers are found."""
    beginnings = [_beginning(sheet) for sheet in islice(sheets, MOST_SHEETS)]
    texts = dict.fromkeys(text for grid in grids_of(beginnings) for text in _headers(grid))
    return frozenset(islice(texts, MOST_TEXTS))


def alike(one: Sketch, other: Sketch) -> bool:
    """Whether two documents may have one layout: half of the shorter list of headers stands in the other."""
    if not one or not other:
        return one == other
    return 2 * len(one & other) >= min(len(one), len(other))


def _beginning(sheet: Sheet) -> Sheet:
    """Headers that begin further down are those of later tables: the first ones tell enough."""
    return sheet if len(sheet.rows) <= MOST_ROWS else replace(sheet, rows=sheet.rows[:MOST_ROWS])


def _headers(grid: Grid) -> Iterator[str]:
    for table in find_tables(grid):
        for row in table.header:
            for cell in grid.standing(row):
                text = folded_header(cell.text)
                if any(character.isalpha() for character in text) and len(text) <= _LONGEST_CHARS:
                    yield text
