"""What a writer is told: of a program that does not fit, and of what a run shows."""

from __future__ import annotations

import pytest
from programs_kit import prompt, run, sheet, table, values

from llm_convert.programs import Kind, MisfitError, load_program

ROWS = [["Sales report"], ["Region", "Shop", "Amount"], ["North", "A", 1], ["South", "B", 2]]
BASE = """
    anchor: {anchor}
    values: {values}
    {more}
    fields: {{region: {{column: ^Region$}}, amount: {{}}}}
    """


def small(anchor="^Region$", values="^Amount$", more="missing: []"):
    return table(BASE.format(anchor=anchor, values=values, more=more))


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (small(anchor="^Regions$"), "no cell passes the anchor '^Regions$'; nearest: 'Region' at S!A2"),
        (small(anchor="{type: error}"), 'no cell passes the anchor {"type":["error"]}'),
        (small(values="^Amounts$"), "nearest headers: 'Amount' (S!C2)"),
        (small(values="^Foo$"), "headers: 'Region' (S!A2), 'Shop' (S!B2), 'Amount' (S!C2)"),
        (small(more="sheet: ^Data"), "no sheet is named like '^Data': 'S'"),
        (small(more="header: [-3]"), "a header row lies outside the sheet"),
        (small(more="left: ^Nothing"), "passes `left` '^Nothing'"),
    ],
)
def test_a_program_that_does_not_fit_says_where_and_what_comes_nearest(program, said) -> None:
    with pytest.raises(MisfitError) as caught:
        run(program, sheet(*ROWS))
    assert said in str(caught.value)
    assert "Correct the program" in str(caught.value)


def test_all_misfits_are_told_at_once() -> None:
    two = "tables:\n- {anchor: x1, values: y, fields: {v: {}}}\n- {name: t, anchor: x2, values: y, fields: {v: {}}}"
    with pytest.raises(MisfitError) as caught:
        run(two, sheet(*ROWS))
    assert [misfit.table for misfit in caught.value.misfits] == ["#1", "t"]


def test_an_optional_table_may_be_absent() -> None:
    done = run(small(anchor="^Nothing", more="optional: true"), sheet(*ROWS))
    assert values(done) == []


def test_an_optional_table_that_is_there_must_fit() -> None:
    with pytest.raises(MisfitError, match="nearest headers: 'Amount'"):
        run(small(values="^Amounts$", more="optional: true"), sheet(*ROWS))


def test_a_sheet_with_the_anchor_and_nothing_else_of_the_table_is_told() -> None:
    done = run(small(), sheet(*ROWS), sheet(["Region", "Price"], ["a", 1], name="Other"))
    assert [finding.kind for finding in done.findings] == [Kind.UNUSED, Kind.ABSENT]


def test_a_document_without_sheets() -> None:
    with pytest.raises(MisfitError, match="the document has no sheet"):
        run(small())


def test_sheets_without_the_anchor_are_passed_over_or_told() -> None:
    other = sheet(["Notes"], ["None"], name="Notes")
    assert len(run(small(), sheet(*ROWS), other).records) == 2
    done = run(small(more="sheet: ."), sheet(*ROWS), other, sheet(*ROWS, name="S2"))
    assert len(done.records) == 4
    (found,) = [finding for finding in done.findings if finding.kind is Kind.ABSENT]
    assert "is not on sheet 'Notes'" in found.text
    assert found not in done.problems


def test_unused_numbers_blank_fields_and_missing_rows_are_told() -> None:
    program = table("""
        anchor: ^Region$
        end: ^Total
        values: ^Amount$
        fields: {region: {column: ^Regio$}, shop: {column: ^Shop, required: true}, amount: {}}
        """)
    rows = [["Year", 2024], *ROWS[1:], ["West", None, 3], ["Total", None, 6], [None, None, 7]]
    found = {finding.kind: finding for finding in run(program, sheet(*rows)).findings}
    assert found[Kind.UNUSED].text == "3 number cells of sheet 'S' are in no table: B1, C6:C7 (2)"
    assert found[Kind.BLANK_FIELD].text == "field 'region' is blank in every row"
    assert found[Kind.REQUIRED].text == "required field 'shop' is blank in 1 of 3 rows"
    assert found[Kind.REQUIRED].at == ("S!C5",)
    empty = run(program, sheet(["Region", "Shop", "Amount"]))
    assert [finding.kind for finding in empty.findings] == [Kind.NO_ROWS]


