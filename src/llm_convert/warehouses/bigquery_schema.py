"""From a load's Parquet to BigQuery's columns: types, reserved names, and what a table lacks of them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from llm_convert.errors import ConfigurationError, DataError
from llm_convert.ports import Load

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

DAY = "_bsda_date"
"""The partition of a row: the day of its BSDA."""
CLUSTER = ("_tenant", "_branch")
OWN = "llm_convert_"
LEDGER = f"{OWN}loads"
STAGING = f"{OWN}staging_"

_RESERVED = ("_partition", "_table_", "_file_", "_row_timestamp", "__root__", "_colidentifier")
_SAME = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "DECIMAL": "NUMERIC", "BIGDECIMAL": "BIGNUMERIC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A load's rows as BigQuery is to take them."""

    load: Load
    rows: int
    columns: tuple[tuple[str, str], ...]
    """Names and BigQuery types, in the order of the Parquet."""
    parquet: bytes = field(repr=False)
    uri: str | None
    """Where the same Parquet lies in Cloud Storage; None: the bytes must be sent."""

    @property
    def day(self) -> date:
        """The partition."""
        return day_of(self.load)


def incoming(load: Load, table: Any) -> Incoming:
    """What a load brings.

    Args:
        table: its rows as a ``pyarrow.Table``.

    Raises:
        ConfigurationError: a table or column has a name or type that BigQuery does not take.
    """
    if load.table == LEDGER or load.table.startswith(STAGING):
        raise ConfigurationError(f"the table name {load.table!r} is this library's own", remedy="Choose another name.")
    day_of(load)
    columns = tuple((column.name, _type_of(load, column)) for column in table.schema)
    for name, _ in columns:
        if name.casefold().startswith(_RESERVED) or name.casefold() == DAY:
            raise ConfigurationError(
                f"column {name!r} of table {load.table!r} has a name that is reserved in BigQuery",
                remedy=f"Rename it: not {DAY}, and not starting with {', '.join(_RESERVED)}.",
            )
    as_it_lies = load.uri.startswith("gs://") and _can_be_loaded_as_it_is(load, table)
    data = load.parquet if as_it_lies else _rewritten(table)
    uri = load.uri if as_it_lies else None
    return Incoming(load=load, rows=table.num_rows, columns=columns, parquet=data, uri=uri)


def day_of(load: Load) -> date:
    """The day of a load's BSDA. Raises DataError when it is none."""
    try:
        return date(int(load.bsda[:4]), int(load.bsda[4:6]), int(load.bsda[6:8]))
    except ValueError:
        raise DataError(
            f"the load for table {load.table!r} has the BSDA {load.bsda!r}", remedy="Give 14 digits, YYYYMMDDHHMMSS."
        ) from None


def fields_of(columns: tuple[tuple[str, str], ...]) -> list[SchemaField]:
    """The columns as the client takes them; all may be NULL, so that later loads may leave them out."""
    from google.cloud.bigquery import SchemaField

    return [SchemaField(name, kind, mode="NULLABLE") for name, kind in columns]


def lacking(table: str, schema: list[SchemaField], wanted: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The wanted columns that a table does not have.

    Raises:
        ConfigurationError: it has one with another type.
    """
    existing = {column.name.casefold(): column for column in schema}
    missing = []
    for name, kind in wanted:
        column = existing.get(name.casefold())
        if column is None:
            missing.append((name, kind))
            continue
        found = "REPEATED" if column.mode == "REPEATED" else _SAME.get(column.field_type, column.field_type)
        if found != kind:
            raise ConfigurationError(
                f"column {name!r} of table {table!r} is {found} in the warehouse, and {kind} in the rows to land",
                remedy=f"Give {name!r} its old type back in the table's schema or prompt, or choose a new column name.",
            )
    return tuple(missing)


def _type_of(load: Load, column: Any) -> str:
    import pyarrow.types as pt

    kind = column.type.value_type if pt.is_dictionary(column.type) else column.type
    for holds, name in (
        (pt.is_string, "STRING"),
        (pt.is_large_string, "STRING"),
        (pt.is_boolean, "BOOLEAN"),
        (pt.is_integer, "INTEGER"),
        (pt.is_floating, "FLOAT"),
        (pt.is_date32, "DATE"),
        (pt.is_binary, "BYTES"),
    ):
        if holds(kind):
            return name
    if pt.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "DATETIME"
    if pt.is_decimal128(kind) and kind.scale >= 0:
        if kind.scale <= 9 and kind.precision - kind.scale <= 29:
            return "NUMERIC"
        if kind.precision - kind.scale <= 38:
            return "BIGNUMERIC"
    raise ConfigurationError(
        f"column {column.name!r} of table {load.table!r} has the type {column.type}, which BigQuery does not take",
        remedy="Declare it as text, integer, number, decimal, date, datetime or boolean.",
    )


def _can_be_loaded_as_it_is(load: Load, table: Any) -> bool:
    """Whether the stored Parquet has just these columns, with times that BigQuery reads."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import pyarrow.types as pt

    stored = pq.read_schema(pa.BufferReader(load.parquet))
    odd = any(pt.is_timestamp(column.type) and column.type.unit == "ns" for column in stored)
    return not odd and stored.names == table.column_names


def _rewritten(table: Any) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    # BigQuery reads no nanoseconds; a column's own digits below a microsecond were never in a document.
    pq.write_table(table, buffer, compression="zstd", coerce_timestamps="us", allow_truncated_timestamps=True)
    return buffer.getvalue()
