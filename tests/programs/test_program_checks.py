"""What must hold between rows: totals are rows until they are checked."""

from __future__ import annotations

from datetime import date

import pytest
from programs_kit import run, sheet, table, values

from llm_convert.programs import Kind, ProgramError, load_program

LEDGER = [
    ["Group", "Item", "Q1", "Q2"],
    ["A", "x", 1, 2],
    [None, "y", 3, 4],
    [None, "Subtotal", 4, 6],
    ["B", "z", 5, 6],
    [None, "Subtotal", 5, 6],
    ["Total", None, 9, 12],
]
PROGRAM = """
    anchor: ^Group
    values: ^Q
    fields:
      group: {{column: ^Group, look: up}}
      item: {{column: ^Item}}
      quarter: {{header: 0}}
      value: {{}}
    checks:
    {}
    """
SUBTOTALS = "- {check: sum, total: {item: ^Subtotal}, by: [group, quarter]}"
TOTAL = "- {check: sum, total: {group: ^Total}, by: [quarter]}"
BOTH = f"{SUBTOTALS}\n    {TOTAL}"


def changed(row: int, column: int, value: object) -> list[list[object]]:
    rows = [list(one) for one in LEDGER]
    rows[row][column] = value
    return rows


def broken(done):
    return [finding for finding in done.findings if finding.kind is Kind.CHECK]


def test_totals_of_every_level_are_checked_and_left_out() -> None:
    done = run(table(PROGRAM.format(BOTH)), sheet(*LEDGER))
    assert [(check.compared, check.broken) for check in done.checks] == [(4, 0), (2, 0)]
    assert not done.findings
    assert [row[1] for row in values(done)] == ["x", "x", "y", "y", "z", "z"]
    assert len(done.left_out) == 6
    assert done.coverage == 1


@pytest.mark.parametrize(("row", "column"), [(row, column) for row in range(1, 7) for column in (2, 3)])
def test_any_changed_number_is_caught(row, column) -> None:
    done = run(table(PROGRAM.format(BOTH)), sheet(*changed(row, column, LEDGER[row][column] + 1)))
    found = broken(done)
    assert found
    assert any(f"S!{'CD'[column - 2]}{row + 1}" in finding.at for finding in found)


def test_what_is_said_of_a_broken_sum() -> None:
    (found,) = broken(run(table(PROGRAM.format(SUBTOTALS)), sheet(*changed(3, 2, 5))))
    assert "group 'A', quarter 'Q1' states 5, its 2 parts give 4: off by 1" in found.text
    assert found.at == ("S!C4", "S!C2", "S!C3")


def test_kept_totals_and_a_check_that_finds_nothing() -> None:
    done = run(table(PROGRAM.format(SUBTOTALS.replace("}, by", "}, keep: true, by"))), sheet(*LEDGER))
    assert len(done.records) == 12
    done = run(table(PROGRAM.format(SUBTOTALS.replace("Subtotal", "Sum"))), sheet(*LEDGER))
    assert [finding.text for finding in broken(done)] == ["table #1: sum 1 compared nothing: no row is what it names"]


def test_sums_by_position_where_labels_repeat() -> None:
    rows = [["Item", "V"], ["x", 1], ["x", 2], ["Sum", 3], ["x", 4], ["Sum", 4], ["x", 7], ["Sum", 8]]
    done = run(
        table("""
        anchor: ^Item
        values: ^V
        fields: {item: {column: ^Item}, value: {}}
        checks: [{check: sum, total: {item: ^Sum}, span: up}]
        """),
        sheet(*rows),
    )
    assert [finding.at for finding in broken(done)] == [("S!B8", "S!B7")]
    flipped = run(
        table("""
        anchor: ^Item
        values: ^V
        fields: {item: {column: ^Item}, value: {}}
        checks: [{check: sum, total: {item: ^Sum}, span: down}]
        """),
        sheet(["Item", "V"], ["Sum", 3], ["x", 1], ["x", 2], ["Sum", 5], ["x", 5]),
    )
    assert not broken(flipped)


def test_totals_to_the_right_of_their_parts() -> None:
    done = run(
        table("""
        anchor: ^Item
        values: {not_header: ^Item}
        fields: {item: {column: ^Item}, month: {header: 0}, value: {}}
        checks: [{check: sum, total: {month: ^Sum}, span: left}]
        """),
        sheet(["Item", "Jan", "Feb", "Sum", "Mar", "Sum"], ["a", 1, 2, 3, 4, 4], ["b", 1, 1, 2, 3, 4]),
    )
    assert [finding.at for finding in broken(done)] == [("S!F3", "S!E3")]


def test_balances_and_their_chain() -> None:
    program = table("""
        anchor: ^Line
        values: {not_header: ^Line}
        fields: {line: {column: ^Line}, month: {header: 0}, value: {}}
        checks:
        - {check: balance, opening: {line: ^Open}, plus: {line: ^In}, minus: {line: ^Out}, closing: {line: ^Close},
           by: [month], chain: true}
        """)
    rows = [["Line", "Jan", "Feb"], ["Open", 10, 12], ["In", 5, 1], ["Out", 3, 2], ["Close", 12, 11]]
    assert not run(program, sheet(*rows)).findings
    rows[1][2] = 13
    assert len(broken(run(program, sheet(*rows)))) == 2


