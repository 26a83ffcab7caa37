"""Tables in one DuckDB file: the warehouse of a machine without a cloud.

A landed table lies in the schema ``main``. What was landed when, and with which digest, lies in ``llm_convert._loads``:
a load that is there with the same digest and as many rows is left alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_convert.errors import ConfigurationError, unknown_name
from llm_convert.ports import Landed, Load, Preview
from llm_convert.warehouses.duckdb_file import opened, transaction
from llm_convert.warehouses.parquet_rows import SCOPE, read_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WAIT_SECONDS = 30.0
_ORDER = ("_bsda", "_tenant", "_branch", "_row")
_INCOMING = "llm_convert_incoming"
_THE_LOAD = '"table" = ? AND tenant = ? AND bsda = ? AND branch = ?'
_THE_ROWS = " AND ".join(f"{name} = ?" for name in SCOPE)
_LEDGER = """
CREATE SCHEMA IF NOT EXISTS llm_convert;
CREATE TABLE IF NOT EXISTS llm_convert._loads (
    "table" VARCHAR NOT NULL, tenant VARCHAR NOT NULL, bsda VARCHAR NOT NULL, branch VARCHAR NOT NULL,
    digest VARCHAR NOT NULL, rows BIGINT NOT NULL, landed_at TIMESTAMP NOT NULL
);
COMMENT ON COLUMN llm_convert._loads.landed_at IS 'UTC';
"""


class DuckDbWarehouse:
    """A warehouse in one file, which threads and processes may share.

    Args:
        path: of the DuckDB file; it is made by the first load.
        wait_seconds: how long an operation waits for other processes to close the file.
    """

    def __init__(self, path: Path, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._path = path.absolute()
        self._wait_seconds = wait_seconds

    def land(self, load: Load) -> Landed:
        """Load once: atomic, and the same load again changes nothing. New columns are added as nullable.

        Raises:
            ConfigurationError: a column has another type than the table's.
            DataError: the rows are no Parquet, or not of this tenant, BSDA and branch.
            UnavailableError: the file is in use, or the disk is at fault.
        """
        incoming = read_rows(load)
        with opened(self._path, wait_seconds=self._wait_seconds) as connection, transaction(connection):
            connection.execute(_LEDGER)
            if _is_there(connection, load):
                return Landed(rows=incoming.num_rows, changed=False)
            connection.register(_INCOMING, incoming)
            _make_room(connection, load)
            columns = ", ".join(map(_quoted, incoming.column_names))
            connection.execute(f"INSERT INTO {_name(load.table)} BY NAME SELECT {columns} FROM {_INCOMING}")  # noqa: S608
            connection.unregister(_INCOMING)
            _enter(connection, load, rows=incoming.num_rows)
        return Landed(rows=incoming.num_rows, changed=True)

    def preview(self, table: str, *, limit: int = 5) -> Preview:
        """The first rows by BSDA, tenant, branch and row. Raises ConfigurationError for a table that is not there."""
        if not self._path.exists():
            raise unknown_name("table", table, (), where=str(self._path))
        with opened(self._path, wait_seconds=self._wait_seconds) as connection:
            columns = _columns(connection, table)
            if not columns:
                raise unknown_name("table", table, _landed(connection), where=str(self._path))
            # The order of insertion is the last resort, so that equal rows do not change places.
            order = ", ".join([name for name in _ORDER if name in columns] + ["rowid"])
            connection.execute("SET TimeZone = 'UTC'")
            query = f"SELECT * FROM {_name(table)} ORDER BY {order} LIMIT ?"  # noqa: S608
            # Through Arrow: DuckDB's own way to Python needs pytz for a time with a zone.
            found = connection.sql(query, params=[limit]).to_arrow_table()
            total = _count(connection, _name(table))
        rows = tuple(zip(*(column.to_pylist() for column in found.columns), strict=True))
        return Preview(columns=tuple(found.column_names), rows=rows, total=total)

    def tables(self) -> tuple[str, ...]:
        """The landed tables, sorted."""
        if not self._path.exists():
            return ()
        with opened(self._path, wait_seconds=self._wait_seconds) as connection:
            return _landed(connection)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _name(table: str) -> str:
    return f"main.{_quoted(table)}"


def _first(connection: DuckDBPyConnection, query: str, parameters: list[Any] | None = None) -> tuple[Any, ...] | None:
    """The first row of an answer of a few; None when there is none."""
    # Never fetchone: the rest of an answer that is not fetched keeps the connection from any other work.
    rows = connection.execute(query, parameters or []).fetchall()
    return rows[0] if rows else None


def _count(connection: DuckDBPyConnection, table: str, where: str = "true", parameters: list[Any] | None = None) -> int:
    row = _first(connection, f"SELECT count(*) FROM {table} WHERE {where}", parameters)  # noqa: S608
    return int(row[0]) if row else 0


def _columns(connection: DuckDBPyConnection, table: str) -> dict[str, str]:
    """Names and types of a table's columns in their order; empty when there is no such table."""
    query = (
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database()"
        " AND schema_name = 'main' AND lower(table_name) = lower(?) ORDER BY column_index"
    )
    return dict(connection.execute(query, [table]).fetchall())


