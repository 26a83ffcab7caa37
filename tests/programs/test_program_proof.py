"""Rows of a program pass the same proof as any answer, but for what the program itself derives."""

from __future__ import annotations

from programs_kit import document, prompt, sheet, table

from llm_convert.conversion.grounding import prove
from llm_convert.programs import derived_fields, execute, load_program


def test_rows_are_proven_by_the_document() -> None:
    target = prompt(
        {"name": "region"},
        {"name": "item", "required": True},
        {"name": "period"},
        {"name": "day", "type": "date"},
        {"name": "code"},
        {"name": "month"},
        {"name": "amount", "type": "decimal", "unit": "KRW"},
    )
    program = load_program(
        table("""
        anchor: ^Region
        header: [0, 1]
        values: ^H
        fields:
          region: {column: ^Region, look: up}
          item: {column: ^Item, part: '^[^(]*'}
          period: {header: all}
          day: {find: ^Printed, next: right}
          code: {column: ^Item, part: '\\((\\d+)\\)'}
          month: {sheet: true}
          amount: {unit: {find: '단위'}}
        """)
    )
    own = sheet(
        ["(단위: 천원)", None, "Printed", "2024. 3. 1."],
        ["Region", "Item", "2023", None],
        [None, None, "H1", "H2"],
        ["North", "Milk (12)", 1.25, "△3"],
        [None, "Egg (7)", 2, None],
        merged="C2:D2",
        name="March",
    )
    book = document(own)
    done = execute(program, book, target.output)
    proven, quarantined = prove(done.answer(), target, book)
    assert not quarantined
    assert [row.values["amount"] for row in proven] == ["1250", "-3000", "2000"]
    assert proven[1].values == {
        "region": "North",
        "item": "Milk",
        "period": "2023 H2",
        "day": "2024-03-01",
        "code": "12",
        "month": "March",
        "amount": "-3000",
    }
    assert derived_fields(program) == {"#1": frozenset()}


def test_what_a_program_derives_is_known() -> None:
    program = load_program(
        table("""
        name: t
        anchor: ^A
        values: ^A
        fields:
          plain: {}
          joined: {join: [{column: a}, {column: b}]}
          dated: {date: start}
          mapped: {first: [{column: a}, {column: b, map: {x: y}}]}
          constant: KRW
          scaled: {scale: 1000}
          filled: {column: a, default: none}
          renamed: {column: a, replace: [[x, y]]}
          file: {file: true}
        """)
    )
    assert derived_fields(program)["t"] == {"dated", "mapped", "constant", "scaled", "filled", "renamed", "file"}