def test_percentages_and_changes() -> None:
    program = table("""
        anchor: ^Line
        values: {not_header: ^Line}
        fields: {line: {column: ^Line}, item: {header: 0}, value: {}}
        checks:
        - {check: percent, stated: {line: '%$'}, part: {line: ^Sold}, of: {line: ^Made$}, by: [item], tolerance: 0.05}
        - {check: percent, stated: {line: Change}, by: [item], change: true, where: {line: [Made, Made before, Change]}}
        """)
    rows = [
        ["Line", "a", "b"],
        ["Made before", 5, 4],
        ["Made", 10, 3],
        ["Sold", 5, 1],
        ["Sold %", 50, 33.3],
        ["Change", 100, -25],
    ]
    done = run(program, sheet(*rows))
    assert not done.findings
    assert len(done.records) == 6
    rows[4][2] = 34
    assert "states 34, 1 to 3 is 33.3333" in broken(run(program, sheet(*rows)))[0].text


def test_order_steps_and_mending() -> None:
    program = table("""
        anchor: ^Day
        values: ^V
        fields: {{day: {{column: ^Day, date: start}}, value: {{}}}}
        checks: [{{check: order, field: day{}}}]
        """)
    days = [date(2024, 5, 1), date(2024, 5, 2), date(2024, 4, 3), date(2024, 5, 4)]
    rows = [["Day", "V"], *([day, 1] for day in days)]
    (found,) = broken(run(program.format(""), sheet(*rows)))
    assert found.at == ("S!A4", "S!A3")
    done = run(program.format(", mend: true, step: day"), sheet(*rows))
    assert [record.value("day") for record in done.records][2] == "2024-05-03"
    (mended,) = done.findings
    assert (mended.kind, mended.at) == (Kind.MENDED, ("S!A4", "S!A3", "S!A5"))
    assert done.records[2].at("day") == ("S!A4", "S!A3", "S!A5")
    months = [["Day", "V"], ["2024-01", 1], ["2024-02", 1], ["2024-04", 1]]
    assert "not one month on" in broken(run(program.format(", step: month"), sheet(*months)))[0].text


def test_unique_keys() -> None:
    program = table("""
        anchor: ^K
        values: ^K
        fields: {k: {}}
        checks: [{check: unique, fields: [k]}]
        """)
    (found,) = broken(run(program, sheet(["K"], ["a"], ["b"], ["a"])))
    assert (found.text, found.at) == ("table #1: unique 1: 2 rows have k 'a'", ("S!A2", "S!A4"))


def test_checks_across_tables_of_one_sheet() -> None:
    program = """
        tables:
        - {name: lines, anchor: ^Item, end: ^Summary, values: ^V, fields: {item: {column: ^Item}, value: {}}}
        - {name: summary, anchor: ^Summary, values: ^All, fields: {value: {}}}
        checks: [{check: sum, total: {_table: summary}, parts: {_table: lines}}]
        """
    rows = [["Item", "V"], ["a", 1], ["b", 2], ["Summary", "All"], ["", 3]]
    done = run(program, sheet(*rows))
    assert not broken(done)
    assert done.rows == {"lines": 2, "summary": 1}
    assert len(done.records) == 2
    rows[4][1] = 4
    assert broken(run(program, sheet(*rows)))


def test_tolerance_and_the_noise_of_binary_fractions() -> None:
    program = table("""
        anchor: ^Item
        values: ^V
        fields: {{item: {{column: ^Item}}, value: {{}}}}
        checks: [{{check: sum, total: {{item: ^Sum}}, tolerance: {}}}]
        """)
    rows = [["Item", "V"], ["a", 0.1], ["b", 0.2], ["Sum", 0.1 + 0.2]]
    assert not broken(run(program.format(0), sheet(*rows)))
    rows[3][1] = 0.31
    assert broken(run(program.format(0), sheet(*rows)))
    assert not broken(run(program.format(0.01), sheet(*rows)))
    large = [["Item", "V"], ["a", 10**15], ["b", 1], ["Sum", 10**15 + 2]]
    assert broken(run(program.format(0), sheet(*large)))


def test_rows_are_dropped_after_the_checks() -> None:
    done = run(table(PROGRAM.format(BOTH) + "drop: [{item: [x], quarter: ^Q1$}, {group: B}]"), sheet(*LEDGER))
    assert [row[1:3] for row in values(done)] == [("x", "Q2"), ("y", "Q1"), ("y", "Q2")]
    assert not done.findings


def test_rows_are_chosen_by_what_they_are_not() -> None:
    parts = "parts: {item: {not: ^Subtotal}, group: {not: [Total]}}"
    checks = SUBTOTALS.replace("total:", f"{parts}, total:") + "\n    " + TOTAL
    done = run(table(PROGRAM.format(checks)), sheet(*LEDGER))
    assert [(check.compared, check.broken) for check in done.checks] == [(4, 0), (2, 0)]
    assert load_program(done.program.dumps()) == done.program
    unique = "- {check: unique, fields: [group, item, quarter]}"
    dropped = run(table(PROGRAM.format(f"{unique}\n    drop: [{{item: {{not: null}}}}]")), sheet(*LEDGER))
    assert [row[:2] for row in values(dropped)] == [("Total", None)] * 2


def test_what_rows_are_not_must_be_a_pattern_too() -> None:
    with pytest.raises(ProgramError, match="checks"):
        load_program(table(PROGRAM.format("- {check: sum, total: {item: {not: '('}}}")))
