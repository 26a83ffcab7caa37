"""Answers held to a schema, on both of Claude's services, by the vendor's clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from model_wire import ASK, MODEL, ROWS, own_api, vertex

from llm_convert.testing.model_server import Dials, Malformed, ModelServer

CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
TEXT = {"type": "string"}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer_with=lambda request: ROWS) as running:
        yield running


def asking(schema: Any, **more: Any) -> dict[str, Any]:
    form = {"type": "json_schema", "schema": schema}
    return {"max_tokens": 1000, "messages": ASK["messages"], "output_config": {"format": form}, **more}


def strict(schema: Any, count: int = 1) -> dict[str, Any]:
    tools = [{"name": f"t{n}", "strict": True, "input_schema": schema} for n in range(count)]
    return {"max_tokens": 1000, "messages": ASK["messages"], "tools": tools, "tool_choice": {"type": "any"}}


def objects(**properties: Any) -> dict[str, Any]:
    return {**CLOSED, "properties": properties, "required": list(properties)}


@pytest.mark.parametrize("connect", [vertex, own_api])
def test_the_answer_is_one_text_of_json(server: ModelServer, connect: Any) -> None:
    with connect(server) as vendor:
        whole = vendor.messages.create(model=MODEL, **asking(CLOSED))
        with vendor.messages.stream(model=MODEL, **asking(CLOSED, tools=ASK["tools"])) as stream:
            streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["text"]
        assert json.loads(message.content[0].text) == ROWS
        assert message.stop_reason == "end_turn"


def test_a_tool_that_is_forced_is_called_all_the_same(server: ModelServer) -> None:
    with own_api(server) as vendor:
        message = vendor.messages.create(model=MODEL, **asking(CLOSED, tools=ASK["tools"], tool_choice={"type": "any"}))
        assert message.content[0].type == "tool_use"
        message = vendor.messages.create(model=MODEL, **strict(objects(a=TEXT), 2))
        assert message.content[0].name == "t0"


def test_a_model_that_thinks_does_so_first(server: ModelServer) -> None:
    with own_api(server) as vendor:
        message = vendor.messages.create(model="claude-sonnet-5-5", **asking(CLOSED))
    assert [block.type for block in message.content] == ["thinking", "text"]


@pytest.mark.parametrize(
    ("dials", "stop", "is_json"),
    [
        (Dials(stop_reason="max_tokens"), "max_tokens", False),
        (Dials(stop_reason="refusal"), "refusal", False),
        (Dials(malformed=Malformed.NO_CALL), "end_turn", False),
        (Dials(malformed=Malformed.UNKNOWN_KEY), "end_turn", True),
    ],
)
def test_what_can_still_go_wrong(server: ModelServer, dials: Dials, stop: str, is_json: bool) -> None:
    server.dials = dials
    with own_api(server) as vendor:
        message = vendor.messages.create(model=MODEL, **asking(CLOSED))
    assert message.stop_reason == stop
    text = message.content[0].text  # type: ignore[union-attr]
    if is_json:
        assert json.loads(text) == {**ROWS, "confidence": 0.9}
    else:
        with pytest.raises(ValueError, match="column"):
            json.loads(text)


NULLABLE = {"type": ["string", "null"]}
LOOP = {**objects(next={"$ref": "#/$defs/node"}), "$defs": {"node": objects(next={"$ref": "#/$defs/node"})}}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object"}, "'additionalProperties' must be explicitly set to false"),
        ({**CLOSED, "additionalProperties": True}, "'additionalProperties' must be explicitly set to false"),
        (objects(a={"type": "object"}), "'additionalProperties'"),
        (objects(a={"type": "array", "items": {"type": "object"}}), "'additionalProperties'"),
        (objects(a={"anyOf": [{"type": "null"}, {"type": "object"}]}), "'additionalProperties'"),
        (objects(a={"type": "integer", "minimum": 1}), "For 'integer' type, property 'minimum' is not supported"),
        (objects(a={"type": "string", "maxLength": 9}), "property 'maxLength' is not supported"),
        (objects(a={"type": "array", "items": TEXT, "minItems": 2}), "'minItems' values other than 0 or 1"),
        (objects(a={"$ref": "https://x/y"}), "External references"),
        (objects(a={"$ref": "#/$defs/none"}), "refers to nothing"),
        (LOOP, "Recursive schemas"),
        ({**CLOSED, "properties": {f"p{n}": TEXT for n in range(25)}}, "optional parameters (25), limit: 24"),
        (objects(**{f"p{n}": NULLABLE for n in range(17)}), "union types (17), limit: 16"),
    ],
)
def test_schemas_that_are_refused(server: ModelServer, schema: dict[str, Any], said: str) -> None:
    with own_api(server) as vendor:
        for body in (asking(schema), strict(schema)):
            with pytest.raises(anthropic.BadRequestError) as caught:
                vendor.messages.create(model=MODEL, **body)
            assert said in str(caught.value)
        loose = strict(schema)
        del loose["tools"][0]["strict"]
        if schema.get("type") == "object":
            assert vendor.messages.create(model=MODEL, **loose).stop_reason == "tool_use", "only strict ones are held"


def test_schemas_that_are_taken(server: ModelServer) -> None:
    shared = {**objects(a={"$ref": "#/$defs/x"}, b={"$ref": "#/$defs/x"}), "$defs": {"x": objects(c=TEXT)}}
    some = {"type": "array", "items": TEXT, "minItems": 1}
    with own_api(server) as vendor:
        for schema in (shared, objects(a=some, b=NULLABLE), {**CLOSED, "properties": {"p": TEXT}}):
            assert vendor.messages.create(model=MODEL, **asking(schema)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"format": {"type": "yaml"}}, "output_config.format.type"),
        ({"format": {"type": "json_schema"}}, "output_config.format.schema: Field required"),
        ([], "output_config: Input should be a valid dictionary"),
    ],
)
def test_formats_that_are_refused(server: ModelServer, config: Any, said: str) -> None:
    with own_api(server) as vendor, pytest.raises(anthropic.BadRequestError) as caught:
        vendor.messages.create(model=MODEL, **{**asking(CLOSED), "output_config": config})
    assert said in str(caught.value)


def test_too_many_strict_tools(server: ModelServer) -> None:
    with own_api(server) as vendor, pytest.raises(anthropic.BadRequestError, match="Too many strict tools"):
        vendor.messages.create(model=MODEL, **strict(CLOSED, 21))


def test_an_organisation_may_not_allow_it_on_vertex(server: ModelServer) -> None:
    server.dials = Dials(structured_outputs=False)
    with vertex(server) as vendor:
        for body in (asking(CLOSED), strict(CLOSED)):
            with pytest.raises(anthropic.BadRequestError, match="allowedPartnerModelFeatures"):
                vendor.messages.create(model=MODEL, **body)
        assert vendor.messages.create(model=MODEL, **ASK).stop_reason == "tool_use"