def _landed(connection: DuckDBPyConnection) -> tuple[str, ...]:
    here = "database_name = current_database()"
    if not _count(connection, "duckdb_tables()", f"{here} AND schema_name = 'llm_convert' AND table_name = '_loads'"):
        return ()
    query = (
        'SELECT DISTINCT "table" FROM llm_convert._loads JOIN duckdb_tables() ON table_name = "table"'  # noqa: S608
        f" WHERE schema_name = 'main' AND {here}"
    )
    return tuple(sorted(name for (name,) in connection.execute(query).fetchall()))


def _is_there(connection: DuckDBPyConnection, load: Load) -> bool:
    scope = [load.tenant, load.bsda, load.branch]
    query = f"SELECT digest, rows FROM llm_convert._loads WHERE {_THE_LOAD}"  # noqa: S608
    entry = _first(connection, query, [load.table, *scope])
    if entry is None or entry[0] != load.digest or not _columns(connection, load.table):
        return False
    # A table that a person emptied or dropped is filled again, whatever the ledger says.
    return _count(connection, _name(load.table), _THE_ROWS, scope) == int(entry[1])


def _make_room(connection: DuckDBPyConnection, load: Load) -> None:
    """A table with a column for each incoming one, and without the rows that the incoming ones replace."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {_INCOMING}").fetchall()  # noqa: S608
    incoming = {name: kind for name, kind, *_ in described}
    existing = {name.casefold(): kind for name, kind in _columns(connection, load.table).items()}
    if not existing:
        columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in incoming.items())
        connection.execute(f"CREATE TABLE {_name(load.table)} ({columns})")
        return
    for name, kind in incoming.items():
        found = existing.get(name.casefold())
        if found is None:
            connection.execute(f"ALTER TABLE {_name(load.table)} ADD COLUMN {_quoted(name)} {kind}")
        elif found != kind:
            raise ConfigurationError(
                f"column {name!r} of table {load.table!r} is {found} in the warehouse, and {kind} in the rows to land",
                remedy=f"Give {name!r} its old type back in the table's schema or prompt, or choose a new column name.",
            )
    scope = [load.tenant, load.bsda, load.branch]
    connection.execute(f"DELETE FROM {_name(load.table)} WHERE {_THE_ROWS}", scope)  # noqa: S608


def _enter(connection: DuckDBPyConnection, load: Load, *, rows: int) -> None:
    key = [load.table, load.tenant, load.bsda, load.branch]
    connection.execute(f"DELETE FROM llm_convert._loads WHERE {_THE_LOAD}", key)  # noqa: S608
    now = datetime.now(UTC).replace(tzinfo=None)
    connection.execute("INSERT INTO llm_convert._loads VALUES (?, ?, ?, ?, ?, ?, ?)", [*key, load.digest, rows, now])
