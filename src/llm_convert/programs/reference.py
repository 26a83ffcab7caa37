"""The language in words and as a JSON schema, both made from the models so that they can't fall behind."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from llm_convert.programs.controls import Balance, Order, Percent, Sum, Unique
from llm_convert.programs.language import Program, Table
from llm_convert.programs.picks import Condition, Pick, Place, Step
from llm_convert.programs.predicates import Beside, Columns, Test

_SECTIONS: tuple[tuple[str, type[BaseModel], type[BaseModel] | None], ...] = (
    ("program", Program, None),
    ("table", Table, None),
    ("columns (of the table)", Columns, None),
    ("test (of one cell; all keys given must hold)", Test, None),
    ("beside", Beside, None),
    ("step (a walk)", Step, None),
    ("place (where a cell is: all keys of a step, and)", Place, Step),
    ("condition (all keys of a place, and)", Condition, Place),
    ("pick (all keys of a place, and)", Pick, Place),
    ("check: sum", Sum, None),
    ("check: percent", Percent, None),
    ("check: balance", Balance, None),
    ("check: order", Order, None),
    ("check: unique", Unique, None),
)


def reference() -> str:
    """Every key of the language with what it means, a line each."""
    lines: list[str] = []
    for title, model, base in _SECTIONS:
        inherited = set(base.model_fields) if base is not None else set()
        lines.append(f"### {title}")
        doc = (model.__doc__ or "").strip().split("\n\n")[0]
        if title.startswith("check"):
            lines.append(" ".join(doc.split()))
        for name, field in model.model_fields.items():
            if name in inherited or name == "check":
                continue
            lines.append(f"- {field.alias or name}{_default(field.default)}: {field.description}")
        if model is Condition:
            lines.append(_ROWS)
    return "\n".join(lines)


_ROWS = """### rows (in checks and drop: rows chosen by their fields, all of which must be so)
- {"field": "pattern"}: the field's text matches; {"field": ["A", 3]}: it is one of these; {"field": null}: it is blank;
  {"field": {"not": ...}}: it is not so
- `_table` and `_sheet` are fields too, in checks of the program"""


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f" ({'true' if value else 'false'})"
    shown = isinstance(value, int | float | str) and value != ""
    return f" ({str(value)!r})" if shown and isinstance(value, str) else f" ({value})" if shown else ""


def tool_schema() -> dict[str, Any]:
    """The JSON schema of a program for a tool call, which must not be strict.

    Without titles, descriptions and nulls: the instruction says what each key means, and they only cost tokens.
    """
    lean: dict[str, Any] = _lean(Program.model_json_schema(by_alias=True))
    return lean


_SHORT_FORMS: dict[str, list[str]] = {
    "Test": ["string"],
    "Columns": ["string"],
    "Pick": ["string", "number", "boolean"],
}
"""What may stand in place of each model."""


def _lean(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, list):
        return [_lean(one) for one in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _lean(inner) for name, inner in node.items()}
    options = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    if len(options) == 1:
        return _lean(options[0])
    short = _SHORT_FORMS.get(str(node.get("$ref", "")).rpartition("/")[2])
    if short is not None:
        return {"anyOf": [*({"type": name} for name in short), {"$ref": node["$ref"]}]}
    lean = {
        key: _lean(inner, names=key in {"properties", "$defs"})
        for key, inner in node.items()
        if key not in {"title", "default", "description"}
    }
    items = str(node.get("items", {}).get("$ref", "")).rpartition("/")[2]
    # One may stand for a list anywhere; where it mostly does, the schema says so.
    return {"anyOf": [lean["items"], lean]} if items in {"Content", "Columns"} else lean


def keys() -> frozenset[str]:
    """Every key that a program may use, for the test that the instruction names none else."""
    models = [model for _, model, _ in _SECTIONS]
    return frozenset(field.alias or name for model in models for name, field in model.model_fields.items())
