"""A document under a prompt to an answer, by rules alone."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import Layout, Prompt
from llm_convert.contracts.work import Answer, Cause
from llm_convert.layouts.blocks import find_tables
from llm_convert.layouts.found import Found
from llm_convert.layouts.grid import Grid, grids_of
from llm_convert.layouts.long_form import long_form
from llm_convert.layouts.observations import observations
from llm_convert.layouts.records import records

VERSION = "rules-1"
"""Raised by hand when the same document would get another answer: it is part of a work item's identity."""
_MOST = 3


def answer(prompt: Prompt, document: Document) -> Answer:
    """The rows that the tables of a document hold for a prompt, each value with the addresses that prove it.

    Without rows the answer holds a question for a person, or a cause and what was found instead. It never raises for a
    document's content.
    """
    grids = grids_of(document.parts)
    found = _found(prompt, grids)
    if found.questions:
        return Answer(clarify=_few(list(dict.fromkeys(found.questions))))
    if found.rows:
        return Answer(rows=tuple(found.rows))
    return _nothing(document, grids, found)


def _found(prompt: Prompt, grids: Sequence[Grid]) -> Found:
    match prompt.output.layout:
        case Layout.ANY_TABLE:
            return Found(rows=long_form(prompt, grids))
        case Layout.OBSERVATIONS:
            return observations(prompt, grids)
        case Layout.RECORDS:
            return records(prompt, grids)


def _nothing(document: Document, grids: Sequence[Grid], found: Found) -> Answer:
    """Why there are no rows."""
    filled = [grid for grid in grids if any(grid.rows)]
    if not filled and any(document.images):
        images = sum(1 for _ in document.images)
        return Answer(cause=Cause.NEEDS_A_MODEL, detail=f"the document holds {images} image(s) and no text or cells")
    if not filled:
        return Answer(cause=Cause.NO_TABLE_FOUND, detail="the document holds no filled cell and no line of text")
    if found.misses and any(find_tables(grid) or not grid.is_text for grid in filled):
        return Answer(cause=Cause.FIELDS_NOT_FOUND, detail=_few(found.misses))
    if all(grid.is_text for grid in filled):
        lines = sum(1 for grid in filled for row in grid.rows if row)
        return Answer(cause=Cause.NEEDS_A_MODEL, detail=f"the document holds {lines} lines of prose and no table")
    cells = sum(len(row) for grid in filled for row in grid.rows)
    return Answer(
        cause=Cause.NO_TABLE_FOUND, detail=f"{len(filled)} sheet(s) with {cells} filled cells, none arranged as a table"
    )


def _few(texts: list[str]) -> str:
    return " | ".join(texts[:_MOST]) + (f" (and {len(texts) - _MOST} more)" if len(texts) > _MOST else "")
