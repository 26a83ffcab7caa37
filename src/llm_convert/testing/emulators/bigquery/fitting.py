"""Whether rows of one schema may be written to a table of another, in BigQuery's words when they may not."""

from __future__ import annotations

from typing import Any

from llm_convert.testing.emulators.bigquery.catalog import TableRef
from llm_convert.testing.emulators.bigquery.faults import ApiError, invalid
from llm_convert.testing.emulators.bigquery.types import Field

ADDITION = "ALLOW_FIELD_ADDITION"
RELAXATION = "ALLOW_FIELD_RELAXATION"
_PARTITIONED_BY = {"DATE", "TIMESTAMP", "DATETIME"}
_COMPATIBLE = {("NUMERIC", "BIGNUMERIC"), ("BIGNUMERIC", "NUMERIC"), ("STRING", "JSON"), ("STRING", "GEOGRAPHY")}


def merged(ref: TableRef, existing: list[Field], incoming: list[Field], updates: set[str]) -> list[Field]:
    """The table's fields after an append. Raises ApiError when the rows do not fit.

    Args:
        updates: what may change: ADDITION of nullable columns, RELAXATION of required ones.
    """
    offered = {field["name"].casefold(): field for field in incoming}
    result = []
    for field in existing:
        other = offered.pop(field["name"].casefold(), None)
        if other is None:
            if field["mode"] == "REQUIRED":
                raise _mismatch(ref, f"Field {field['name']} is missing in new schema")
            result.append(field)
        else:
            result.append(_checked(ref, field, other, updates))
    for field in offered.values():
        if ADDITION not in updates:
            raise _mismatch(ref, f"Cannot add fields (field: {field['name']})")
        if field["mode"] == "REQUIRED":
            raise _mismatch(ref, f"Cannot add required fields to an existing schema. (field: {field['name']})")
        result.append(field)
    return result


def _checked(ref: TableRef, field: Field, other: Field, updates: set[str]) -> Field:
    name, old, new = field["name"], field["type"], other["type"]
    if old != new and (new, old) not in _COMPATIBLE:
        raise _mismatch(ref, f"Field {name} has changed type from {old} to {new}")
    if (field["mode"] == "REPEATED") != (other["mode"] == "REPEATED"):
        raise _mismatch(ref, f"Field {name} has changed mode from {field['mode']} to {other['mode']}")
    if old == "RECORD":
        merged(ref, field["fields"], other["fields"], set())
    if field["mode"] == "REQUIRED" and other["mode"] == "NULLABLE":
        if RELAXATION not in updates:
            raise _mismatch(ref, f"Field {name} has changed mode from REQUIRED to NULLABLE")
        return {**field, "mode": "NULLABLE"}
    return field


def patched(ref: TableRef, existing: list[Field], wanted: list[Field]) -> list[Field]:
    """The fields after an update of the table's schema: columns may be added and relaxed, nothing else."""
    kept = {field["name"].casefold() for field in wanted}
    for field in existing:
        if field["name"].casefold() not in kept:
            raise _mismatch(ref, f"Field {field['name']} is missing in new schema")
    current = {field["name"].casefold(): field for field in existing}
    for field in wanted:
        known = current.get(field["name"].casefold())
        if known and known["mode"] == "NULLABLE" and field["mode"] == "REQUIRED":
            raise _mismatch(ref, f"Field {field['name']} has changed mode from NULLABLE to REQUIRED")
    merged(ref, existing, wanted, {ADDITION, RELAXATION})
    return wanted


def check_layout(resource: dict[str, Any], fields: list[Field]) -> None:
    """That partitioning and clustering name columns of fitting types. Raises ApiError 400."""
    types = {field["name"].casefold(): field["type"] for field in fields}
    column = resource.get("timePartitioning", {}).get("field")
    if column and column.casefold() not in types:
        raise invalid("The field specified for partitioning cannot be found in the schema.")
    if column and types[column.casefold()] not in _PARTITIONED_BY:
        raise invalid("The field specified for time partitioning can only be of type TIMESTAMP, DATE or DATETIME.")
    ranged = resource.get("rangePartitioning", {}).get("field")
    if ranged and types.get(ranged.casefold()) != "INTEGER":
        raise invalid("The field specified for range partitioning can only be of type INTEGER.")
    clustered = resource.get("clustering", {}).get("fields", ())
    if any(name.casefold() not in types for name in clustered):
        raise invalid("The field specified for clustering cannot be found in the schema.")
    if len(clustered) > 4:
        raise invalid("Too many clustering fields: at most 4 are allowed.")


def check_same_layout(existing: dict[str, Any], wanted: dict[str, Any]) -> None:
    """That a write does not ask for another partitioning or clustering than the table's. Raises ApiError 400."""
    for name in ("timePartitioning", "clustering"):
        if wanted.get(name) and _layout(wanted) != _layout(existing):
            raise invalid(
                "Incompatible table partitioning specification. "
                f"Expects partitioning specification {_layout(existing)}, "
                f"but input partitioning specification is {_layout(wanted)}"
            )


def _layout(resource: dict[str, Any]) -> str:
    said = []
    if time := resource.get("timePartitioning"):
        field = f",field:{time['field']}" if time.get("field") else ""
        said.append(f"interval(type:{str(time.get('type', 'DAY')).lower()}{field})")
    if clustered := resource.get("clustering", {}).get("fields"):
        said.append(f"clustering({','.join(clustered)})")
    return " ".join(said) or "none"


def _mismatch(ref: TableRef, what: str) -> ApiError:
    return invalid(f"Provided Schema does not match Table {ref}. {what}")
