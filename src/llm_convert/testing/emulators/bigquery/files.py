"""The files of load jobs: Parquet, CSV and newline-delimited JSON as rows with their fields."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from llm_convert.testing.emulators.bigquery.faults import ApiError, invalid
from llm_convert.testing.emulators.bigquery.types import Field, arrow_type, field_of
from llm_convert.testing.emulators.bigquery.values import decoded, record

_TAIL = "Please look into the errors[] collection for more details."


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What files hold."""

    table: Any
    """A ``pyarrow.Table`` whose columns are the fields."""
    fields: list[Field]
    bad: int = 0
    """Records that were left out."""


def read_files(sources: list[Source], config: dict[str, Any], fields: list[Field], session: Any) -> Rows:
    """The rows of all files of a load job.

    Args:
        config: a ``JobConfigurationLoad``.
        fields: of the job's schema, or the table's; empty when neither is known.
        session: of DuckDB, which knows Parquet's types.
    """
    kind = config.get("sourceFormat") or "CSV"
    if kind == "PARQUET":
        return _parquet(sources, config, session)
    if kind not in {"CSV", "NEWLINE_DELIMITED_JSON"}:
        raise invalid(f"Source format {kind} is not supported by this emulator")
    records = _csv_records(sources, config) if kind == "CSV" else _json_records(sources)
    if not fields:
        if not config.get("autodetect"):
            raise invalid("No schema specified on job or table.")
        records, fields = _detected(kind, list(records))
    return _typed(records, config, fields, positional=kind == "CSV")


def _parquet(sources: list[Source], config: dict[str, Any], session: Any) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for source in sources:
        try:
            tables.append(pq.read_table(pa.BufferReader(source.data)))
        except (pa.ArrowInvalid, OSError) as error:
            said = f"Error while reading data, error message: Input file is not in Parquet format. File: {source.name}"
            raise invalid(said) from error
    table = pa.concat_tables(tables, promote_options="default")
    # The words of pandas about its own columns are nothing of the table's.
    table = table.replace_schema_metadata(None)
    if not (config.get("parquetOptions") or {}).get("enableListInference"):
        table = _wrapped_lists(table)
    session.register("parquet_rows", table)
    relation = session.sql("SELECT * FROM parquet_rows LIMIT 0")
    fields = [field_of(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True)]
    session.unregister("parquet_rows")
    for one, column in zip(fields, table.schema, strict=True):
        if not column.nullable and one["mode"] == "NULLABLE":
            one["mode"] = "REQUIRED"
    return Rows(table=table, fields=fields)


def _wrapped_lists(table: Any) -> Any:
    """Without list inference a list is a record ``list`` of records ``element``, as the file has it."""
    import pyarrow as pa

    for index, column in enumerate(table.schema):
        if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
            continue
        name = "item" if column.type.value_field.name == "item" else "element"
        kind = pa.struct([("list", pa.list_(pa.struct([(name, column.type.value_type)])))])
        values = [
            None if items is None else {"list": [{name: item} for item in items]}
            for items in table.column(index).to_pylist()
        ]
        table = table.set_column(index, column.name, pa.array(values, type=kind))
    return table


def _csv_records(sources: list[Source], config: dict[str, Any]) -> Iterable[list[str | None]]:
    skip = int(config.get("skipLeadingRows") or 0)
    encoding = {"ISO-8859-1": "latin-1"}.get(str(config.get("encoding")), "utf-8-sig")
    delimiter = {"tab": "\t", "\\t": "\t"}.get(
        str(config.get("fieldDelimiter") or ","), config.get("fieldDelimiter") or ","
    )
    quote = config.get("quote", '"')
    null = config.get("nullMarker") or ""
    for source in sources:
        text = io.StringIO(source.data.decode(encoding, errors="replace"), newline="")
        for number, row in enumerate(_reader(text, str(delimiter), quote)):
            if number >= skip and row:
                yield [None if value == null else value for value in row]


def _reader(text: io.StringIO, delimiter: str, quote: str) -> Any:
    if not quote:
        return csv.reader(text, delimiter=delimiter, quotechar=None, quoting=csv.QUOTE_NONE)
    return csv.reader(text, delimiter=delimiter, quotechar=quote)