OTHER = sheet(["Page", 7], name="Contents")


def test_sheets_that_no_table_names_are_left_out_on_purpose() -> None:
    named = run(small(more="sheet: ^S$"), sheet(*ROWS), OTHER)
    (found,) = named.findings
    assert found.kind is Kind.LEFT_OUT
    assert found.text == "sheets with numbers that no table names (1): 'Contents'"
    assert not named.problems
    assert [one.kind for one in run(small(), sheet(*ROWS), OTHER).problems] == [Kind.UNUSED]


def test_ignored_sheets_are_neither_read_nor_told() -> None:
    ignoring = small() + "\nignore: [^Contents$, ^Copy]"
    done = run(ignoring, sheet(*ROWS), OTHER, sheet(*ROWS, name="Copy of S"))
    assert len(done.records) == 2
    assert not done.findings
    assert load_program(ignoring).to_data()["ignore"] == ["^Contents$", "^Copy"]
    with pytest.raises(MisfitError, match="every sheet is ignored: 'Copy of S'"):
        run(ignoring, sheet(*ROWS, name="Copy of S"))


def test_numbers_between_header_rows_belong_to_the_header() -> None:
    program = table("""
        anchor: ^Series$
        header: [-2, 0]
        values: {type: number}
        fields: {city: {header: 0}, series: {header: 1}, value: {}}
        """)
    rows = [[None, "Sydney", "Perth"], ["Observations", 282, 278], ["Series", "A1", "A2"], ["1948", 3.7, 3.8]]
    assert not run(program, sheet(*rows)).findings
    assert [one.kind for one in run(program, sheet(["Edition", 7], *rows)).findings] == [Kind.UNUSED]


PEOPLE = [
    [None, None, "합계", None, "외국인", None],
    ["기간", "구", "남자", "여자", "남자", "여자"],
    ["2017", "합계", 9, 11, 3, 3],
    ["2017", "종로구", 4, 5, 1, 2],
    ["2017", "중구", 5, 6, 2, 1],
]
PEOPLE_PROGRAM = """
    anchor: ^기간$
    header: [-1, 0]
    values: {values}
    {more}
    fields: {{district: {{column: ^구$}}, {nation} sex: {{header: 1}}, value: {{}}}}
    checks:
    - {{check: sum, total: {{district: ^합계$}}, by: [{by}sex]}}
    {checks}
    """


def people(
    values: str = "^[남여]자$", more: str = "missing: []", nation: str = "nation: {header: 0},", checks: str = ""
) -> list[str]:
    """What is told of totals over the values, where only those of the districts are checked."""
    by = "nation, " if nation else ""
    program = table(PEOPLE_PROGRAM.format(values=values, more=more, nation=nation, by=by, checks=checks))
    done = run(program, sheet(*PEOPLE, merged="C1:D1 E1:F1"))
    return [one.text for one in done.findings if one.kind is Kind.TOTALS]


def test_totals_along_a_second_dimension_are_told() -> None:
    assert people() == ["4 rows whose nation is '합계' read like totals, and no check of sums names them"]
    assert people(nation="") == ["4 rows labelled '합계' read like totals, and no check of sums names them"]


@pytest.mark.parametrize(
    "named",
    [
        {"checks": "- {check: sum, total: {nation: 합계}, by: [district, sex], keep: true, tolerance: 100}"},
        {"values": "[{header: ^합계}, {header: ^외국인}]"},
        {"values": "{header: 자$, not_header: ^합계$}"},
        {"more": "keep: [{header: 0, is: {not: ^합계$}}]"},
        {"more": "drop: [{nation: ^합계$}]"},
    ],
    ids=["check", "values", "not", "keep", "drop"],
)
def test_totals_that_the_program_names_are_meant(named: dict[str, str]) -> None:
    assert people(**named) == []


