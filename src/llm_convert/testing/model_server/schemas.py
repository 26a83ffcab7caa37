"""What the service takes as a schema that an answer is held to: of an output's format, and of strict tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llm_convert.testing.model_server.faults import Fault, RefusedError

MOST_STRICT_TOOLS, MOST_OPTIONAL, MOST_UNIONS = 20, 24, 16
"""In all schemas of a request together."""

_UNSUPPORTED = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "patternProperties",
    }
)


def check_structured(body: dict[str, Any]) -> None:
    """Check the schemas that a request's answer would be held to.

    Raises:
        RefusedError: with the first rule that they break.
    """
    schemas = []
    form = _format(body.get("output_config"))
    if form is not None:
        schemas.append(_Schema("output_config.format.schema", form))
    tools = [(index, tool) for index, tool in enumerate(body.get("tools") or ()) if tool.get("strict", False)]
    for index, tool in tools:
        _require(tool["strict"] is True, f"tools.{index}.custom.strict: Input should be a valid boolean")
        schemas.append(_Schema(f"tools.{index}.custom", tool["input_schema"]))
    _require(len(tools) <= MOST_STRICT_TOOLS, f"Too many strict tools ({len(tools)}), limit: {MOST_STRICT_TOOLS}.")
    for schema in schemas:
        schema.check()
    optional, unions = sum(schema.optional for schema in schemas), sum(schema.unions for schema in schemas)
    said = f"Schemas contain too many optional parameters ({optional}), limit: {MOST_OPTIONAL}."
    _require(optional <= MOST_OPTIONAL, said)
    said = f"Schemas contain too many parameters with union types ({unions}), limit: {MOST_UNIONS}."
    _require(unions <= MOST_UNIONS, said)


def _format(config: Any) -> dict[str, Any] | None:
    _require(config is None or isinstance(config, dict), "output_config: Input should be a valid dictionary")
    form = (config or {}).get("format")
    if form is None:
        return None
    known = isinstance(form, dict) and form.get("type") == "json_schema"
    _require(known, "output_config.format.type: Input should be 'json_schema'")
    _require(isinstance(form.get("schema"), dict), "output_config.format.schema: Field required")
    schema: dict[str, Any] = form["schema"]
    return schema


@dataclass(slots=True)
class _Schema:
    place: str
    root: dict[str, Any]
    optional: int = 0
    unions: int = 0
    _open: list[str] = field(default_factory=list)

    def check(self) -> None:
        self._visit(self.root)

    def _visit(self, node: Any) -> None:
        if not isinstance(node, dict):
            return
        said = node.get("type")
        kinds: list[Any] = said if isinstance(said, list) else [said]
        self.unions += len(kinds) > 1 or "anyOf" in node
        for name in node:
            _require(
                name not in _UNSUPPORTED, f"{self.place}: For {kinds[0]!r} type, property {name!r} is not supported"
            )
        few = node.get("minItems", 0) in (0, 1)
        _require(few, f"{self.place}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
        if "object" in kinds:
            closed = node.get("additionalProperties") is False
            said = "For 'object' type, 'additionalProperties' must be explicitly set to false"
            _require(closed, f"{self.place}: {said}")
            self.optional += len(set(node.get("properties", {})) - set(node.get("required", ())))
        if "$ref" in node:
            self._follow(str(node["$ref"]))
        for child in _children(node):
            self._visit(child)

    def _follow(self, reference: str) -> None:
        _require(reference.startswith("#/"), f"{self.place}: External references are not supported")
        _require(reference not in self._open, f"{self.place}: Recursive schemas are not supported")
        found: Any = self.root
        for name in reference[2:].split("/"):
            found = found.get(name) if isinstance(found, dict) else None
        _require(isinstance(found, dict), f"{self.place}: {reference!r} refers to nothing")
        self._open.append(reference)
        self._visit(found)
        self._open.pop()


def _children(node: dict[str, Any]) -> Iterator[Any]:
    yield from node.get("properties", {}).values()
    for name in ("anyOf", "allOf"):
        yield from node.get(name, ())
    yield node.get("items")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise RefusedError(Fault.invalid(message))
