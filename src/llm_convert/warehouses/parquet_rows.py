"""The rows of a load, read and checked before a warehouse is touched."""

from __future__ import annotations

from typing import Any

from llm_convert.errors import DataError, MissingExtraError
from llm_convert.ports import Load

SCOPE = ("_tenant", "_bsda", "_branch")
"""The columns by which a load's rows are found again and replaced."""


def read_rows(load: Load) -> Any:
    """The load's rows as a ``pyarrow.Table``, without columns that have neither type nor value.

    Raises:
        DataError: the bytes are no Parquet, or hold rows of another tenant, BSDA or branch.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("pyarrow", "duckdb") from None
    try:
        table = pq.read_table(pa.BufferReader(load.parquet))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"the rows for table {load.table!r} at {load.uri} are no Parquet: {error}", remedy="Run the tag step again."
        ) from error
    _check_names(load, table.column_names)
    _check_scope(load, table)
    return table.select([field.name for field in table.schema if not pa.types.is_null(field.type)])


def _check_names(load: Load, names: list[str]) -> None:
    missing = [name for name in SCOPE if name not in names]
    if missing:
        raise DataError(
            f"the rows for table {load.table!r} at {load.uri} lack {', '.join(missing)}",
            remedy="Run the tag step again; it says where each row came from.",
        )
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if twice:
        raise DataError(
            f"the rows for table {load.table!r} have columns that differ only in case: {', '.join(twice)}",
            remedy="Rename one of them in the table's schema; a warehouse takes them for one.",
        )


def _check_scope(load: Load, table: Any) -> None:
    expected = dict(zip(SCOPE, (load.tenant, load.bsda, load.branch), strict=True))
    for name, value in expected.items():
        found = table.column(name).unique().to_pylist()
        strange = [other for other in found if other != value]
        if strange:
            # Such rows would land, and no later load of their own scope would ever replace them.
            raise DataError(
                f"the rows for table {load.table!r} of {name} {value!r} hold {name} {strange[0]!r}",
                remedy="Run the tag step again.",
            )
