"""The look of a layout before there is a program: the same in another week, another for another kind of document."""

from __future__ import annotations

import itertools

from programs_kit import sheet

from llm_convert.documents import read_document
from llm_convert.programs import Sketch, alike, sketch_of
from llm_convert.samples.catalogue import SAMPLES
from llm_convert.samples.weeks import WEEKS


def sketches(week: int) -> dict[str, Sketch]:
    read = {one.file_id: read_document("x", one.make(WEEKS[week])) for one in SAMPLES if not one.spoilt}
    return {name: sketch_of(document.sheets) for name, document in read.items() if list(document.sheets)}


def test_weeks_are_alike_and_kinds_are_not() -> None:
    first, second = sketches(1), sketches(2)
    assert len(first) == 6
    assert all(alike(first[name], second[name]) and first[name] for name in first)
    assert [pair for pair in itertools.combinations(first, 2) if alike(first[pair[0]], second[pair[1]])] == []


def test_digits_and_months_are_no_part_of_a_look() -> None:
    one = sketch_of([sheet(["Line", "January 2024", "Total"], ["A", 1, 1], ["B", 2, 2])])
    other = sketch_of([sheet([], ["Line", "February 2025", "Total"], ["C", 7, 7], ["D", 8, 8], ["E", 9, 9])])
    assert one == other != frozenset()


def test_a_sheet_s_beginning_is_enough() -> None:
    rows = [["Line", "Total"], *(["A", n] for n in range(5_000))]
    assert sketch_of([sheet(*rows)]) == {"line", "total"}
    assert sketch_of([sheet(["only prose, and not a single table of anything at all"])]) == frozenset()
