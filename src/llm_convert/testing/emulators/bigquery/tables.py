"""Tables with their rows: the catalog and the engine kept in step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from llm_convert.testing.emulators.bigquery.catalog import Catalog, Dataset, Table, TableRef
from llm_convert.testing.emulators.bigquery.engine import Engine, settled, transaction
from llm_convert.testing.emulators.bigquery.faults import ApiError, already_exists, invalid, not_found
from llm_convert.testing.emulators.bigquery.fitting import check_layout, check_same_layout, merged, patched
from llm_convert.testing.emulators.bigquery.types import Field, cleaned, column_ddl, duckdb_type, quoted

_INCOMING = "incoming_rows"
_LAYOUT = ("timePartitioning", "rangePartitioning", "clustering", "requirePartitionFilter")
_PARTITION_FORMATS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H"}
REPLACE = "REPLACE"
"""A disposition beside those of jobs: nothing of an old table is kept, as CREATE OR REPLACE does it."""
_UNITS = {4: "year", 6: "month", 8: "day", 10: "hour"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How a job's rows go to their table."""

    disposition: str = "WRITE_APPEND"
    create: bool = True
    """A table that is not there is made."""
    updates: frozenset[str] = frozenset()
    """Of ``fitting``: what of the schema may change."""
    properties: dict[str, Any] = field(default_factory=dict)
    """Of a new table: partitioning, clustering, labels."""


