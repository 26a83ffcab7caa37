"""Load, copy and extract jobs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Container
from dataclasses import replace
from typing import Any

from llm_convert.testing.emulators.bigquery.catalog import TableRef
from llm_convert.testing.emulators.bigquery.faults import access_denied, invalid
from llm_convert.testing.emulators.bigquery.files import Rows, Source, read_files
from llm_convert.testing.emulators.bigquery.jobs import Job
from llm_convert.testing.emulators.bigquery.queries import writing_of
from llm_convert.testing.emulators.bigquery.storage import Storage
from llm_convert.testing.emulators.bigquery.tables import Tables
from llm_convert.testing.emulators.bigquery.types import Field, arrow_type, cleaned, quoted
from llm_convert.testing.emulators.bigquery.values import cell


class Transfers:
    """Runs jobs that move rows in bulk."""

    def __init__(self, tables: Tables, storage: Storage, missing_permissions: Container[str]) -> None:
        self._tables = tables
        self._storage = storage
        self._missing = missing_permissions

    def load(self, job: Job, uploaded: bytes | None) -> None:
        """Write files to a table.

        Args:
            uploaded: the file that came with the request; None when the job names URIs.
        """
        config = job.configuration["load"]
        ref = TableRef.of(config["destinationTable"], job.project)
        self._may(ref, "bigquery.tables.updateData", "bigquery.tables.create")
        self._tables.catalog.dataset(ref.project, ref.dataset)
        if uploaded is not None:
            sources = [Source(name="upload", data=uploaded)]
        else:
            uris = config.get("sourceUris") or []
            if not uris:
                raise invalid("Load configuration must specify at least one source URI")
            sources = self._storage.read(uris)
        rows = self._rows(config, ref, sources)
        written = self._tables.write(ref, rows.table, rows.fields, writing_of(config, "WRITE_APPEND"))
        job.statistics["load"] = {
            "inputFiles": str(len(sources)),
            "inputFileBytes": str(sum(len(source.data) for source in sources)),
            "outputRows": str(written),
            "outputBytes": str(rows.table.nbytes),
            "badRecords": str(rows.bad),
        }

    def _rows(self, config: dict[str, Any], ref: TableRef, sources: list[Source]) -> Rows:
        given = cleaned((config.get("schema") or {}).get("fields") or [])
        existing = self._tables.catalog.find(replace(ref, table=ref.table.partition("$")[0]))
        fields = given
        if not given and existing is not None and not config.get("autodetect"):
            fields = existing.fields
        with self._tables.engine.session() as session:
            rows = read_files(sources, config, fields, session)
        typed = given if config.get("sourceFormat") == "PARQUET" else []
        return _as_given(rows, typed) if typed else rows

    def copy(self, job: Job) -> None:
        """Write the rows of tables to another."""
        import pyarrow as pa

        config = job.configuration["copy"]
        given = config.get("sourceTables") or [config["sourceTable"]]
        sources = [self._tables.catalog.table(TableRef.of(one, job.project)) for one in given]
        ref = TableRef.of(config["destinationTable"], job.project)
        self._may(ref, "bigquery.tables.updateData", "bigquery.tables.create")
        with self._tables.engine.session() as session:
            parts = [session.sql(f"SELECT * FROM {one.ref.physical}").to_arrow_table() for one in sources]  # noqa: S608
        how = writing_of(config, "WRITE_EMPTY")
        first = sources[0].resource
        names: tuple[str, ...] = ("timePartitioning", "clustering", "description")
        kept = {name: first[name] for name in names if name in first}
        if self._tables.catalog.find(ref) is None:
            how = replace(how, properties=kept)
        written = self._tables.write(ref, pa.concat_tables(parts), sources[0].fields, how)
        job.statistics["copy"] = {
            "copiedRows": str(written),
            "copiedLogicalBytes": str(sum(part.nbytes for part in parts)),
        }

    def extract(self, job: Job) -> None:
        """Write a table's rows to an object, or to the first of a wildcard's."""
        config = job.configuration["extract"]
        table = self._tables.catalog.table(TableRef.of(config["sourceTable"], job.project))
        self._may(table.ref, "bigquery.tables.export", "bigquery.tables.getData")
        uris = config.get("destinationUris") or [config.get("destinationUri", "")]
        with self._tables.engine.session() as session:
            columns = ", ".join(quoted(one["name"]) for one in table.fields)
            rows = session.sql(f"SELECT {columns} FROM {table.ref.physical}").to_arrow_table()  # noqa: S608
        form = config.get("destinationFormat") or "CSV"
        if form not in _WRITERS:
            raise invalid(f"Destination format {form} is not supported by this emulator")
        self._storage.write(uris[0].replace("*", "000000000000"), _WRITERS[form](rows, table.fields, config))
        job.statistics["extract"] = {"destinationUriFileCounts": ["1", *("0" for _ in uris[1:])]}

    def _may(self, ref: TableRef, *permissions: str) -> None:
        for permission in permissions:
            if permission in self._missing:
                raise access_denied(f"Table {ref}", permission)


def _as_given(rows: Rows, given: list[Field]) -> Rows:
    """Parquet's columns as the job's schema has them. Raises ApiError when a value is none of the type."""
    import pyarrow as pa

    found = {name.casefold(): name for name in rows.table.column_names}
    strange = set(found) - {one["name"].casefold() for one in given}
    if strange:
        raise invalid(f"Provided schema does not match the file. Cannot add fields (field: {found[min(strange)]})")
    columns = []
    for one in given:
        kind, name = arrow_type(one), found.get(one["name"].casefold())
        try:
            column = pa.nulls(rows.table.num_rows, kind) if name is None else rows.table.column(name).cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise invalid(
                f"Error while reading data, error message: Parquet column '{one['name']}' has type "
                f"{rows.table.schema.field(str(name)).type} which does not match the target cpp_type {one['type']}."
            ) from error
        if one["mode"] == "REQUIRED" and column.null_count:
            raise invalid(f"Required field {one['name']} cannot be null")
        columns.append(column)
    return Rows(table=pa.table(dict(zip([one["name"] for one in given], columns, strict=True))), fields=given)


def _parquet(rows: Any, fields: list[Field], config: dict[str, Any]) -> bytes:  # noqa: ARG001
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(rows, out)
    return out.getvalue()


def _json_lines(rows: Any, fields: list[Field], config: dict[str, Any]) -> bytes:  # noqa: ARG001
    def plain(value: Any, one: Field) -> Any:
        if one["mode"] == "REPEATED":
            return [plain(item, {**one, "mode": "NULLABLE"}) for item in value or ()]
        if value is None or one["type"] == "BOOLEAN":
            return value
        if one["type"] == "RECORD":
            return {inner["name"]: plain(value[inner["name"]], inner) for inner in one["fields"]}
        return cell(value, one, micros=False)

    lines = (
        json.dumps({one["name"]: plain(row[one["name"]], one) for one in fields}, ensure_ascii=False)
        for row in rows.to_pylist()
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _csv(rows: Any, fields: list[Field], config: dict[str, Any]) -> bytes:
    import csv

    out = io.StringIO()
    writer = csv.writer(out, delimiter=config.get("fieldDelimiter") or ",", lineterminator="\n")
    if config.get("printHeader", True):
        writer.writerow([one["name"] for one in fields])
    for row in rows.to_pylist():
        writer.writerow([cell(row[one["name"]], one, micros=False) for one in fields])
    return out.getvalue().encode()


_WRITERS: dict[str, Callable[[Any, list[Field], dict[str, Any]], bytes]] = {
    "PARQUET": _parquet,
    "NEWLINE_DELIMITED_JSON": _json_lines,
    "CSV": _csv,
}
