"""Random records, laid out at random, come back from the program of their layout, value for value and cell for cell."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs_kit import PROGRAMS, document

from llm_convert.contracts.document import CellRange, Sheet
from llm_convert.errors import LlmConvertError
from llm_convert.programs import Run, differences, execute, fingerprint, load_program, sheet_view

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


@SLOW
@given(records(), layouts, st.integers(0, 1000))
def test_records_come_back_from_any_layout(own, layout, seed) -> None:
    done = convert(own, layout, seed)
    assert got(done) == expected(own)
    assert not [finding for finding in done.findings if finding.kind != "unused"]
    source = laid_out(own, layout, seed).sheet(layout)
    for record in done.records:
        address = record.at("value")[0].rpartition("!")[2]
        assert source.resolve(address) == record.value("value")


@SLOW
@given(records(), layouts, st.integers(0, 1000), st.integers(0, 5), st.integers(0, 3))
def test_shifting_keeps_rows_and_fingerprint(own, layout, seed, down, right) -> None:
    first = convert(own, layout, seed)
    layout.down, layout.right = layout.down + down, layout.right + right
    second = convert(own, layout, seed)
    assert got(first) == got(second)
    assert differences(fingerprint(first), fingerprint(second)) == []


@SLOW
@given(records(), layouts, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_more_rows_other_numbers_another_day_keep_the_fingerprint(own, layout, seed, rnd) -> None:
    regions, items = {key[0] for key in own}, {key[1] for key in own}
    periods = {key[2:] for key in own}
    full = {(r, i, *p): own.get((r, i, *p), 1) for r in sorted(regions) for i in sorted(items) for p in sorted(periods)}
    longer = {key: rnd.randrange(1000) for key in full}
    longer |= {(r, "new item", *p): 5 for r in sorted(regions) for p in sorted(periods)}
    ordered = {key: longer[key] for key in sorted(longer)}
    first, second = convert(full, layout, seed), convert(ordered, layout, seed + 1)
    assert got(second) == expected(ordered)
    assert fingerprint(first).digest == fingerprint(second).digest


@SLOW
@given(records(), layouts, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_any_changed_number_under_a_total_is_caught(own, layout, seed, rnd) -> None:
    layout.totals = True
    laid = laid_out(own, layout, seed)
    before = execute(load_program(program_of(layout)), document(laid.sheet(layout)))
    amounts_at = [record.cell for record in (*before.records, *before.left_out)]
    at = rnd.choice(amounts_at)
    at = (at[0] - layout.down, at[1] - layout.right)
    laid.put(*at, laid.rows[at] + 7)
    after = execute(load_program(program_of(layout)), document(laid.sheet(layout)))
    assert any(finding.kind == "check" for finding in after.findings)


cells = (
    st.none()
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.text(max_size=12)
    | st.sampled_from(
        ["Region", "Area", "April", "Names", "2020", "H1", "Total", "#REF!", "N/A", "=1+1", "\u3000x", "1,2"]
    )
)
spans = st.builds(
    lambda top, left, height, width: CellRange(top, left, top + height, left + width),
    *(st.integers(0, 8), st.integers(0, 8), st.integers(0, 2**20), st.integers(0, 2**14)),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(cells, max_size=7), max_size=12),
    st.lists(spans, max_size=3),
    st.sampled_from([path.read_text(encoding="utf-8") for path in sorted(PROGRAMS.glob("*.yaml"))]),
)
def test_nothing_in_a_sheet_crashes_a_run_or_a_view(rows, merged, text) -> None:
    anchored = [
        "IPC-CqP",
        "Fecha",
        "Nominal Promedio Mensual",
        "Período",
        "Area",
        "Year",
        "April",
        "Names",
        "FARE MEDIA",
    ]
    own = Sheet(name="Sheet1", rows=(tuple(anchored), *map(tuple, rows)), merged=tuple(merged))
    sheet_view(own)
    try:
        done = execute(load_program(text), document(own))
    except LlmConvertError:
        return
    done.answer()
    done.told()
    fingerprint(done)
