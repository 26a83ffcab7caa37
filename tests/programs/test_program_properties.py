"""Random records, laid out at random, come back from the program of their layout, value for value and cell for cell."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs_kit import PROGRAMS, document
from random_layouts import SLOW, convert, expected, got, laid_out, layouts, program_of, records

from llm_convert.contracts.document import CellRange, Sheet
from llm_convert.errors import LlmConvertError
from llm_convert.programs import Kind, differences, execute, fingerprint, load_program, sheet_view


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
    assert any(finding.kind in {Kind.CHECK, Kind.OWN_FAULT} for finding in after.findings)


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
