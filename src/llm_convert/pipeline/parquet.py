"""Canonical rows to typed Parquet. The only module besides the warehouses that knows pyarrow."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.steps import StepRow
from llm_convert.contracts.tables import FieldType, TableSchema
from llm_convert.errors import MissingExtraError

TAG_COLUMNS = (
    "_tenant",
    "_bsda",
    "_branch",
    "_row",
    "_source",
    "_document",
    "_document_sha256",
    "_document_file_id",
    "_prompt_id",
    "_provider",
    "_model",
    "_run",
    "_cells",
)
"""Where each row came from. ``_cells`` is a JSON object: field to list of addresses.

None may start with ``_file_``, ``_table_`` or ``_partition``: BigQuery keeps those for itself."""


def typed_value(value: Scalar, type: FieldType) -> Any:
    """The Python value that Parquet stores for a canonical value."""
    if value is None:
        return None
    match type:
        case FieldType.DECIMAL:
            return Decimal(str(value))
        case FieldType.DATE:
            return date.fromisoformat(str(value))
        case FieldType.DATETIME:
            return datetime.fromisoformat(str(value))
        case _:
            return value


def typed_parquet(table: TableSchema, rows: Sequence[StepRow]) -> bytes:
    """The table's own columns, typed; rows in order."""
    pa = _pyarrow()
    columns = {
        column.name: pa.array(
            [typed_value(row.row.values.get(column.name), column.type) for row in rows], type=_arrow_type(column.type)
        )
        for column in table.columns
    }
    return _write(pa.table(columns))


def tagged_parquet(typed: bytes, rows: Sequence[StepRow], *, tenant: str, bsda: str, branch: str) -> bytes:
    """Add where each row came from to a typed table of the same rows."""
    import pyarrow.parquet as pq

    pa = _pyarrow()
    table = pq.read_table(io.BytesIO(typed))
    tags: dict[str, list[Any]] = {
        "_tenant": [tenant] * len(rows),
        "_bsda": [bsda] * len(rows),
        "_branch": [branch] * len(rows),
        "_row": list(range(1, len(rows) + 1)),
        "_source": [row.origin.source for row in rows],
        "_document": [row.origin.document for row in rows],
        "_document_sha256": [row.origin.sha256 for row in rows],
        "_document_file_id": [row.origin.file_id for row in rows],
        "_prompt_id": [row.origin.prompt_id for row in rows],
        "_provider": [row.origin.provider for row in rows],
        "_model": [row.origin.model for row in rows],
        "_run": [row.origin.run_id for row in rows],
        "_cells": [json.dumps(row.row.at, ensure_ascii=False, sort_keys=True) for row in rows],
    }
    for name in TAG_COLUMNS:
        table = table.append_column(name, pa.array(tags[name], type=pa.int64() if name == "_row" else pa.string()))
    return _write(table)


def digest_of(parquet: bytes) -> str:
    """32 hex digits of what a table says, whichever version of a library wrote the bytes."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(parquet))
    digest = hashlib.sha256(str(table.schema.remove_metadata()).encode())
    for row in table.to_pylist():
        digest.update(json.dumps(row, ensure_ascii=False, default=str).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:32]


def _write(table: Any) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _arrow_type(type: FieldType) -> Any:
    pa = _pyarrow()
    return {
        FieldType.TEXT: pa.string(),
        FieldType.INTEGER: pa.int64(),
        FieldType.NUMBER: pa.float64(),
        FieldType.DECIMAL: pa.decimal128(38, 9),
        FieldType.DATE: pa.date32(),
        FieldType.DATETIME: pa.timestamp("us"),
        FieldType.BOOLEAN: pa.bool_(),
    }[type]


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise MissingExtraError("pyarrow", "duckdb") from None
    return pyarrow
