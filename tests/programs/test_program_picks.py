"""What a program can fetch: each construct on the smallest sheet that needs it."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs_kit import document, places, prompt, run, sheet, table, values

from llm_convert.contracts.document import CellStyle
from llm_convert.programs import Kind, ProgramError, execute, load_program

BOLD = CellStyle(bold=True)


def test_a_list_of_records() -> None:
    done = run(
        table("""
        anchor: ^Code$
        values: ^Code$
        fields: {code: {}, item: {column: ^Item$}, qty: {column: ^Q}}
        """),
        sheet(["Title"], ["Item", "Code", "Qty"], ["Milk", "M1", 3], ["Egg", "E1", None]),
    )
    assert values(done) == [("M1", "Milk", 3), ("E1", "Egg", None)]
    assert places(done) == [("B3", "A3", "C3"), ("B4", "A4", "")]


def test_a_cross_table_with_merged_headers_and_blank_labels() -> None:
    done = run(
        table("""
        anchor: ^Region$
        header: [0, 1]
        values: {not_header: ^(Region|Shop)$}
        fields:
          region: {column: ^Region$, look: up}
          shop: {column: ^Shop$}
          year: {header: 0, as: integer}
          half: {header: 1}
          amount: {}
        """),
        sheet(
            ["Region", "Shop", 2023, None, 2024],
            [None, None, "H1", "H2", "H1"],
            ["North", "A", 1, 2, 3],
            [None, "B", 4, None, 6],
            merged="C1:D1 A1:A2",
        ),
    )
    assert values(done)[:3] == [
        ("North", "A", 2023, "H1", 1),
        ("North", "A", 2023, "H2", 2),
        ("North", "A", 2024, "H1", 3),
    ]
    assert values(done)[3:] == [("North", "B", 2023, "H1", 4), ("North", "B", 2024, "H1", 6)]
    assert places(done)[1] == ("A3", "B3", "C1", "D2", "D3")


def test_headers_left_out_are_filled_from_the_left() -> None:
    done = run(
        table("""
        anchor: ^Item
        header: [0, 1]
        fill: [0]
        values: {header: ^H}
        fields: {year: {header: 0}, whole: {header: all}, v: {}}
        """),
        sheet(["Item", "2023", None, "2024"], [None, "H1", "H2", "H1"], ["a", 1, 2, 3]),
    )
    assert values(done) == [("2023", "2023 H1", 1), ("2023", "2023 H2", 2), ("2024", "2024 H1", 3)]
    assert places(done)[1] == ("B1", "B1+C2", "C3")


def test_columns_by_type_by_side_and_by_index() -> None:
    rows = [["", "Name", "Qty", "Flag"], ["x", "a", 3, "ok"], ["y", "b", 4, "no"]]
    done = run(
        table("""
        anchor: ^Name
        values: {type: number}
        fields:
          first: {column: {index: 1}}
          left: {column: {type: words, nearest: left}}
          right: {column: {type: words, nearest: right}}
          last: {column: {index: -1}}
          none: {column: {header: ^Nothing}}
        """),
        sheet(*rows),
    )
    assert values(done) == [("x", "a", "ok", "ok", None), ("y", "b", "no", "no", None)]


def test_neighbours_walks_and_stops() -> None:
    rows = [
        ["Item", "Qty", None],
        ["Fruit", None, None],
        ["Apple", 1, "*"],
        ["Pear", 2, None],
        ["Subtotal", 3, None],
        ["Alone", 4, None],
    ]
    done = run(
        table("""
        anchor: ^Item
        values: ^Qty
        fields:
          group: {column: ^Item, look: up, until: {bare: true}, stop: ^Subtotal}
          item: {look: left, until: {type: words}}
          flag: {next: right}
          v: {}
        """),
        sheet(*rows),
    )
    assert values(done) == [
        ("Fruit", "Apple", "*", 1),
        ("Fruit", "Pear", None, 2),
        ("Fruit", "Subtotal", None, 3),
        (None, "Alone", None, 4),
    ]


def test_a_group_line_that_has_its_own_total_is_told_by_indentation() -> None:
    rows = [["Item", "Qty"], ["Fruit", 3], ["  Apple", 1], ["    Fuji", 1], ["  Pear", 2], ["Bread", 5]]
    done = run(
        table("""
        anchor: ^Item
        values: ^Qty
        fields: {parent: {column: ^Item, look: up, until: {indented: less}}, item: {column: ^Item}}
        """),
        sheet(*rows),
    )
    assert values(done) == [(None, "Fruit"), ("Fruit", "Apple"), ("Apple", "Fuji"), ("Fruit", "Pear"), (None, "Bread")]


def test_levels_of_an_outline_are_told_by_indentation() -> None:
    rows = [
        ["Item", "Qty"],
        ["All", 9],
        ["  Fruit", 5],
        ["      Apple", 3],
        ["        Fuji", 1],
        ["      Pear", 2],
        ["  Nut", 4],
    ]
    program = table("""
        anchor: ^Item
        values: ^Qty
        fields:
          item: {column: ^Item}
          group: {column: ^Item, outline: 2}
          kind: {column: ^Item, outline: 3}
          quantity_of_group: {column: ^Item, outline: 2, then: [{next: right}]}
        """)
    done = run(program, sheet(*rows))
    assert values(done) == [
        ("All", None, None, None),
        ("Fruit", "Fruit", None, 5),
        ("Apple", "Fruit", "Apple", 5),
        ("Fuji", "Fruit", "Apple", 5),
        ("Pear", "Fruit", "Pear", 5),
        ("Nut", "Nut", None, 4),
    ]
    assert places(done)[3] == ("A5", "A3", "A4", "B3")
    assert load_program(program).needs_styles


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 5))
def test_a_line_of_an_outline_belongs_to_the_nearest_less_indented_ones_above(indents: list[int], level: int) -> None:
    rows = [["Item", "Qty"], *([" " * indent + f"line {at}", at + 1] for at, indent in enumerate(indents))]
    done = run(
        table(f"{{anchor: ^Item, values: ^Qty, fields: {{at: {{column: ^Item, outline: {level}}}}}}}"), sheet(*rows)
    )
    open_lines: list[int] = []
    for at, indent in enumerate(indents):
        open_lines = [*(one for one in open_lines if indents[one] < indent), at]
        expected = f"line {open_lines[level - 1]}" if level <= len(open_lines) else None
        assert values(done)[at] == (expected,)


def test_an_outline_is_no_walk() -> None:
    with pytest.raises(ProgramError, match="outline starts in a data row"):
        run(table("{anchor: ^A, values: ^B, fields: {a: {column: ^A, look: up, outline: 1}}}"))


def test_fonts_format_indents_and_superscript() -> None:
    styles = {"A2": BOLD, "A3": CellStyle(indent=1, raised="1"), "A4": CellStyle(indent=1)}
    done = run(
        table("""
        anchor: ^Item
        values: ^Qty
        keep: [{column: ^Item, is: {bold: false}}]
        fields:
          group: {column: ^Item, look: up, until: {bold: true}}
          item: {column: ^Item, raised: drop}
          note: {column: ^Item, raised: only}
          level: {when: [{column: ^Item, is: {not: {indent: 0}}}], const: inner, default: outer}
        """),
        sheet(["Item", "Qty"], ["Fruit", 3], ["Apple1", 1], ["Pear", 2], ["Nut", 2], styles=styles),
    )
    assert values(done) == [
        ("Fruit", "Apple", "1", "inner"),
        ("Fruit", "Pear", None, "inner"),
        ("Fruit", "Nut", None, "outer"),
    ]


def test_titles_other_sheets_file_and_sheet_names() -> None:
    notes = sheet(["Unit", "in thousands"], name="Notes")
    data = sheet(["Report of"], ["Day", date(2024, 3, 1)], ["Item", "Qty"], ["a", 2], name="March")
    program = table("""
        anchor: ^Item
        values: ^Qty
        fields:
          day: {find: ^Day, next: right}
          unit: {find: ^Unit, on: ^Notes, next: right}
          file: {file: true, part: '\\d{4}'}
          month: {sheet: true, map: {March: 3}}
          kind: stock
          v: {unit: {find: ^Unit, on: ^Notes, next: right}}
        """)
    done = run(program, data, notes)
    assert values(done) == [("2024-03-01", "in thousands", "2024", 3, "stock", 2000)]
    assert done.records[0].at("v") == ("March!B4", "Notes!B1")
    assert done.records[0].at("month") == ("March!name",)


def test_parts_replacements_maps_and_defaults() -> None:
    rows = [["Item", "Qty"], ["Rape\n(revised definition)2", 1], ["-", 2], ["Aggra- vated (x)", 3], ["n.q.", 4]]
    done = run(
        table("""
        anchor: ^Item
        values: ^Qty
        fields:
          item:
            column: ^Item
            missing: [n.q.]
            replace: [['\\s*\\([^)]*\\)\\d*', ''], ['- ', '']]
            map: {Rape: R}
            default: none
          inner: {column: ^Item, part: '\\((.*)\\)'}
        """),
        sheet(*rows),
    )
    assert values(done) == [("R", "revised definition"), ("none", None), ("Aggravated", "x"), ("none", None)]


def test_the_first_pick_that_succeeds_and_conditions_on_other_cells() -> None:
    rows = [["Code", "Name", "Alt", "V"], ["1", "a", "x", 1], ["2", None, "y", 2], ["X", "c", None, 3]]
    done = run(
        table("""
        anchor: ^Code
        values: ^V$
        fields:
          name: {first: [{column: ^Name}, {column: ^Alt}]}
          code: {column: ^Code, when: [{column: ^Code, is: {type: number}}, {is: {not: '^2$'}}]}
          both: {join: [{column: ^Name}, {column: ^Alt}], sep: ' > '}
        """),
        sheet(*rows),
    )
    assert values(done) == [("a", "1", "a > x"), ("y", None, "y"), ("c", None, "c")]
    assert places(done)[0] == ("B2", "A2", "B2+C2")


def test_composed_dates_with_the_year_only_in_the_first() -> None:
    rows = [["Period", "V"], ["1986 1st quarter", 1], ["2nd quarter", 2], ["1987* 1st quarter", 3]]
    done = run(
        table("""
        anchor: ^Period
        values: ^V
        fields:
          day:
            join:
            - {column: ^Period, look: up, until: '^\\d{4}', part: '^\\d{4}'}
            - {column: ^Period, part: '\\d\\w\\w quarter'}
            date: start
        """),
        sheet(*rows),
    )
    assert [row[0] for row in values(done)] == ["1986-01-01", "1986-04-01", "1987-01-01"]
    assert places(done)[1] == ("A2+A3",)


def test_numbers_that_are_periods() -> None:
    done = run(
        table("""
        anchor: ^P
        values: ^V
        fields: {month: {column: ^P, decimals: 2, date: month}, q: {column: ^P}}
        """),
        sheet(["P", "V"], [1940.1, 1], [1940.02, 2]),
    )
    assert values(done) == [("1940-10", 1940.1), ("1940-02", 1940.02)]


def test_a_cell_split_into_rows() -> None:
    done = run(
        table("""
        anchor: ^Who
        values: ^Who
        split: '[;,]'
        fields: {who: {}, team: {column: ^Team}}
        """),
        sheet(["Team", "Who"], ["x", "Kim, Lee;Park"], ["y", "Choi"], ["z", 5]),
    )
    assert values(done) == [("Kim", "x"), ("Lee", "x"), ("Park", "x"), ("Choi", "y"), (5, "z")]


def test_marks_errors_and_zero() -> None:
    rows = [["Item", "V"], ["a", 0], ["b", "-"], ["c", "NReq"], ["d", "#REF!"], ["e", None], ["f", "1,234"]]
    kept = """
        anchor: ^Item
        values: ^V
        missing: [NReq]
        {}
        fields: {{item: {{column: ^Item}}, v: {{as: number}}}}
        """
    done = run(table(kept.format("end: nothing like it")), sheet(*rows))
    assert values(done) == [("a", 0.0), ("d", None), ("f", 1234.0)]
    assert [finding.at for finding in done.findings if finding.kind is Kind.UNREAD] == [("S!B5",)]
    done = run(table(kept.format("keep_missing: true")), sheet(*rows))
    assert [row[0] for row in values(done)] == ["a", "b", "c", "d", "f"]


def test_types_come_from_the_target() -> None:
    target = prompt(
        {"name": "item"}, {"name": "v", "type": "decimal", "required": True}, {"name": "day", "type": "date"}
    )
    program = load_program(
        table("""
        anchor: ^Item
        values: ^Item
        fields: {item: {}, v: {column: ^V}, day: {column: ^Day}}
        """)
    )
    grid = sheet(["Item", "V", "Day"], ["a", 0.1, date(2024, 1, 2)], ["b", "12,000", "2024. 1. 3."], ["c", "x", None])
    done = execute(program, document(grid), target.output)
    assert values(done) == [("a", "0.1", "2024-01-02"), ("b", "12000", "2024-01-03"), ("c", None, None)]
    assert {finding.kind for finding in done.findings} == {Kind.UNREAD, Kind.REQUIRED}


def test_a_unit_that_is_not_there_leaves_no_number_unscaled() -> None:
    program = table("""
        anchor: ^Item
        values: ^V
        fields: {item: {column: ^Item}, v: {unit: {find: '^in thousands'}}}
        """)
    assert values(run(program, sheet(["in thousands"], ["Item", "V"], ["a", 1.5]))) == [("a", 1500)]
    done = run(program, sheet(["in lakhs"], ["Item", "V"], ["a", 1.5]))
    assert values(done) == [("a", None)]
    assert any("unit is stated nowhere" in finding.text for finding in done.problems)


def test_transposed() -> None:
    done = run(
        table("""
        anchor: ^Item
        transpose: true
        values: ^Qty
        fields: {item: {column: ^Item}, v: {}}
        """),
        sheet(["", "Item", "a", "b"], ["", "Qty", 1, 2], merged="A1:A2"),
    )
    assert values(done) == [("a", 1), ("b", 2)]
    assert places(done) == [("C1", "C2"), ("D1", "D2")]
    assert not done.findings


@pytest.mark.parametrize("where", ["below", "beside"])
def test_repeated_blocks(where) -> None:
    first, second = [["T1", None], ["Item", "V"], ["a", 1], ["b", 2]], [["T2", None], ["Item", "V"], ["c", 3]]
    rows = (
        [*first, [None], *second]
        if where == "below"
        else [[*(one or [None, None]), None, *(two or [])] for one, two in zip(first, [*second, []], strict=True)]
    )
    done = run(
        table("""
        anchor: ^Item
        repeat: true
        header: [-1, 0]
        fill: [0]
        values: ^V
        fields: {title: {header: 0}, item: {column: ^Item}, v: {}}
        """),
        sheet(*rows),
    )
    assert sorted(values(done)) == [("T1", "a", 1), ("T1", "b", 2), ("T2", "c", 3)]


def test_a_table_ends_by_text_by_gap_and_at_its_sides() -> None:
    rows = [
        ["x", None, "Item", "V", None, "Z"],
        [9, None, "a", 1, None, 8],
        [None],
        [9, None, "b", 2, None, 8],
        ["Notes", 3],
    ]
    base = """
        anchor: ^Item
        {}
        values: {{type: number}}
        fields: {{v: {{}}}}
        """
    assert values(run(table(base.format("{end: ^Notes}"[1:-1])), sheet(*rows))) == [(9,), (1,), (8,), (9,), (2,), (8,)]
    assert values(run(table(base.format("gap: 1")), sheet(*rows))) == [(9,), (1,), (8,)]
    sides = "left: ^Item\n        right: {type: blank}\n        end: ^Notes"
    assert values(run(table(base.format(sides)), sheet(*rows))) == [(1,), (2,)]


def test_merged_cells_are_seen_by_labels_and_never_repeat_values() -> None:
    done = run(
        table("""
        anchor: ^Item
        values: ^V
        fields: {item: {column: ^Item}, v: {}}
        """),
        sheet(["Item", "V"], ["a", 1], [None, None], [None, 2], merged="A2:A4 B2:B3"),
    )
    assert values(done) == [("a", 1), ("a", 2)]
    assert places(done)[1] == ("A2", "B4")
