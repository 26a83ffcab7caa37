"""The tool that an answer must fill: its JSON schema from a prompt's fields, and the answer back out of a call's input.

Pure functions. Whether a value stands where the answer says is not decided here.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from llm_convert.contracts.prompt import OutputField, Prompt, Role
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Answer, Cause, WorkItemError

NOT_AN_OBJECT = "not_an_object"
"""The key under which a reply keeps a tool call's input that is no JSON object."""

_JSON_TYPES = {
    FieldType.TEXT: "string",
    FieldType.INTEGER: "integer",
    FieldType.NUMBER: "number",
    FieldType.DECIMAL: "number",
    FieldType.DATE: "string",
    FieldType.DATETIME: "string",
    FieldType.BOOLEAN: "boolean",
}

_WRITTEN = {
    FieldType.DATE: "a date, written YYYY-MM-DD",
    FieldType.DATETIME: "a date and time, written YYYY-MM-DDTHH:MM:SS",
    FieldType.INTEGER: "a whole number",
    FieldType.NUMBER: "a number",
    FieldType.DECIMAL: "an exact decimal number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TEXT: "text",
}

_ROLES = {
    Role.COLUMN: "stands in the row itself, under a header that names it",
    Role.VALUE: "is the value cell that makes the row",
    Role.HEADER: "stands above the value, in the header",
    Role.LABEL: "stands in the label columns of the value's row",
    Role.SECTION: "stands in a heading above the row, or is a label that a group of rows shares",
    Role.TITLE: "stands in the title lines above the table, or is the sheet's name",
}

_KINDS: dict[type, str] = {
    type(None): "null",
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def answer_tool(prompt: Prompt) -> dict[str, Any]:
    """The JSON schema of an ``Answer`` for one prompt's fields."""
    fields = prompt.output.fields
    row = {
        "type": "object",
        "description": f"One row of the table {prompt.output.table}.",
        "properties": {field.name: _field_schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "description": "All rows, in the document's order.", "items": row},
            "clarify": {
                "type": ["string", "null"],
                "description": "A question for a person, where the document can't settle what is meant; else null.",
            },
        },
        "required": ["rows"],
        "additionalProperties": False,
    }


def _field_schema(field: OutputField) -> dict[str, Any]:
    return {
        "type": "object",
        "description": _described(field),
        "properties": {
            "value": _value_schema(field),
            "at": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The addresses where the value stands; empty for null.",
            },
        },
        "required": ["value", "at"],
        "additionalProperties": False,
    }


def _value_schema(field: OutputField) -> dict[str, Any]:
    kind = [_JSON_TYPES[field.type], "null"]
    if field.values and field.type in {FieldType.TEXT, FieldType.DATE, FieldType.DATETIME}:
        return {"type": kind, "enum": [*field.values, None]}
    return {"type": kind}


def _described(field: OutputField) -> str:
    """Type, unit, names, examples and place in words: a model reads this and nothing else about a field."""
    unit = f", in {field.unit}" if field.unit else ""
    parts = [f"{field.description.rstrip('.')}" if field.description else "", f"{_WRITTEN[field.type]}{unit}"]
    if field.values:
        parts.append(f"one of: {', '.join(field.values)}")
    if field.aliases:
        parts.append(f"documents call it: {', '.join(field.aliases)}")
    if field.examples:
        parts.append(f"examples: {', '.join(str(example) for example in field.examples)}")
    parts.append(_ROLES[field.role])
    parts.append("required" if field.required else "null when the document leaves it blank")
    return ". ".join(part for part in parts if part) + "."


def answer_of(payload: object) -> Answer:
    """The answer in a tool call's input.

    Raises:
        WorkItemError: BAD_ANSWER with the first fault and its place; never with a value of the document.
    """
    if not isinstance(payload, dict):
        raise WorkItemError(Cause.BAD_ANSWER, f"the tool call holds no object, found {_kind(payload)}")
    if payload.keys() == {NOT_AN_OBJECT}:
        raise WorkItemError(Cause.BAD_ANSWER, f"the tool call holds no object, found {_kind(payload[NOT_AN_OBJECT])}")
    try:
        return Answer.model_validate(payload)
    except ValidationError as error:
        raise WorkItemError(Cause.BAD_ANSWER, _first_fault(error)) from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    # Below rows.N.field.value each scalar type tells its own fault; to a reader they are one.
    loc = fault["loc"][:4] if fault["loc"][3:4] == ("value",) else fault["loc"]
    place = ".".join(_step(step) for step in loc)
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{place} is no part of an answer"
    return f"{place}: expected {_expected(loc)}, found {_kind(fault['input'])}"


def _expected(loc: tuple[int | str, ...]) -> str:
    match loc:
        case ("rows",):
            return "a list of rows"
        case ("rows", _):
            return "an object with a row's fields"
        case ("rows", _, _):
            return "an object with value and at"
        case ("rows", _, _, "value"):
            return "text, a number, true, false or null"
        case ("rows", _, _, "at", *_):
            return "a list of addresses"
        case ("clarify",):
            return "text or null"
        case _:
            return "one of its known values"


def _step(step: int | str) -> str:
    """A step of a fault's path. A key that is no field's name was made up by the model and may quote the document."""
    return str(step) if isinstance(step, int) or _FIELD_NAME.fullmatch(step) else "<another key>"


def _kind(value: object) -> str:
    """What a value is, in JSON's words; never the value."""
    return _KINDS.get(type(value), type(value).__name__)
