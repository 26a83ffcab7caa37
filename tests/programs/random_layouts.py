"""Records laid out at random, and the program that a writer would give for each layout."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from programs_kit import document

from llm_convert.contracts.document import CellRange, Sheet
from llm_convert.programs import Run, execute, load_program

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@dataclass(kw_only=True)
class Layout:
    """How records of (region, item, year, half, amount) are laid out."""

    pivot: bool
    """Years and halves across, else a column for each."""
    two_headers: bool
    merged: bool
    """Region labels and year headers are merged, else left out after the first."""
    sections: bool
    """The region stands in a line of its own."""
    totals: bool
    title: bool
    notes: bool
    gap_column: bool
    transposed: bool
    down: int = 0
    right: int = 0


@dataclass
class Laid:
    rows: dict[tuple[int, int], Any] = field(default_factory=dict)
    merged: list[CellRange] = field(default_factory=list)

    def put(self, row: int, column: int, value: Any) -> None:
        self.rows[row, column] = value

    def sheet(self, layout: Layout) -> Sheet:
        cells = {(row + layout.down, column + layout.right): value for (row, column), value in self.rows.items()}
        merged = [
            CellRange(m.top + layout.down, m.left + layout.right, m.bottom + layout.down, m.right + layout.right)
            for m in self.merged
        ]
        if layout.transposed:
            cells = {(column, row): value for (row, column), value in cells.items()}
            merged = [CellRange(m.left, m.top, m.right, m.bottom) for m in merged]
        height = max(row for row, _ in cells) + 1
        rows = [[cells.get((row, column)) for column in range(max(c for _, c in cells) + 1)] for row in range(height)]
        return Sheet(name="Data", rows=tuple(map(tuple, rows)), merged=tuple(merged))


Records = dict[tuple[str, str, int, str], int | float]
layouts = st.builds(
    Layout,
    **{name: st.booleans() for name in ("pivot", "two_headers", "merged", "sections", "totals", "title", "notes")},
    gap_column=st.booleans(),
    transposed=st.booleans(),
    down=st.integers(0, 4),
    right=st.integers(0, 3),
)
amounts = st.integers(-10_000, 10_000) | st.decimals(-999, 999, places=2, allow_nan=False).map(float)


@st.composite
def records(draw) -> Records:
    regions = draw(
        st.lists(st.sampled_from(["North", "South", "East", "서울", "부산"]), min_size=1, max_size=4, unique=True)
    )
    items = draw(
        st.lists(st.sampled_from(["milk", "egg", "bread 500 g", "우유", "x-1"]), min_size=1, max_size=4, unique=True)
    )
    years = range(2020, 2020 + draw(st.integers(1, 3)))
    keys = [
        (region, item, year, half) for region in regions for item in items for year in years for half in ("H1", "H2")
    ]
    found = {key: draw(amounts) for key in keys if draw(st.integers(0, 9))}
    return found or {keys[0]: 1}


def laid_out(own: Records, layout: Layout, seed: int) -> Laid:
    noise = random.Random(seed)
    laid = Laid()
    top = 0
    if layout.title:
        laid.put(0, 0, f"Report of {date(2024, 1, 1) + timedelta(days=seed % 300):%d %B %Y}")
        top = 2 + seed % 2
    bottom = (_pivot if layout.pivot else _list)(laid, own, layout, top)
    if layout.notes:
        laid.put(bottom + 1 + seed % 3, 0, "Source: somebody, " + "x" * noise.randrange(50))
    return laid


def _list(laid: Laid, own: Records, layout: Layout, top: int) -> int:
    headers = ["Region", "Item", "Year", "Half", "Amount"]
    for column, text in enumerate(headers):
        laid.put(top, column, text)
    row, before = top + 1, None
    for (region, item, year, half), amount in own.items():
        if region != before and layout.sections:
            laid.put(row, 0, region)
            row += 1
        elif region != before:
            laid.put(row, 0, region)
        for column, value in enumerate((item, year, half, amount), 1):
            laid.put(row, column, value)
        before = region
        row += 1
    if layout.totals:
        laid.put(row, 0, "Total")
        laid.put(row, 4, total(own.values()))
        row += 1
    return row


def total(values) -> float | int:
    return round(sum(values), 2)


def _pivot(laid: Laid, own: Records, layout: Layout, top: int) -> int:
    periods = sorted({(year, half) for _, _, year, half in own})
    first = 3 if layout.gap_column else 2
    laid.put(top, 0, "Region")
    laid.put(top, 1, "Item")
    data = top + (2 if layout.two_headers else 1)
    years: dict[int, list[int]] = {}
    for offset, (year, half) in enumerate(periods):
        years.setdefault(year, []).append(first + offset)
        laid.put(data - 1, first + offset, half if layout.two_headers else f"{year} {half}")
    if layout.two_headers:
        for year, columns in years.items():
            laid.put(top, columns[0], str(year))
            if layout.merged and len(columns) > 1:
                laid.merged.append(CellRange(top, columns[0], top, columns[-1]))
    row = data
    for region in dict.fromkeys(key[0] for key in own):
        begun = row
        laid.put(row, 0, region)
        row += layout.sections
        for item in dict.fromkeys(key[1] for key in own if key[0] == region):
            laid.put(row, 1, item)
            for offset, (year, half) in enumerate(periods):
                if (region, item, year, half) in own:
                    laid.put(row, first + offset, own[region, item, year, half])
            row += 1
        if layout.merged and not layout.sections and row - begun > 1:
            laid.merged.append(CellRange(begun, 0, row - 1, 0))
        if layout.totals:
            laid.put(row, 1, "Subtotal")
            for offset, (year, half) in enumerate(periods):
                parts = [v for (r, _, y, h), v in own.items() if (r, y, h) == (region, year, half)]
                laid.put(row, first + offset, total(parts) if parts else None)
            row += 1
    return row


def program_of(layout: Layout) -> dict[str, Any]:
    """The program that a writer would give for the layout."""
    region: dict[str, Any] = {"column": "^Region$", "look": "up"}
    if layout.pivot:
        fields: dict[str, Any] = {"region": region, "item": {"column": "^Item$"}}
        fields["period"] = {"join": [{"header": 0}, {"header": 1}]} if layout.two_headers else {"header": 0}
        checks = {"check": "sum", "total": {"item": "^Subtotal$"}, "by": ["region", "period"], "tolerance": 0.011}
        own: dict[str, Any] = {"values": "H[12]$", "header": [0, 1] if layout.two_headers else [0]}
        own["fill"] = [0] if layout.two_headers and not layout.merged else []
    else:
        join = [{"column": "^Year$"}, {"column": "^Half$"}]
        fields = {"region": region, "item": {"column": "^Item$"}, "period": {"join": join}}
        checks = {"check": "sum", "total": {"region": "^Total$"}, "tolerance": 0.011}
        own = {"values": "^Amount$"}
    own |= {"anchor": "^Region$", "end": "^Source", "transpose": layout.transposed}
    fields["value"] = {}
    return {"tables": [{**own, "fields": fields, "checks": [checks] if layout.totals else []}]}


def expected(own: Records) -> dict[tuple[str, str, str], int | float]:
    return {(region, item, f"{year} {half}"): value for (region, item, year, half), value in own.items()}


def got(done: Run) -> dict[tuple[Any, ...], Any]:
    found = {
        tuple(record.value(name) for name in ("region", "item", "period")): record.value("value")
        for record in done.records
    }
    assert len(found) == len(done.records)
    return found


def convert(own: Records, layout: Layout, seed: int) -> Run:
    return execute(load_program(program_of(layout)), document(laid_out(own, layout, seed).sheet(layout)))
