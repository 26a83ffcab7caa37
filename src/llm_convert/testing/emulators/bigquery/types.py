"""BigQuery's schemas, DuckDB's and Arrow's types, and the ways between them.

A field is the REST API's ``TableFieldSchema`` as a dict, with the type names that the API returns (``INTEGER``, not
``INT64``). DuckDB's decimals have 38 digits: a BIGNUMERIC keeps 20 before the point and 18 behind it.
"""

from __future__ import annotations

import re
from typing import Any

from llm_convert.testing.emulators.bigquery.faults import invalid

Field = dict[str, Any]

LEGACY = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD", "DECIMAL": "NUMERIC"}
LEGACY |= dict.fromkeys(("INT", "SMALLINT", "BIGINT", "TINYINT", "BYTEINT"), "INTEGER") | {"BIGDECIMAL": "BIGNUMERIC"}
STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
DUCKDB = {
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "NUMERIC": "DECIMAL(38,9)",
    "BIGNUMERIC": "DECIMAL(38,18)",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
    "JSON": "JSON",
    "GEOGRAPHY": "VARCHAR",
    "INTERVAL": "INTERVAL",
}
_FROM_DUCKDB = {
    "boolean": "BOOLEAN",
    "double": "FLOAT",
    "float": "FLOAT",
    "blob": "BYTES",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "DATETIME",
    "timestamp_ms": "DATETIME",
    "timestamp_ns": "DATETIME",
    "timestamp_s": "DATETIME",
    "timestamp with time zone": "TIMESTAMP",
    "json": "JSON",
    "interval": "INTERVAL",
}
_INTEGERS = {
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "hugeint",
    "uhugeint",
}
_NAME = re.compile(r"^[^\W\d][\w\- &%=+:'<>#|]{0,299}$")


def quoted(name: str) -> str:
    """An identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def cleaned(fields: list[Field]) -> list[Field]:
    """The fields as the API returns them. Raises ApiError for an unknown type or mode, an odd name, or a name twice."""
    seen: set[str] = set()
    result = []
    for field in fields:
        one = cleaned_field(field)
        if one["name"].casefold() in seen:
            raise invalid(f"Duplicate field name: {one['name']}.")
        seen.add(one["name"].casefold())
        result.append(one)
    return result


def cleaned_field(field: Field) -> Field:
    """One field as the API returns it."""
    name = str(field.get("name", ""))
    if not _NAME.match(name):
        raise invalid(
            f'Invalid field name "{name}". Fields must contain the allowed characters, and have at most 300 characters.'
        )
    kind = str(field.get("type", "")).upper()
    kind = LEGACY.get(kind, kind)
    if kind not in DUCKDB and kind != "RECORD":
        raise invalid(f"Invalid value for type: {field.get('type')} is not a valid value")
    mode = str(field.get("mode") or "NULLABLE").upper()
    if mode not in {"NULLABLE", "REQUIRED", "REPEATED"}:
        raise invalid(f"Invalid value for mode: {mode} is not a valid value")
    one = {**field, "name": name, "type": kind, "mode": mode}
    if kind == "RECORD":
        if not field.get("fields"):
            raise invalid(f"Field {name} is type RECORD but has no schema")
        one["fields"] = cleaned(field["fields"])
    return one


def duckdb_type(field: Field) -> str:
    """A field's type in DuckDB's words."""
    kind = field["type"]
    if kind == "RECORD":
        said = f"STRUCT({', '.join(quoted(inner['name']) + ' ' + duckdb_type(inner) for inner in field['fields'])})"
    elif kind in {"NUMERIC", "BIGNUMERIC"} and field.get("precision"):
        precision, scale = int(field["precision"]), int(field.get("scale") or 0)
        said = f"DECIMAL({precision},{scale})" if precision <= 38 else DUCKDB[kind]
    else:
        said = DUCKDB[kind]
    return f"{said}[]" if field.get("mode") == "REPEATED" else said


def column_ddl(field: Field) -> str:
    """A column's definition in a CREATE TABLE of DuckDB."""
    return f"{quoted(field['name'])} {duckdb_type(field)}{' NOT NULL' if field.get('mode') == 'REQUIRED' else ''}"


def field_of(name: str, kind: Any) -> Field:
    """The field of a result's column, from DuckDB's type of it."""
    if kind.id in {"list", "array"}:
        inner = field_of(name, dict(kind.children)["child"])
        if inner["mode"] == "REPEATED":
            raise invalid(f"Array of arrays is not supported: column {name}")
        return inner | {"mode": "REPEATED"}
    if kind.id == "struct":
        fields = [field_of(str(inner), child) for inner, child in kind.children]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": fields}
    return {"name": name, "type": _plain(kind), "mode": "NULLABLE"}


def _plain(kind: Any) -> str:
    if str(kind).upper() == "JSON":
        return "JSON"
    if kind.id in _INTEGERS:
        return "INTEGER"
    if kind.id == "decimal":
        parts = dict(kind.children)
        fits = parts["scale"] <= 9 and parts["precision"] - parts["scale"] <= 29
        return "NUMERIC" if fits else "BIGNUMERIC"
    return _FROM_DUCKDB.get(kind.id, "STRING")


def arrow_type(field: Field) -> Any:
    """The ``pyarrow.DataType`` of a field's values."""
    import pyarrow as pa

    plain: dict[str, Any] = {
        "INTEGER": pa.int64(),
        "FLOAT": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "NUMERIC": pa.decimal128(38, 9),
        "BIGNUMERIC": pa.decimal128(38, 18),
        "BYTES": pa.binary(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "DATETIME": pa.timestamp("us"),
        "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    }
    if field["type"] == "RECORD":
        kind: Any = pa.struct([pa.field(inner["name"], arrow_type(inner)) for inner in field["fields"]])
    else:
        kind = plain.get(field["type"], pa.string())
    return pa.list_(kind) if field.get("mode") == "REPEATED" else kind


def standard_type(field: Field) -> str:
    """A field's type as SQL and INFORMATION_SCHEMA say it, such as ``ARRAY<STRUCT<a INT64>>``."""
    kind = field["type"]
    if kind == "RECORD":
        said = f"STRUCT<{', '.join(inner['name'] + ' ' + standard_type(inner) for inner in field['fields'])}>"
    else:
        said = str(STANDARD.get(kind, kind))
        if field.get("precision"):
            scale = f", {field['scale']}" if field.get("scale") else ""
            said = f"{said}({field['precision']}{scale})"
    return f"ARRAY<{said}>" if field.get("mode") == "REPEATED" else said