def test_rows_that_are_all_totals_are_no_totals_of_anything() -> None:
    assert not run(
        table(BASE.format(anchor="^Region$", values="^Amount$", more="missing: []")),
        sheet(["Region", "Amount"], ["Total", 3], ["Total", 4]),
    ).findings


def test_rows_that_a_condition_passes_over_are_not_forgotten_numbers() -> None:
    rows = [["Region", "Amount", "Share"], ["North", 1, 0.5], ["Median", 1, 0.4]]
    program = table("""
        anchor: ^Region$
        values: {not_header: ^Region}
        keep: [{column: ^Region, is: {not: ^Median}}]
        fields: {region: {column: ^Region$}, amount: {}}
        """)
    assert not run(program, sheet(*rows)).findings


def test_what_a_writer_is_told_reads_well() -> None:
    program = table("""
        name: sales
        anchor: ^Region$
        values: ^Amount$
        fields: {region: {column: ^Region$}, value: {as: number}}
        checks: [{check: sum, total: {region: ^Total}}]
        """)
    told = run(program, sheet(*ROWS, ["East", "C", "n.q."], ["Total", None, 4])).told()
    assert told.splitlines()[:3] == [
        "rows: sales 4",
        "check sales: sum 1: 0 of 1 hold",
        "75% of the numbers stand under a check of sums",
    ]
    assert "unread: field 'value': 'n.q.' is no number" in told
    assert "[S!C5]" in told


def test_a_total_in_a_column_of_dates_is_told_by_a_further_field() -> None:
    target = prompt({"name": "day", "type": "date"}, {"name": "amount", "type": "decimal"})
    program = table("""
        anchor: ^Day
        values: ^Amount
        ignore: [^Share]
        fields: {day: {column: ^Day}, label: {column: ^Day}, amount: {}}
        checks: [{check: sum, value: amount, total: {label: ^Total}}]
        """)
    rows = [["Day", "Amount", "Share"], ["2024-01-02", 5, 0.5], ["2024-01-03", 5, 0.5], ["Total", 10, 1]]
    done = run(program, sheet(*rows), prompt=target)
    assert not done.findings
    assert [set(row) for row in done.answer().rows] == [{"day", "amount"}] * 2
    rows[1][0] = "soon"
    (found,) = run(program, sheet(*rows), prompt=target).findings
    assert (found.kind, found.at) == (Kind.UNREAD, ("S!A2",))


def test_a_label_that_is_merged_over_typed_columns_is_no_value_of_theirs() -> None:
    target = prompt({"name": "name"}, {"name": "day", "type": "date"}, {"name": "amount", "type": "decimal"})
    program = table("""
        anchor: ^Name
        values: ^Amount
        fields: {name: {column: ^Name}, day: {column: ^Day, look: up}, amount: {}}
        checks: [{check: sum, value: amount, total: {name: ^Total}, keep: true}]
        """)
    rows = [["Name", "Day", "Amount"], ["a", "2024-01-02", 5], ["b", None, 6], ["Total", None, 11]]
    done = run(program, sheet(*rows, merged="A4:B4 B2:B3"), prompt=target)
    assert not done.findings
    assert values(done) == [("a", "2024-01-02", "5"), ("b", "2024-01-02", "6"), ("Total", None, "11")]


def test_a_total_of_nothing_is_zero() -> None:
    program = table("""
        anchor: ^Item
        values: {not_header: ^Item}
        fields: {item: {column: ^Item}, day: {header: 0}, value: {}}
        checks: [{check: sum, total: {item: ^Total}, by: [day]}]
        """)
    rows = [["Item", "Mon", "Sun"], ["a", 1, None], ["Total", 1, 0]]
    assert not run(program, sheet(*rows)).findings
    rows[2][2] = 3
    assert run(program, sheet(*rows)).findings


def test_fields_beyond_the_target_that_no_check_needs_are_told() -> None:
    program = table("""
        anchor: ^Region$
        values: ^Amount$
        fields: {region: {column: ^Region$}, shop: {column: ^Shop$}}
        """)
    done = run(program, sheet(*ROWS), prompt=prompt({"name": "region"}, {"name": "amount", "required": True}))
    assert sorted(finding.kind for finding in done.findings) == [Kind.REQUIRED, Kind.UNKNOWN_FIELD]
