"""Time grows with the sheet and no faster, whatever the program asks and the sheet holds."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest
from programs_kit import document, run, sheet, table

from llm_convert.contracts.document import CellRange, Sheet
from llm_convert.programs import execute, load_program, sheet_view


def seconds(program, own) -> float:
    best = 99.0
    for _ in range(2):
        started = time.process_time()
        execute(program, document(own))
        best = min(best, time.process_time() - started)
    return best


def pivot(rows: int) -> Sheet:
    return sheet(
        ["Region", "Item", *map(str, range(2000, 2010))],
        *(
            [f"R{at}" if at % 500 == 0 else None, f"item {at}", *(at * 1.5 + c for c in range(10))]
            for at in range(rows)
        ),
    )


@pytest.mark.parametrize(
    "walk",
    [
        "{column: ^Region, look: up}",
        "{column: ^Region, look: up, until: ^Nothing}",
        "{column: ^Item, look: up, until: {indented: less}}",
        "{column: ^Item, outline: 2}",
        "{column: ^Item, look: down, until: {bare: true}, stop: ^Nothing}",
        "{look: left, until: {type: words}, then: [{look: up, until: {bold: true}}]}",
        "{look: right, until: ^Nothing}",
        "{column: {type: words, nearest: left}}",
        "{find: ^Nothing}",
    ],
)
def test_no_walk_is_quadratic(walk) -> None:
    program = load_program(
        table(f"""
        anchor: ^Region
        values: ^20
        fields: {{label: {walk}, value: {{}}}}
        """)
    )
    small, large = seconds(program, pivot(500)), seconds(program, pivot(4000))
    assert large < 8 * 3 * small + 0.2


def test_fifty_thousand_cells_are_soon_done() -> None:
    program = load_program(
        table("""
        anchor: ^Region
        values: ^20
        fields: {region: {column: ^Region, look: up}, item: {column: ^Item}, year: {header: 0}, value: {as: number}}
        checks: [{check: unique, fields: [item, year]}]
        """)
    )
    # Twice calamine's time and 0.2 s are 0.26 s on a quiet machine; this one may be busy.
    assert seconds(program, pivot(5000)) < 1.0


def test_one_range_over_everything_and_cells_far_apart() -> None:
    whole = Sheet(name="S", rows=(("A", "V"), ("x", 1)), merged=(CellRange(0, 0, 2**20 - 1, 2**14 - 1),) * 3)
    program = table("""
        anchor: ^A
        values: ^V
        fields: {a: {column: ^A, look: up}, v: {}}
        """)
    started = time.process_time()
    assert len(run(program, whole).records) == 1
    far = Sheet(name="S", rows=(("A", "V"), *[()] * 200_000, ("x", 1)))
    assert len(run(program, far).records) == 1
    sheet_view(far)
    assert time.process_time() - started < 5


def test_a_million_anchors_are_too_many() -> None:
    program = table("""
        anchor: ^A
        repeat: true
        values: ^A
        fields: {a: {}}
        """)
    with pytest.raises(Exception, match="more than 2000 cells pass"):
        run(program, sheet(*(["A"] for _ in range(3000))))


@pytest.fixture
def frozen() -> Iterator[None]:
    """A process that keeps its objects from the collector, as servers do before they fork."""
    gc.freeze()
    yield
    gc.unfreeze()


def fifty_thousand_rows() -> None:
    run("tables: {anchor: ^Region, values: ^20, fields: {item: ^Item, year: {header: 0}, value: {}}}", pivot(5000))


def test_what_it_makes_is_not_looked_through_for_garbage() -> None:
    looks: list[int] = []

    def look(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            looks.append(len(gc.get_objects(generation=told["generation"])))

    gc.collect()
    gc.callbacks.append(look)
    try:
        fifty_thousand_rows()
    finally:
        gc.callbacks.remove(look)
    assert gc.isenabled()
    assert max(looks, default=0) < 50_000


def test_what_a_process_froze_stays_frozen(frozen: None) -> None:
    fifty_thousand_rows()
    assert gc.get_freeze_count() > 10_000
