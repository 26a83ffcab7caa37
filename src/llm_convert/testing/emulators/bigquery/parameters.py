"""Query parameters as typed constants in DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_convert.testing.emulators.bigquery.faults import invalid, invalid_query
from llm_convert.testing.emulators.bigquery.types import Field, cleaned_field, duckdb_type, quoted
from llm_convert.testing.emulators.bigquery.values import decimal_text, decoded


class Parameters:
    """A query's parameters, by name or by position.

    Args:
        given: ``QueryParameter`` resources.
    """

    def __init__(self, given: list[dict[str, Any]]) -> None:
        self._named = {str(one["name"]).casefold(): one for one in given if one.get("name")}
        self._rest = [one for one in given if not one.get("name")]

    def named(self, name: str) -> str:
        """The constant of ``@name``. Raises ApiError when there is none."""
        found = self._named.get(name.casefold())
        if found is None:
            raise invalid_query(f"Query parameter '{name}' not found")
        return constant(found)

    def next(self) -> str:
        """The constant of the next ``?``. Raises ApiError when there are too few."""
        if not self._rest:
            raise invalid_query("Query parameter number 1 is not defined: there are more placeholders than parameters")
        return constant(self._rest.pop(0))


def constant(parameter: Mapping[str, Any]) -> str:
    """One ``QueryParameter`` as a constant."""
    field = _field(parameter.get("parameterType") or {}, "parameter")
    value = _plain(parameter.get("parameterValue") or {}, field)
    return sql_constant(value, field)


def _field(kind: Mapping[str, Any], name: str) -> Field:
    said = str(kind.get("type", "")).upper()
    if said == "ARRAY":
        return _field(kind.get("arrayType") or {}, name) | {"mode": "REPEATED"}
    if said in {"STRUCT", "RECORD"}:
        inner = [
            _field(one["type"], str(one.get("name") or f"_field_{n}")) for n, one in enumerate(kind["structTypes"], 1)
        ]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": inner}
    if not said:
        raise invalid("Query parameter has no type.")
    return cleaned_field({"name": name, "type": said})


def _plain(value: Mapping[str, Any], field: Field) -> Any:
    if field["mode"] == "REPEATED":
        inner = {**field, "mode": "NULLABLE"}
        return [_plain(one, inner) for one in value.get("arrayValues") or ()]
    if field["type"] == "RECORD":
        given = value.get("structValues")
        return (
            None
            if given is None
            else {one["name"]: _plain(given.get(one["name"]) or {}, one) for one in field["fields"]}
        )
    return decoded(value.get("value"), field)


def sql_constant(value: Any, field: Field) -> str:
    """A Python value as DuckDB's SQL, of exactly the field's type."""
    kind = duckdb_type(field)
    if value is None:
        return f"CAST(NULL AS {kind})"
    if field["mode"] == "REPEATED":
        inner = {**field, "mode": "NULLABLE"}
        return f"CAST([{', '.join(sql_constant(one, inner) for one in value)}] AS {kind})"
    if field["type"] == "RECORD":
        parts = (f"{quoted(one['name'])}: {sql_constant(value[one['name']], one)}" for one in field["fields"])
        return f"CAST({{{', '.join(parts)}}} AS {kind})"
    if field["type"] == "BYTES":
        return f"unhex('{value.hex()}')"
    said = decimal_text(value) if field["type"] in {"NUMERIC", "BIGNUMERIC"} else str(value)
    escaped = said.replace("'", "''")
    return f"CAST('{escaped}' AS {kind})"