def _json_records(sources: list[Source]) -> Iterable[dict[str, Any]]:
    for source in sources:
        for number, line in enumerate(source.data.decode("utf-8-sig").splitlines(), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise invalid(
                    "Error while reading data, error message: JSON table encountered too many errors, giving up. "
                    f"Rows: {number}; errors: 1. {_TAIL}"
                ) from error
            if not isinstance(row, dict):
                raise invalid(f"Error while reading data, error message: row {number} is no JSON object")
            yield row


def _typed(records: Iterable[Any], config: dict[str, Any], fields: list[Field], *, positional: bool) -> Rows:
    import pyarrow as pa

    allowed, ignore = int(config.get("maxBadRecords") or 0), bool(config.get("ignoreUnknownValues"))
    rows, errors = [], []
    for number, raw in enumerate(records, 1):
        try:
            if positional:
                rows.append(_by_position(raw, config, fields))
            else:
                rows.append(record(raw, fields, ignore_unknown=ignore))
        except ApiError as error:
            errors.append(f"{error.message}; row {number}")
    if len(errors) > allowed:
        said = "CSV" if positional else "JSON"
        raise invalid(
            f"Error while reading data, error message: {said} table encountered too many errors, giving up. "
            f"Rows: {len(rows) + len(errors)}; errors: {len(errors)}. {errors[0]}"
        )
    schema = pa.schema([pa.field(one["name"], arrow_type(one)) for one in fields])
    return Rows(table=pa.Table.from_pylist(rows, schema=schema), fields=fields, bad=len(errors))


def _by_position(raw: list[str | None], config: dict[str, Any], fields: list[Field]) -> dict[str, Any]:
    if len(raw) > len(fields) and not config.get("ignoreUnknownValues"):
        raise invalid(f"Too many values in row: {len(raw)}, expected {len(fields)}")
    if len(raw) < len(fields) and not config.get("allowJaggedRows"):
        raise invalid(f"Too few values in row: {len(raw)}, expected {len(fields)}")
    values = list(raw) + [None] * (len(fields) - len(raw))
    marked = bool(config.get("nullMarker"))
    result = {}
    for one, value in zip(fields, values, strict=False):
        # An empty text is a text; of any other type it is null.
        empty = value is None and one["type"] in {"STRING", "BYTES"} and not marked
        result[one["name"]] = decoded("" if empty else value, one)
    return result


def _detected(kind: str, records: list[Any]) -> tuple[list[Any], list[Field]]:
    if kind == "CSV":
        header = [str(value or "") for value in records[0]] if records else []
        body = records[1:]
        if any(_guess(value) != "STRING" for value in header) or not all(header):
            header, body = [f"{_guess_name(value)}_{n}" for n, value in enumerate(records[0])], records
        columns = list(zip(*body, strict=False)) or [() for _ in header]
        names = ["".join(letter if letter.isalnum() else "_" for letter in name) for name in header]
        return body, [_widest(name, list(column)) for name, column in zip(names, columns, strict=True)]
    names_seen = dict.fromkeys(name for row in records for name in row)
    return records, [_widest(name, [row.get(name) for row in records]) for name in names_seen]


def _guess_name(value: Any) -> str:
    return {"INTEGER": "int64_field", "FLOAT": "double_field", "BOOLEAN": "bool_field"}.get(
        _guess(value), "string_field"
    )


def _widest(name: str, values: list[Any]) -> Field:
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, list) for value in present):
        return _widest(name, [item for value in present for item in value]) | {"mode": "REPEATED"}
    if present and all(isinstance(value, dict) for value in present):
        names = dict.fromkeys(key for value in present for key in value)
        fields = [_widest(key, [value.get(key) for value in present]) for key in names]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": fields}
    kinds = {_guess(value) for value in present}
    if kinds == {"INTEGER", "FLOAT"}:
        kinds = {"FLOAT"}
    return {"name": name, "type": kinds.pop() if len(kinds) == 1 else "STRING", "mode": "NULLABLE"}


def _guess(value: Any) -> str:
    if isinstance(value, bool) or str(value).lower() in {"true", "false"}:
        return "BOOLEAN"
    text = str(value)
    tries = (("INTEGER", int), ("FLOAT", float), ("DATE", date.fromisoformat), ("TIME", _clock))
    for kind, parse in tries:
        try:
            parse(text)
        except ValueError:
            continue
        return kind
    try:
        decoded(text, {"name": "guess", "type": "TIMESTAMP", "mode": "NULLABLE"})
    except ApiError:
        return "STRING"
    return "TIMESTAMP"


def _clock(text: str) -> time:
    if ":" not in text:
        raise ValueError("no time")
    return time.fromisoformat(text)
