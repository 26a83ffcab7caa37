"""Next week's file has the same fingerprint; another layout has not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache, reduce
from pathlib import Path

import pytest
from programs_kit import PROGRAMS, document, run, sheet, table

from llm_convert.contracts.document import CellRange, Document, Sheet, cell_reference, parse_cell_reference
from llm_convert.documents.options import ReadOptions
from llm_convert.documents.reader import read_document
from llm_convert.programs import Fingerprint, Kind, MisfitError, Run, differences, execute, fingerprint, load_program
from llm_convert.programs.fingerprint import learned

PROGRAM = table("""
    anchor: ^Region$
    header: [-1, 0]
    fill: [0]
    values: '^W\\d+$'
    end: ^Printed
    fields:
      region: {column: ^Region$, look: up}
      item: {column: ^Item$}
      month: {header: 0}
      week: {header: 1}
      value: {unit: {find: '^\\(단위'}}
    checks:
    - {check: sum, total: {item: ^Sum}, by: [region, month, week]}
    """)


def report(
    day: date = date(2024, 3, 4), weeks: int = 3, lines: int = 4, unit: str = "(단위: 천원)", factor: int = 1
) -> list[list[object]]:
    """A weekly report; all that changes from week to week is an argument."""
    rows: list[list[object]] = [
        [f"Weekly report of {day:%d %B %Y}"],
        [unit],
        [None, None, f"{day:%B}", *[None] * (weeks - 1)],
        ["Region", "Item", *(f"W{week}" for week in range(10, 10 + weeks))],
    ]
    for region in ("North", "South"):
        parts = [[line * factor + week for week in range(weeks)] for line in range(1, lines + 1)]
        for number, own in enumerate(parts):
            rows.append([region if not number else None, f"item {number}", *own])
        rows.append([None, "Sum", *map(sum, zip(*parts, strict=True))])
    rows.append([f"Printed {day}"])
    return rows


def of(rows: list[list[object]], **more):
    return fingerprint(run(PROGRAM, sheet(*rows, **more)))


BASE = report()


@pytest.mark.parametrize(
    "rows",
    [
        report(date(2025, 11, 24)),
        report(weeks=5),
        report(lines=9),
        report(factor=100),
        [["a new title line"], *BASE],
        [[None, *row] for row in [[None], [None], [None], *BASE]],
        [*BASE[:6], [None], *BASE[6:]],
    ],
    ids=["date", "weeks", "lines", "numbers", "title", "shift", "blank row"],
)
def test_next_week_is_the_same(rows) -> None:
    assert differences(of(BASE), of(rows)) == []
    assert of(BASE).digest == of(rows).digest


def changed(row: int, column: int, value: object) -> list[list[object]]:
    rows = [list(one) for one in BASE]
    rows[row][column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (report(unit="(단위: 백만원)"), "unit of value"),
        (
            [[*row[:1], "x" if at > 3 else ("Code" if at == 3 else None), *row[1:]] for at, row in enumerate(BASE)],
            "code",
        ),
        ([[*row, at * 7 if at > 3 else ("Plan" if at == 3 else None)] for at, row in enumerate(BASE)], "plan"),
        ([*BASE, ["Region", "Shop", "Stock"], ["North", "A", 12]], "anchors 2"),
        ([*BASE, ["Stock", 12]], "numbers outside of all tables"),
        ([*BASE[:7], *BASE[8:]], "new problem: check"),
        (changed(6, 2, "n.q."), "new problem: "),
        ([[row[1], row[0], *row[2:]] if len(row) > 2 else row for row in BASE], ""),
    ],
    ids=["unit", "moved", "added", "block", "stray", "line left out", "text", "swapped"],
)
def test_another_layout_or_a_new_problem_is_told(rows, said) -> None:
    try:
        new = of(rows)
    except MisfitError:
        return
    found = differences(of(BASE), new)
    assert any(said in one for one in found), found


def test_a_total_that_is_wrong_in_the_sheet_itself_is_no_other_layout() -> None:
    rows = changed(6, 2, 999)
    (told,) = run(PROGRAM, sheet(*rows)).problems
    assert (told.kind, told.at[0]) == (Kind.OWN_FAULT, "S!C9")
    assert differences(of(BASE), of(rows)) == []


def test_a_new_block_is_noticed_although_other_numbers_were_unused_before() -> None:
    base = [["Page", 7], *BASE]
    block = [[*row, *([None] * (9 - len(row))), at] for at, row in enumerate(base)]
    assert of(base).digest != of([*base, ["Stock", 12]]).digest
    assert of(base).digest != of(block).digest
    assert of(base).digest == of([["Page", 8], *report(weeks=4)]).digest


def test_a_new_sheet_with_numbers_is_noticed_and_one_that_is_gone_is_not() -> None:
    def week(*others: str) -> Fingerprint:
        more = [sheet(["Page", 7], name=name) for name in others]
        return fingerprint(run(PROGRAM, sheet(*BASE), *more))

    first = week("Contents", "Notes 24 Nov")
    assert differences(first, week("Contents", "Notes 1 Dec")) == []
    assert differences(first, week("Contents")) == []
    assert differences(first, week("Contents", "Notes 1 Dec", "Stock")) == [
        "is: numbers on a sheet without tables: stock"
    ]


def test_an_ignored_sheet_may_come() -> None:
    program = PROGRAM + "\nignore: ^Stock$"
    first = fingerprint(run(program, sheet(*BASE)))
    assert differences(first, fingerprint(run(program, sheet(*BASE), sheet(["Page", 7], name="Stock")))) == []


def test_a_renamed_column_does_not_fit() -> None:
    with pytest.raises(MisfitError, match="nearest: 'Regions'"):
        of(changed(3, 0, "Regions"))
    assert any("new problem: blank_field" in one for one in differences(of(BASE), of(changed(3, 1, "Article"))))


STOCK = table("""
    anchor: ^Code$
    values: ^Qty$
    fields:
      code: {column: ^Code$}
      remark: {column: ^Remark$}
      quantity: {}
    """)


def stock(*remarks: str | None, header: str = "Remark") -> Run:
    lines = [[f"C-{at}", 5 + at, remark] for at, remark in enumerate(remarks)]
    return run(STOCK, sheet(["Code", "Qty", header], *lines))


@pytest.mark.parametrize(
    ("kept", "new", "said"),
    [
        (("late", None, "new"), (None, None), []),
        (("late", None, "new"), ("a", "b", "c"), []),
        ((None, None), ("late", None), ["was: table #1: columns", "is: table #1: columns"]),
        (("late", "early"), (None, None), ["was: ", "is: ", "new problem: blank_field #1 remark"]),
        (("late", None, "new"), (1, 2, 3), ["was: table #1: columns", "is: table #1: columns"]),
    ],
    ids=["all blank now", "all filled now", "filled for the first time", "never blank before", "another type"],
)
def test_a_field_that_is_blank_now_and_then_may_be_blank_all_week(kept, new, said) -> None:
    found = differences(fingerprint(stock(*kept)), fingerprint(stock(*new)))
    assert len(found) == len(said)
    assert all(one.startswith(beginning) for one, beginning in zip(found, said, strict=True)), found


def weeks(*blanks: int, of: int = 20) -> Fingerprint:
    """The layout as it is known after weeks of ``of`` rows, with as many blank remarks each."""
    first, *later = (fingerprint(stock(*[None] * blank, *["late"] * (of - blank))) for blank in blanks)
    return reduce(learned, later, first)


@pytest.mark.parametrize(
    ("known", "now", "drifted"),
    [
        ([0], 1, False),
        ([0], 10, False),
        ([0], 11, True),
        ([0], 20, True),
        ([0, 1, 0, 0], 20, True),
        ([0, 1, 0, 0], 2, False),
        ([0, 14], 20, False),
        ([6], 20, False),
        ([1], 20, True),
        ([1], 12, True),
    ],
)
def test_as_many_blanks_as_earlier_weeks_make_possible_are_no_drift(known, now, drifted) -> None:
    found = differences(weeks(*known), weeks(now))
    assert bool(found) is drifted, found


def test_a_field_that_is_blank_now_and_then_must_keep_its_column() -> None:
    kept = fingerprint(stock("late", None))
    assert differences(kept, fingerprint(stock(None, None, header="Note")))
    gone = fingerprint(run(STOCK, sheet(["Code", "Qty"], ["C-1", 5])))
    assert differences(kept, gone)
    assert differences(kept.model_copy(update={"sometimes_blank": ()}), fingerprint(stock(None, None)))


def test_a_number_that_stands_alone_below_the_rows_is_no_row_of_the_layout() -> None:
    rows = [["Code", "Qty", "Remark"], ["C-1", 5, "late"], ["C-2", 6, None]]
    kept, new = (fingerprint(run(STOCK, sheet(*rows, *more))) for more in ([], [["Counted", None, None], [None, 12]]))
    assert differences(kept, new) == ["new problem: unlabelled #1"]
    assert differences(new, kept) == []


NAMES = sorted(path.stem for path in PROGRAMS.glob("*.yaml"))


@cache
def opened(path: Path) -> Document:
    program = load_program((PROGRAMS / f"{path.stem}.yaml").read_text(encoding="utf-8"))
    return read_document(path.name, path.read_bytes(), ReadOptions(styles=program.needs_styles))


def moved(own: Sheet, down: int, right: int) -> Sheet:
    """The sheet with everything some rows and columns further on."""
    return replace(
        own,
        rows=(*[()] * down, *((*[None] * right, *row) for row in own.rows)),
        merged=tuple(CellRange(m.top + down, m.left + right, m.bottom + down, m.right + right) for m in own.merged),
        styles={(row + down, column + right): style for (row, column), style in own.styles.items()},
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_moved_workbook_gives_the_same_rows_and_fingerprint(name, real_workbooks) -> None:
    program = load_program((PROGRAMS / f"{name}.yaml").read_text(encoding="utf-8"))
    before = opened(real_workbooks / f"{name}.xlsx")
    after = replace(before, parts=tuple(moved(own, 3, 1) for own in before.sheets))
    first, second = execute(program, before), execute(program, after)
    assert [record.values for record in first.records] == [record.values for record in second.records]
    assert differences(fingerprint(first), fingerprint(second)) == []
    record, other = first.records[-1], second.records[-1]
    for name_, places in ((name_, record.at(name_)) for name_ in record.fields):
        shifted = [f"{one.rpartition('!')[0]}!{further(one.rpartition('!')[2])}" for one in places]
        assert list(other.at(name_)) == shifted


def further(reference: str) -> str:
    row, column = parse_cell_reference(reference)
    return cell_reference(row + 3, column + 1)


def test_numbers_and_days_of_a_real_workbook_may_change(real_workbooks) -> None:
    name = "argentina_case2"
    program = load_program((PROGRAMS / f"{name}.yaml").read_text(encoding="utf-8"))
    before = opened(real_workbooks / f"{name}.xlsx")
    (own,) = before.sheets
    rows = tuple(
        tuple(
            value * 2 if isinstance(value, float) else value + timedelta(days=365) if isinstance(value, date) else value
            for value in row
        )
        for row in own.rows
        if not any(isinstance(value, str) and value[:1].isdigit() for value in row)
    )
    after = document(replace(own, rows=rows[:-1]))
    kept, new = fingerprint(execute(program, before)), fingerprint(execute(program, after))
    assert kept.digest == new.digest