class Tables:
    """Makes, fills, reads, alters and drops tables."""

    def __init__(self, catalog: Catalog, engine: Engine) -> None:
        self.catalog = catalog
        self.engine = engine

    def create(self, ref: TableRef, resource: dict[str, Any], *, replacing: bool = False) -> Table:
        """An empty table, or a view. Raises ApiError 409 when there is one, unless it is to be replaced."""
        self.catalog.dataset(ref.project, ref.dataset)
        fields = cleaned(resource.get("schema", {}).get("fields") or [])
        check_layout(resource, fields)
        with self.engine.claims.waiting(ref, object()):
            if self.catalog.find(ref) and not replacing:
                raise already_exists("Table", str(ref))
            if "view" not in resource:
                with self.engine.session() as session:
                    settled(lambda: self._remake(session, ref, fields))
            return self.catalog.put(ref, resource | {"schema": {"fields": fields}})

    def _remake(self, session: Any, ref: TableRef, fields: list[Field]) -> None:
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(ref.schema_name)}")
        # DuckDB has no table without columns, BigQuery has: the placeholder goes with the first schema.
        columns = ", ".join(column_ddl(one) for one in fields) or '"~none" INTEGER'
        session.execute(f"CREATE OR REPLACE TABLE {ref.physical} ({columns})")

    def drop(self, ref: TableRef) -> None:
        """Raises ApiError 404."""
        table = self.catalog.table(ref)
        with self.engine.claims.waiting(ref, object()):
            self.catalog.remove(ref)
            if table.kind == "TABLE":
                with self.engine.session() as session:
                    settled(lambda: session.execute(f"DROP TABLE IF EXISTS {ref.physical}"))

    def drop_dataset(self, dataset: Dataset, *, with_contents: bool) -> None:
        """Raises ApiError 400 when it has tables that are not to be dropped with it."""
        tables = self.catalog.tables(dataset)
        if tables and not with_contents:
            raise ApiError(400, f"Dataset {dataset} is still in use", reason="resourceInUse")
        for table in tables:
            self.drop(table.ref)
        self.catalog.drop_dataset(dataset)

    def set_fields(self, table: Table, wanted: list[Field]) -> None:
        """Change a table's schema: added and relaxed columns, descriptions. Raises ApiError 400 for anything else."""
        fields = patched(table.ref, table.fields, cleaned(wanted)) if table.fields else cleaned(wanted)
        with self.engine.claims.waiting(table.ref, object()), self.engine.session() as session:
            if table.fields:
                settled(lambda: self._alter(session, table, fields))
            else:
                self._remake(session, table.ref, fields)
            self._enter_fields(table, fields)

    def _enter_fields(self, table: Table, fields: list[Field]) -> None:
        with self.catalog.lock:
            table.resource["schema"] = {"fields": fields}
            table.touch()

    def _alter(self, session: Any, table: Table, fields: list[Field]) -> None:
        known = {one["name"].casefold(): one for one in table.fields}
        for one in fields:
            old = known.get(one["name"].casefold())
            if old is None:
                self._add_column(session, table.ref, one)
            elif old["mode"] == "REQUIRED" != one["mode"]:
                session.execute(f"ALTER TABLE {table.ref.physical} ALTER COLUMN {quoted(one['name'])} DROP NOT NULL")

    def _add_column(self, session: Any, ref: TableRef, one: Field) -> None:
        if one["mode"] == "REQUIRED":
            raise invalid(
                f"Provided Schema does not match Table {ref}. Cannot add required fields to an existing schema."
            )
        session.execute(f"ALTER TABLE {ref.physical} ADD COLUMN {quoted(one['name'])} {duckdb_type(one)}")

    def drop_column(self, table: Table, name: str) -> None:
        """Raises ApiError 400 when there is none of this name."""
        kept = [one for one in table.fields if one["name"].casefold() != name.casefold()]
        if len(kept) == len(table.fields):
            raise invalid(f"Column not found: {name}")
        with self.engine.claims.waiting(table.ref, object()), self.engine.session() as session:
            settled(lambda: session.execute(f"ALTER TABLE {table.ref.physical} DROP COLUMN {quoted(name)}"))
            self._enter_fields(table, kept)

    def write(self, ref: TableRef, rows: Any, fields: list[Field], how: Writing) -> int:
        """All rows or none; their count.

        Args:
            ref: the name may end in a partition, such as ``t$20240131``.
            rows: a ``pyarrow.Table``.
            fields: of the rows.
        """
        name, _, partition = ref.table.partition("$")
        ref = replace(ref, table=name)
        table = self.catalog.find(ref)
        simple = table is not None and how.disposition == "WRITE_APPEND" and not how.updates
        guard: AbstractContextManager[None] = nullcontext()
        if not simple:
            guard = self.engine.claims.waiting(ref, object())
        with guard, self.engine.session() as session:
            table = self.catalog.find(ref)
            if table is None or how.disposition == REPLACE:
                return self._write_new(session, ref, rows, fields, how)
            if table.kind == "VIEW":
                raise invalid(f"{ref} is not allowed for this operation because it is currently a VIEW.")
            if how.disposition == "WRITE_EMPTY" and self.count(ref):
                raise already_exists("Table", str(ref))
            if how.disposition == "WRITE_TRUNCATE" and not partition:
                return self._write_over(session, table, rows, fields, how)
            return self._write_into(session, table, rows, fields, how, partition)

    def _write_new(self, session: Any, ref: TableRef, rows: Any, fields: list[Field], how: Writing) -> int:
        dataset = self.catalog.dataset(ref.project, ref.dataset)
        if not how.create:
            raise not_found("Table", str(ref), dataset.location)
        check_layout(how.properties, fields)

        def work() -> None:
            with transaction(session):
                self._remake(session, ref, fields)
                insert(session, ref, rows, fields)

        settled(work)
        self.catalog.put(ref, how.properties | {"schema": {"fields": fields}})
        return int(rows.num_rows)

    def _write_over(self, session: Any, table: Table, rows: Any, fields: list[Field], how: Writing) -> int:
        kept = {name: value for name, value in table.resource.items() if name not in {"schema", "etag"}}
        if any(how.properties.get(name) for name in _LAYOUT):
            check_same_layout(table.resource, how.properties)
        check_layout(kept | how.properties, fields)

        def work() -> None:
            with transaction(session):
                self._remake(session, table.ref, fields)
                insert(session, table.ref, rows, fields)

        settled(work)
        with self.catalog.lock:
            table.resource |= {"schema": {"fields": fields}, **how.properties}
            table.touch()
        return int(rows.num_rows)

    def _write_into(
        self, session: Any, table: Table, rows: Any, fields: list[Field], how: Writing, partition: str
    ) -> int:
        check_same_layout(table.resource, how.properties)
        if not table.fields:
            # Not by set_fields: it would wait for the claim that this write may hold.
            settled(lambda: self._remake(session, table.ref, fields))
            self._enter_fields(table, fields)
        after = merged(table.ref, table.fields, fields, set(how.updates))
        clearing = how.disposition.startswith("WRITE_TRUNCATE")
        where = _in_partition(table, partition) if partition else "true"

        def work() -> None:
            with transaction(session):
                self._alter(session, table, after)
                if clearing:
                    session.execute(f"DELETE FROM {table.ref.physical} WHERE {where}")  # noqa: S608
                insert(session, table.ref, rows, fields)

        settled(work)
        self._enter_fields(table, after)
        return int(rows.num_rows)

    def count(self, ref: TableRef) -> int:
        """The rows of a table."""
        with self.engine.session() as session:
            return int(session.execute(f"SELECT count(*) FROM {ref.physical}").fetchall()[0][0])  # noqa: S608

    def size(self, table: Table) -> int:
        """The logical bytes of a table, as BigQuery counts them."""
        if table.kind == "VIEW" or not table.fields:
            return 0
        parts = " + ".join(f"coalesce({_size(one)}, 0)" for one in table.fields)
        with self.engine.session() as session:
            return int(session.execute(f"SELECT {parts} FROM {table.ref.physical}").fetchall()[0][0])  # noqa: S608

    def read(self, ref: TableRef, fields: Iterable[Field], *, offset: int, limit: int) -> list[dict[str, Any]]:
        """Some rows in the order in which they were written."""
        columns = ", ".join(quoted(one["name"]) for one in fields)
        if not columns:
            return []
        with self.engine.session() as session:
            query = f"SELECT {columns} FROM {ref.physical} LIMIT {limit} OFFSET {offset}"  # noqa: S608
            rows: list[dict[str, Any]] = session.sql(query).to_arrow_table().to_pylist()
        return rows


