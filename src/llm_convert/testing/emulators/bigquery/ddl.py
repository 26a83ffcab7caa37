"""What a CREATE statement says about a table, as the REST API's resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_convert.testing.emulators.bigquery.faults import invalid_query
from llm_convert.testing.emulators.bigquery.types import Field, cleaned_field

if TYPE_CHECKING:
    from sqlglot import exp

_PLAIN = {
    "BIGINT": "INTEGER",
    "INT": "INTEGER",
    "DOUBLE": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "TEXT": "STRING",
    "VARCHAR": "STRING",
    "VARBINARY": "BYTES",
    "BINARY": "BYTES",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "DATETIME",
    "DATETIME": "DATETIME",
    "TIMESTAMPTZ": "TIMESTAMP",
    "JSON": "JSON",
    "GEOGRAPHY": "GEOGRAPHY",
    "INTERVAL": "INTERVAL",
}
_OPTIONS = {"description": "description", "friendly_name": "friendlyName"}


def field_of_column(column: exp.ColumnDef) -> Field:
    """The field of a column's definition. Raises ApiError for a type that is none."""
    from sqlglot import exp

    found = _field(column.name, column.args.get("kind"))
    for constraint in column.args.get("constraints") or ():
        match constraint.kind:
            case exp.NotNullColumnConstraint() if found["mode"] == "NULLABLE":
                found["mode"] = "REQUIRED"
            case exp.DefaultColumnConstraint():
                found["defaultValueExpression"] = constraint.kind.this.sql("bigquery")
            case exp.Properties():
                found |= {key: value for key, value in options(constraint.kind).items() if key == "description"}
    return cleaned_field(found)


def _field(name: str, kind: Any) -> Field:
    from sqlglot import exp

    if kind is None:
        raise invalid_query(f"Column {name} has no type")
    if kind.is_type(exp.DType.ARRAY):
        return _field(name, kind.expressions[0]) | {"mode": "REPEATED"}
    if kind.is_type(exp.DType.STRUCT):
        inner = [field_of_column(one) for one in kind.expressions]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": inner}
    word = kind.this.name if isinstance(kind.this, exp.DType) else str(kind.this).upper()
    found = {"name": name, "type": _PLAIN.get(word, word), "mode": "NULLABLE"}
    if kind.expressions and found["type"] in {"NUMERIC", "BIGNUMERIC"}:
        found |= dict(zip(("precision", "scale"), (one.this.name for one in kind.expressions), strict=False))
    return found


def properties_of(create: exp.Create) -> dict[str, Any]:
    """Partitioning, clustering and options as the parts of a table's resource."""
    from sqlglot import exp

    found: dict[str, Any] = {}
    given = create.args.get("properties")
    for one in given.expressions if given else ():
        match one:
            case exp.PartitionedByProperty():
                found |= _partitioning(one.this)
            case exp.Cluster() | exp.ClusterProperty():
                found["clustering"] = {"fields": [column.name for column in one.expressions]}
    if given:
        found |= options(given)
    if "timePartitioning" in found and "partition_expiration_days" in found:
        days = float(found["partition_expiration_days"])
        found["timePartitioning"]["expirationMs"] = str(int(days * 86_400_000))
    found.pop("partition_expiration_days", None)
    return found


def _partitioning(by: exp.Expr) -> dict[str, Any]:
    from sqlglot import exp

    column = by if isinstance(by, exp.Column | exp.Identifier) else by.find(exp.Column)
    unit = by.args.get("unit")
    if column is None:
        raise invalid_query("PARTITION BY expression must be a column or a truncated column")
    if isinstance(by, exp.Anonymous) or "bucket" in type(by).__name__.lower():
        return {"rangePartitioning": {"field": column.name, "range": {"start": "0", "end": "0", "interval": "1"}}}
    layout = {"type": str(unit.name).upper() if unit is not None else "DAY", "field": column.name}
    if column.name.upper() in {"_PARTITIONTIME", "_PARTITIONDATE"}:
        del layout["field"]
    return {"timePartitioning": layout}


def options(given: exp.Properties) -> dict[str, Any]:
    """``OPTIONS(...)`` as far as the resource has a place for it."""
    from sqlglot import exp

    found: dict[str, Any] = {}
    for one in given.expressions:
        if isinstance(one, exp.LocationProperty):
            found["location"] = one.this.name
        if type(one) is not exp.Property:
            continue
        name, value = one.name.lower(), one.args["value"]
        if name in _OPTIONS:
            found[_OPTIONS[name]] = None if isinstance(value, exp.Null) else value.name
        elif name == "labels":
            found["labels"] = {pair.expressions[0].name: pair.expressions[1].name for pair in value.expressions}
        elif name == "require_partition_filter":
            found["requirePartitionFilter"] = value.sql().upper() == "TRUE"
        elif name == "partition_expiration_days":
            found[name] = value.name
        elif name == "expiration_timestamp":
            found["expirationTime"] = value
        elif name == "location":
            found["location"] = value.name
    return found
