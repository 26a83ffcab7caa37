from __future__ import annotations

import pytest
from programs_kit import PROGRAMS, table

from llm_convert.programs import Program, ProgramError, load_program, tool_schema
from llm_convert.programs.reference import keys

SMALL = {"tables": [{"anchor": "^A$", "values": "^B$", "fields": {"v": {}, "c": "KRW", "n": 3}}]}


def test_short_forms_are_what_they_stand_for() -> None:
    long = {
        "tables": [
            {
                "anchor": {"text": "^A$"},
                "values": [{"header": "^B$"}],
                "fields": {"v": {}, "c": {"const": "KRW"}, "n": {"const": 3}},
            }
        ]
    }
    assert load_program(SMALL) == load_program(long)


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_yaml_and_json_say_the_same(path) -> None:
    program = load_program(path.read_text(encoding="utf-8"))
    assert load_program(program.to_yaml()) == program
    assert load_program(program.dumps()) == program
    assert load_program(program.dumps().encode()) == program


def test_one_thing_may_stand_for_a_list_of_one() -> None:
    one = {
        "anchor": "A",
        "header": 1,
        "values": "B",
        "missing": "x",
        "keep": {"is": {"type": "number"}},
        "fields": {"v": {"replace": ["a", "b"], "when": {"is": "c"}, "then": {"next": "up"}}},
        "checks": {"check": "unique", "fields": "v"},
        "drop": {"v": ["a"]},
    }
    many = {
        **one,
        "header": [1],
        "values": ["B"],
        "missing": ["x"],
        "keep": [{"is": {"type": ["number"]}}],
        "fields": {"v": {"replace": [["a", "b"]], "when": [{"is": "c"}], "then": [{"next": "up"}]}},
        "checks": [{"check": "unique", "fields": ["v"]}],
        "drop": [{"v": ["a"]}],
    }
    assert load_program({"tables": one}) == load_program({"tables": [many]})


def test_a_program_in_a_fence_is_taken_out_of_it() -> None:
    text = load_program(SMALL).dumps()
    assert load_program(f"Here it is:\n```json\n{text}\n```\nDone.") == load_program(SMALL)


def test_yaml_words_that_look_like_booleans_and_dates_stay_text() -> None:
    program = load_program(
        table("""
        anchor: yes
        values: no
        fields:
          v: {find: ^x, on: off}
          d: 2024-01-01
        """)
    )
    own = program.tables[0]
    assert (own.anchor.text, own.values[0].header, own.fields["v"].on) == ("yes", "no", "off")
    assert own.fields["d"].const == "2024-01-01"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ancor": "x"}, "tables.0.ancor: there is no such key here"),
        ({"fields": {"v": {"colum": "x"}}}, "tables.0.fields.v.colum: there is no such key"),
        ({"fields": {}}, "tables.0.fields: "),
        ({"values": []}, "tables.0.values: "),
        ({"look": "up"}, "tables.0.look: there is no such key here"),
        ({"anchor": {"text": "(a"}}, "'(a' is no regular expression"),
        ({"anchor": {"type": "numbr"}}, "tables.0.anchor.type"),
        ({"fields": {"v": {"header": 3}}}, "field v: header 3; there are 1, counted from 0"),
        ({"fill": [1]}, "fill names header row 1; there are 1"),
        ({"fields": {"v": {"until": "x"}}}, "need look: up, down, left or right"),
        ({"fields": {"v": {"find": "x", "column": "y"}}}, "a pick starts at one place"),
        ({"fields": {"v": {"const": 3, "column": "y"}}}, "a pick has one source"),
        ({"checks": [{"check": "sum", "total": {"x": "y"}}]}, "names no field value, x; fields are c, n, v"),
        ({"checks": [{"check": "sums"}]}, "check"),
        ({"drop": [{"x": "y"}]}, "drop names no field x"),
    ],
)
def test_faults_are_said_with_their_place(change, said) -> None:
    data = {"tables": [{**SMALL["tables"][0], **change}]}
    with pytest.raises(ProgramError) as caught:
        load_program(data)
    assert said in str(caught.value)
    assert "too_short" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1", "tables: &a [*a]", "x" * 70_000, "- 1", "tables: 3", '{"tables": [' * 40, "a: b: c", "\x00"],
)
def test_what_is_no_program_is_refused(text) -> None:
    with pytest.raises(ProgramError):
        load_program(text)


def test_nesting_has_an_end() -> None:
    test: dict[str, object] = {"text": "x"}
    for _ in range(40):
        test = {"not": test}
    with pytest.raises(ProgramError, match="nested"):
        load_program({"tables": [{**SMALL["tables"][0], "anchor": test}]})


def test_styles_are_asked_for_only_where_they_matter() -> None:
    assert not load_program(SMALL).needs_styles
    assert load_program({"tables": [{**SMALL["tables"][0], "end": {"not": {"bold": True}}}]}).needs_styles


def test_every_key_is_described() -> None:
    missing = [
        f"{name}.{key}"
        for name, model in Program.model_json_schema()["$defs"].items()
        for key, what in model.get("properties", {}).items()
        if "description" not in what and key != "check"
    ]
    assert not missing
    assert {"anchor", "not", "is", "until", "by"} <= keys()


def test_the_tool_schema_is_plain_and_takes_the_short_forms() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = tool_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for path in PROGRAMS.glob("*.yaml"):
        program = load_program(path.read_text(encoding="utf-8"))
        jsonschema.validate(program.to_data(), schema)
        jsonschema.validate(program.model_dump(mode="json", by_alias=True, exclude_none=True), schema)
