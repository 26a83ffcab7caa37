"""INFORMATION_SCHEMA: views over the catalog, as relations of a session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from llm_convert.testing.emulators.bigquery.catalog import Catalog, Dataset, Table
from llm_convert.testing.emulators.bigquery.faults import invalid_query
from llm_convert.testing.emulators.bigquery.tables import Tables
from llm_convert.testing.emulators.bigquery.types import Field, arrow_type, quoted, standard_type

_COLUMNS: dict[str, dict[str, str]] = {
    "SCHEMATA": {
        "catalog_name": "STRING",
        "schema_name": "STRING",
        "creation_time": "TIMESTAMP",
        "last_modified_time": "TIMESTAMP",
        "location": "STRING",
    },
    "TABLES": {
        "table_catalog": "STRING",
        "table_schema": "STRING",
        "table_name": "STRING",
        "table_type": "STRING",
        "is_insertable_into": "STRING",
        "is_typed": "STRING",
        "creation_time": "TIMESTAMP",
        "ddl": "STRING",
    },
    "COLUMNS": {
        "table_catalog": "STRING",
        "table_schema": "STRING",
        "table_name": "STRING",
        "column_name": "STRING",
        "ordinal_position": "INTEGER",
        "is_nullable": "STRING",
        "data_type": "STRING",
        "is_hidden": "STRING",
        "is_partitioning_column": "STRING",
        "clustering_ordinal_position": "INTEGER",
        "column_default": "STRING",
    },
    "PARTITIONS": {
        "table_catalog": "STRING",
        "table_schema": "STRING",
        "table_name": "STRING",
        "partition_id": "STRING",
        "total_rows": "INTEGER",
        "total_logical_bytes": "INTEGER",
        "last_modified_time": "TIMESTAMP",
        "storage_tier": "STRING",
    },
    "VIEWS": {
        "table_catalog": "STRING",
        "table_schema": "STRING",
        "table_name": "STRING",
        "view_definition": "STRING",
        "use_standard_sql": "STRING",
    },
    "TABLE_OPTIONS": {
        "table_catalog": "STRING",
        "table_schema": "STRING",
        "table_name": "STRING",
        "option_name": "STRING",
        "option_type": "STRING",
        "option_value": "STRING",
    },
}
_FORMATS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}


class Information:
    """The views, registered in one session when they are asked for."""

    def __init__(self, tables: Tables, session: Any) -> None:
        self._tables = tables
        self._catalog: Catalog = tables.catalog
        self._session = session
        self._count = 0

    def __call__(self, project: str, dataset: str | None, view: str) -> str:
        """The name of the relation. Raises ApiError when there is no such view or dataset."""
        import pyarrow as pa

        columns = _COLUMNS.get(view)
        if columns is None:
            raise invalid_query(f"INFORMATION_SCHEMA.{view} is not supported by this emulator")
        if view == "SCHEMATA":
            rows = [_dataset_row(one) for one in self._catalog.datasets(project)]
        elif dataset is None:
            raise invalid_query(f'Table "INFORMATION_SCHEMA.{view}" must be qualified with a dataset')
        else:
            rows = [row for one in self._tables_of(project, dataset) for row in self._rows(view, one)]
        kinds = {name: arrow_type({"name": name, "type": kind}) for name, kind in columns.items()}
        self._count += 1
        name = f"information_{view.lower()}_{self._count}"
        self._session.register(name, pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items()))))
        return name

    def _tables_of(self, project: str, dataset: str) -> list[Table]:
        return self._catalog.tables(self._catalog.dataset(project, dataset))

    def _rows(self, view: str, table: Table) -> Iterator[dict[str, Any]]:
        names = dict(zip(("table_catalog", "table_schema", "table_name"), table.ref.resource().values(), strict=True))
        match view:
            case "TABLES":
                kind = "VIEW" if table.kind == "VIEW" else "BASE TABLE"
                made = {"table_type": kind, "creation_time": _moment(table.resource["creationTime"])}
                yield names | made | {"is_insertable_into": "NO" if kind == "VIEW" else "YES", "is_typed": "NO"}
            case "COLUMNS":
                for number, one in enumerate(table.fields, 1):
                    yield names | _column_row(table, number, one)
            case "PARTITIONS" if table.kind == "TABLE":
                for row in self._partitions(table):
                    yield names | row
            case "VIEWS" if table.kind == "VIEW":
                yield names | {"view_definition": table.view_query, "use_standard_sql": "YES"}
            case "TABLE_OPTIONS":
                if said := table.resource.get("description"):
                    yield names | {"option_name": "description", "option_type": "STRING", "option_value": f'"{said}"'}

    def _partitions(self, table: Table) -> Iterator[dict[str, Any]]:
        modified = _moment(table.resource["lastModifiedTime"])
        parts = table.resource.get("timePartitioning") or {}
        said = "NULL"
        if column := parts.get("field"):
            form = _FORMATS[str(parts.get("type", "DAY")).upper()]
            said = f"coalesce(strftime(CAST({quoted(column)} AS TIMESTAMP), '{form}'), '__NULL__')"
        query = f"SELECT {said}, count(*) FROM {table.ref.physical} GROUP BY ALL ORDER BY ALL"  # noqa: S608
        with self._tables.engine.session() as session:
            counted = session.execute(query).fetchall()
        for name, rows in counted:
            yield {
                "partition_id": name,
                "total_rows": rows,
                "total_logical_bytes": rows * 8 * len(table.fields),
                "last_modified_time": modified,
                "storage_tier": "ACTIVE",
            }


def _dataset_row(dataset: Dataset) -> dict[str, Any]:
    return {
        "catalog_name": dataset.project,
        "schema_name": dataset.name,
        "creation_time": _moment(dataset.resource["creationTime"]),
        "last_modified_time": _moment(dataset.resource["lastModifiedTime"]),
        "location": dataset.location,
    }


def _column_row(table: Table, number: int, one: Field) -> dict[str, Any]:
    clustered = [name.casefold() for name in table.resource.get("clustering", {}).get("fields", ())]
    key = one["name"].casefold()
    partitioned = str(table.resource.get("timePartitioning", {}).get("field", "")).casefold()
    return {
        "column_name": one["name"],
        "ordinal_position": number,
        "is_nullable": "NO" if one["mode"] == "REQUIRED" else "YES",
        "data_type": standard_type(one),
        "is_hidden": "NO",
        "is_partitioning_column": "YES" if key == partitioned else "NO",
        "clustering_ordinal_position": clustered.index(key) + 1 if key in clustered else None,
        "column_default": one.get("defaultValueExpression") or "NULL",
    }


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