_FIXED = {"BOOLEAN": 1, "NUMERIC": 16, "BIGNUMERIC": 32} | dict.fromkeys(
    ("INTEGER", "FLOAT", "DATE", "TIME", "DATETIME", "TIMESTAMP"), 8
)


def _size(one: Field) -> str:
    name = quoted(one["name"])
    if one["mode"] != "REPEATED" and one["type"] in _FIXED:
        return f"{_FIXED[one['type']]} * count({name})"
    return f"sum(2 + strlen(CAST({name} AS VARCHAR)))"


def insert(session: Any, ref: TableRef, rows: Any, fields: list[Field]) -> None:
    """Append the rows of a ``pyarrow.Table`` by the names of its columns."""
    if not fields:
        return
    columns = ", ".join(quoted(one["name"]) for one in fields)
    session.register(_INCOMING, rows)
    try:
        session.execute(f"INSERT INTO {ref.physical} ({columns}) SELECT {columns} FROM {_INCOMING}")  # noqa: S608
    finally:
        session.unregister(_INCOMING)


def _in_partition(table: Table, partition: str) -> str:
    column = table.resource.get("timePartitioning", {}).get("field")
    if not column or not re.fullmatch(r"\d+", partition) or len(partition) not in _PARTITION_FORMATS:
        raise invalid(f"Invalid partition id: {table.ref}${partition}")
    # %Y%m is ambiguous without a separator for other lengths only; strptime takes each as it is.
    start = datetime.strptime(partition, _PARTITION_FORMATS[len(partition)])
    return f"date_trunc('{_UNITS[len(partition)]}', {quoted(column)}) = TIMESTAMP '{start.isoformat(sep=' ')}'"
