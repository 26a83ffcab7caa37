"""The tool's schema and the answer that comes back through it agree."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_world import ANSWER

from llm_convert.completion.tools import NOT_AN_OBJECT, answer_of, answer_tool
from llm_convert.contracts.prompt import Layout, OutputField, OutputSchema, Prompt, Role
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Cause, WorkItemError


def prompt_with(*fields: OutputField, layout: Layout = Layout.RECORDS) -> Prompt:
    return Prompt(
        prompt_id="p", file_ids=("*",), instructions="x", output=OutputSchema(table="t", fields=fields, layout=layout)
    )


EVERY_TYPE = prompt_with(
    *[OutputField(name=kind.value, type=kind) for kind in FieldType],
    OutputField(name="branch", values=("강남", "판교"), required=True),
    OutputField(name="value", type=FieldType.DECIMAL, unit="KRW"),
)
SCHEMA = answer_tool(EVERY_TYPE)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def row_schema(prompt: Prompt) -> dict[str, Any]:
    return answer_tool(prompt)["properties"]["rows"]["items"]


def test_it_is_a_json_schema(sales_prompt: Prompt) -> None:
    for schema in (SCHEMA, answer_tool(sales_prompt)):
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(ANSWER, answer_tool(sales_prompt))
    assert answer_of(ANSWER).rows[0]["amount"].at == ("매출!C2", "매출!C1")


def test_a_fields_description_says_all_that_is_known() -> None:
    field = OutputField(
        name="amount",
        type=FieldType.DECIMAL,
        description="What was paid.",
        aliases=("금액", "Amount"),
        unit="KRW",
        role=Role.LABEL,
        examples=(1500,),
    )
    said = row_schema(prompt_with(field))["properties"]["amount"]["description"]
    assert said == (
        "What was paid. an exact decimal number, in KRW. documents call it: 금액, Amount. examples: 1500. "
        "stands in the label columns of the value's row. null when the document leaves it blank."
    )


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_words(role: Role) -> None:
    said = row_schema(prompt_with(OutputField(name="x", role=role)))["properties"]["x"]["description"]
    assert "stands" in said or "makes the row" in said


def test_required_fields_and_closed_values() -> None:
    row = row_schema(EVERY_TYPE)
    assert row["required"] == ["branch"]
    assert row["additionalProperties"] is False
    assert row["properties"]["branch"]["properties"]["value"] == {
        "type": ["string", "null"],
        "enum": ["강남", "판교", None],
    }
    assert row["properties"]["integer"]["properties"]["value"] == {"type": ["integer", "null"]}


ADDRESSES = st.lists(st.text(max_size=6), max_size=3)
VALUES = {
    FieldType.TEXT: st.text(max_size=5),
    FieldType.INTEGER: st.integers(),
    FieldType.NUMBER: st.floats(allow_nan=False, allow_infinity=False),
    FieldType.DECIMAL: st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    FieldType.DATE: st.dates().map(str),
    FieldType.DATETIME: st.datetimes().map(str),
    FieldType.BOOLEAN: st.booleans(),
}


def claims(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"value": values | st.none(), "at": ADDRESSES})


ROWS = st.fixed_dictionaries(
    {"branch": claims(st.sampled_from(["강남", "판교"]))},
    optional={field.name: claims(VALUES[field.type]) for field in EVERY_TYPE.output.fields if field.name != "branch"},
)
PAYLOADS = st.fixed_dictionaries(
    {"rows": st.lists(ROWS, max_size=3)}, optional={"clarify": st.none() | st.text(max_size=5)}
)


@given(PAYLOADS)
def test_what_the_schema_accepts_is_an_answer(payload: dict[str, Any]) -> None:
    VALIDATOR.validate(payload)
    answer = answer_of(payload)
    assert len(answer.rows) == len(payload["rows"])
    for row, given_row in zip(answer.rows, payload["rows"], strict=True):
        assert row.keys() == given_row.keys()
        for name, claim in given_row.items():
            assert (row[name].value, list(row[name].at)) == (claim["value"], claim["at"])
            assert type(row[name].value) is type(claim["value"])


WHOLE = {"rows": [{"branch": {"value": "강남", "at": ["S!A1"]}, "value": {"value": 3, "at": []}}], "clarify": None}


@pytest.mark.parametrize(
    ("path", "wrong", "said"),
    [
        ((), [], "holds no object, found a list"),
        ((), None, "holds no object, found null"),
        ((), {NOT_AN_OBJECT: "{}"}, "holds no object, found text"),
        (("rows",), "[]", "rows: expected a list of rows, found text"),
        (("rows",), None, "rows: expected a list of rows, found null"),
        (("rows", 0), 7, "rows.0: expected an object with a row's fields, found a number"),
        (("rows", 0, "branch"), "강남", "rows.0.branch: expected an object with value and at, found text"),
        (
            ("rows", 0, "value", "value"),
            [1],
            "rows.0.value.value: expected text, a number, true, false or null, found a list",
        ),
        (("rows", 0, "branch", "value"), {"a": 1}, "rows.0.branch.value: expected text, a number, true, false or null"),
        (("rows", 0, "branch", "at"), 5, "rows.0.branch.at: expected a list of addresses, found a number"),
        (("rows", 0, "branch", "at", 0), None, "rows.0.branch.at.0: expected a list of addresses, found null"),
        (("rows", 0, "branch"), {"at": []}, "rows.0.branch.value is missing"),
        (("rows", 0, "branch", "sure"), True, "rows.0.branch.sure is no part of an answer"),
        (("확신",), 1, "<another key> is no part of an answer"),
        (("clarify",), 1, "clarify: expected text or null, found a number"),
    ],
)
def test_faults_that_both_refuse(path: tuple[Any, ...], wrong: Any, said: str) -> None:
    payload: Any = copy.deepcopy(WHOLE)
    if path:
        place = payload
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = wrong
    else:
        payload = wrong
    assert not VALIDATOR.is_valid(payload)
    with pytest.raises(WorkItemError) as caught:
        answer_of(payload)
    assert caught.value.cause is Cause.BAD_ANSWER
    assert said in caught.value.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["rows", "value", "at", "주민번호"]), inner)
    ),
    max_leaves=8,
)


@given(JSON | st.fixed_dictionaries({"rows": st.lists(st.dictionaries(st.just("branch"), JSON), max_size=2)}))
def test_any_payload_is_an_answer_or_a_bad_answer(payload: Any) -> None:
    if VALIDATOR.is_valid(payload):
        answer_of(payload)
        return
    with refusals() as refused:
        answer_of(payload)
    for error in refused:
        assert error.cause is Cause.BAD_ANSWER
        assert "주민번호" not in str(error), "a key that the model made up may quote the document"


@contextmanager
def refusals() -> Iterator[list[WorkItemError]]:
    """Some payloads that the schema refuses are answers all the same, such as those with an unknown field."""
    refused: list[WorkItemError] = []
    try:
        yield refused
    except WorkItemError as error:
        refused.append(error)
