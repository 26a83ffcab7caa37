"""Finds tables in sheets and text without any model, and matches declared fields to them.

It is the brain of the ``rules`` provider and of the reading of tidy documents. It may import ``contracts``, ``errors``
and ``readings``; it knows no store, no provider and no format. Whatever it answers is a claim with addresses, proven
elsewhere; it never raises for an odd document and never makes a value up.

    answer(prompt, document)       # Answer(rows=({"item": Claimed(value="아메리카노", at=("주문!B4",)), ...},), ...)
"""

from __future__ import annotations

from llm_convert.layouts.answer import VERSION, answer
from llm_convert.layouts.blocks import Table, find_tables
from llm_convert.layouts.grid import Cell, Grid, Kind, grids_of

__all__ = ["VERSION", "Cell", "Grid", "Kind", "Table", "answer", "find_tables", "grids_of"]
