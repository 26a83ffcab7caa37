"""The API's methods for datasets, tables and their rows."""

from __future__ import annotations

import threading
from collections.abc import Container
from typing import Any

from llm_convert.testing.emulators.bigquery.catalog import Dataset, Table, TableRef
from llm_convert.testing.emulators.bigquery.faults import ApiError, invalid
from llm_convert.testing.emulators.bigquery.fitting import check_layout
from llm_convert.testing.emulators.bigquery.requests import Request, Response, changed, offset_of, token_of
from llm_convert.testing.emulators.bigquery.tables import Tables, Writing
from llm_convert.testing.emulators.bigquery.types import Field, arrow_type
from llm_convert.testing.emulators.bigquery.values import record, row_cells

MAX_PAGE_ROWS = 50_000
_DATASET_FIXED = {
    "kind",
    "id",
    "etag",
    "selfLink",
    "datasetReference",
    "location",
    "creationTime",
    "lastModifiedTime",
    "access",
}
_TABLE_FIXED = {
    "kind",
    "id",
    "etag",
    "selfLink",
    "tableReference",
    "location",
    "creationTime",
    "lastModifiedTime",
    "type",
}
_COUNTED = {"numRows", "numBytes", "numLongTermBytes", "type", "schema"}

_LISTED = (
    "id",
    "tableReference",
    "labels",
    "friendlyName",
    "timePartitioning",
    "clustering",
    "creationTime",
    "expirationTime",
    "requirePartitionFilter",
)


class Resources:
    """Datasets, tables and rows over the wire."""

    def __init__(self, tables: Tables, missing_permissions: Container[str]) -> None:
        self._tables = tables
        self._catalog = tables.catalog
        self.missing_permissions = missing_permissions
        self._seen: dict[str, set[str]] = {}
        self._policies: dict[str, dict[str, Any]] = {}
        self._changing = threading.Lock()

    def insert_dataset(self, request: Request) -> Response:
        """datasets.insert."""
        return Response(body=self._catalog.add_dataset(request.parts["project"], request.json()).resource)

    def get_dataset(self, request: Request) -> Response:
        """datasets.get."""
        return Response(body=self._dataset(request).resource)

    def list_datasets(self, request: Request) -> Response:
        """datasets.list, with a filter by labels."""
        found = self._catalog.datasets(request.parts["project"])
        for part in (request.query.get("filter") or "").split():
            name, _, value = part.removeprefix("labels.").partition(":")
            found = [
                one
                for one in found
                if name in (labels := one.resource.get("labels", {})) and value in {"", labels[name]}
            ]
        page, token = request.page(found)
        names = ("id", "datasetReference", "labels", "friendlyName", "location")
        items = [
            {"kind": "bigquery#dataset"} | {n: one.resource[n] for n in names if n in one.resource} for one in page
        ]
        return _listing("datasetList", {"datasets": items} if items else {}, token)

    def change_dataset(self, request: Request) -> Response:
        """datasets.patch and datasets.update."""
        dataset = self._dataset(request)
        with self._catalog.lock:
            request.check_etag(dataset.resource["etag"])
            fixed = _DATASET_FIXED - {"access"}
            dataset.resource = changed(dataset.resource, request.json(), fixed, whole=request.method == "PUT")
            dataset.touch()
        return Response(body=dataset.resource)

    def delete_dataset(self, request: Request) -> Response:
        """datasets.delete."""
        with_contents = request.query.get("deleteContents", "").lower() == "true"
        self._tables.drop_dataset(self._dataset(request), with_contents=with_contents)
        return Response(status=204)

    def insert_table(self, request: Request) -> Response:
        """tables.insert."""
        body, dataset = request.json(), self._dataset(request)
        name = str((body.get("tableReference") or {}).get("tableId", ""))
        ref = TableRef(project=dataset.project, dataset=dataset.name, table=name)
        resource = {key: value for key, value in body.items() if key not in _TABLE_FIXED | _COUNTED - {"schema"}}
        if "view" in resource and not (resource.get("schema") or {}).get("fields"):
            resource["schema"] = {"fields": self._view_fields(ref, resource["view"])}
        return Response(body=self._shown(self._tables.create(ref, resource)))

    def _view_fields(self, ref: TableRef, view: dict[str, Any]) -> list[Field]:
        from llm_convert.testing.emulators.bigquery.information import Information
        from llm_convert.testing.emulators.bigquery.parameters import Parameters
        from llm_convert.testing.emulators.bigquery.session import Session
        from llm_convert.testing.emulators.bigquery.statements import preview
        from llm_convert.testing.emulators.bigquery.translate import Scope, parse

        with self._tables.engine.session() as connection:
            scope = Scope(
                catalog=self._catalog,
                project=ref.project,
                dataset=None,
                parameters=Parameters([]),
                information=Information(self._tables, connection),
            )
            session = Session(tables=self._tables, connection=connection, scope=scope)
            return preview(parse(str(view.get("query", ""))), session).fields or []

    def get_table(self, request: Request) -> Response:
        """tables.get."""
        return Response(body=self._shown(self._table(request)))

    def list_tables(self, request: Request) -> Response:
        """tables.list."""
        found = self._catalog.tables(self._dataset(request))
        page, token = request.page(found)
        items = []
        for one in page:
            shown = {name: one.resource[name] for name in _LISTED if name in one.resource}
            items.append({"kind": "bigquery#table", "type": one.kind} | shown)
        return _listing("tableList", ({"tables": items} if items else {}) | {"totalItems": len(found)}, token)

    def change_table(self, request: Request) -> Response:
        """tables.patch and tables.update."""
        # The etag must still be the table's when it is changed: of two who saw the same one, one goes first.
        with self._changing:
            return self._change_table(request)

    def _change_table(self, request: Request) -> Response:
        table, body = self._table(request), request.json()
        request.check_etag(table.resource["etag"])
        fields = (body.get("schema") or {}).get("fields")
        if fields is not None and table.kind == "TABLE":
            self._tables.set_fields(table, fields)
        if "view" in body and not fields:
            body["schema"] = {"fields": self._view_fields(table.ref, body["view"])}
        with self._catalog.lock:
            fixed = _TABLE_FIXED | (_COUNTED if table.kind == "TABLE" else _COUNTED - {"schema"})
            if request.method == "PUT":
                fixed = fixed | {"schema"}
            resource = changed(table.resource, body, fixed, whole=request.method == "PUT")
            check_layout(resource, table.fields)
            table.resource = resource
            table.touch()
        return Response(body=self._shown(table))

    def delete_table(self, request: Request) -> Response:
        """tables.delete."""
        self._tables.drop(self._ref(request))
        return Response(status=204)

    def get_policy(self, request: Request) -> Response:
        """tables.getIamPolicy."""
        table = self._table(request)
        return Response(body=self._policies.get(str(table.ref), {"version": 1, "etag": "ACAB", "bindings": []}))

    def set_policy(self, request: Request) -> Response:
        """tables.setIamPolicy."""
        table = self._table(request)
        policy = {"version": 1, "etag": "ACAC"} | dict(request.json().get("policy") or {})
        self._policies[str(table.ref)] = policy
        return Response(body=policy)

    def test_permissions(self, request: Request) -> Response:
        """Method testIamPermissions of a table or a project: those asked for that are not missing."""
        if "table" in request.parts:
            self._table(request)
        held = [one for one in request.json().get("permissions") or () if one not in self.missing_permissions]
        return Response(body={"permissions": held} if held else {})

    def list_rows(self, request: Request) -> Response:
        """tabledata.list."""
        table = self._table(request)
        if table.kind == "VIEW":
            raise invalid("Cannot list a table of type VIEW.")
        fields, chosen = table.fields, request.query.get("selectedFields")
        if chosen:
            fields = _selected(fields, chosen.split(","))
        return Response(
            body={"kind": "bigquery#tableDataList", "etag": table.resource["etag"]}
            | self.page(request, table.ref, fields)
        )

    def page(self, request: Request, ref: TableRef, fields: list[Field]) -> dict[str, Any]:
        """Rows of a table with the count of all and the token of the next page."""
        total = self._tables.count(ref)
        start = offset_of(request.query.get("pageToken")) or request.number("startIndex") or 0
        size = request.number("maxResults")
        size = MAX_PAGE_ROWS if size is None else min(size, MAX_PAGE_ROWS)
        micros = request.query.get("formatOptions.useInt64Timestamp", "").lower() == "true"
        rows = self._tables.read(ref, fields, offset=start, limit=size) if size else []
        found: dict[str, Any] = {"totalRows": str(total)}
        if rows:
            found["rows"] = [row_cells(row, fields, micros=micros) for row in rows]
        if size and start + len(rows) < total:
            found["pageToken"] = token_of(start + len(rows))
        return found

    def insert_rows(self, request: Request) -> Response:
        """tabledata.insertAll."""
        import pyarrow as pa

        table, body = self._table(request), request.json()
        skips, ignores = bool(body.get("skipInvalidRows")), bool(body.get("ignoreUnknownValues"))
        if table.kind == "VIEW":
            raise invalid(f"Cannot add rows to a table of type VIEW: {table.ref}")
        rows, errors = [], []
        given = body.get("rows") or []
        if not given:
            raise invalid("No rows present in the request.")
        for index, row in enumerate(given):
            try:
                rows.append(
                    (
                        str(row.get("insertId") or ""),
                        record(row.get("json") or {}, table.fields, ignore_unknown=ignores),
                    )
                )
            except ApiError as error:
                errors.append({"index": index, "errors": [error.proto() | {"debugInfo": ""}]})
        if errors and not skips:
            bad = {error["index"] for error in errors}
            stopped = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
            errors += [{"index": index, "errors": [stopped]} for index in range(len(given)) if index not in bad]
            rows = []
        fresh = self._fresh(table, rows)
        if fresh:
            schema = pa.schema([pa.field(one["name"], arrow_type(one)) for one in table.fields])
            self._tables.write(
                table.ref, pa.Table.from_pylist(fresh, schema=schema), table.fields, Writing(create=False)
            )
        made: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
        return Response(body=made | ({"insertErrors": errors} if errors else {}))

    def _fresh(self, table: Table, rows: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """The rows whose insertId was not seen before."""
        fresh = []
        with self._catalog.lock:
            seen = self._seen.setdefault(f"{table.ref}@{table.resource['creationTime']}", set())
            for insert_id, row in rows:
                if insert_id and insert_id in seen:
                    continue
                seen.add(insert_id)
                fresh.append(row)
        return fresh

    def _dataset(self, request: Request) -> Dataset:
        return self._catalog.dataset(request.parts["project"], request.parts["dataset"])

    def _ref(self, request: Request) -> TableRef:
        parts = request.parts
        return TableRef(project=parts["project"], dataset=parts["dataset"], table=parts["table"])

    def _table(self, request: Request) -> Table:
        return self._catalog.table(self._ref(request))

    def _shown(self, table: Table) -> dict[str, Any]:
        resource = dict(table.resource) | {"type": table.kind}
        path = f"projects/{table.ref.project}/datasets/{table.ref.dataset}/tables/{table.ref.table}"
        resource["selfLink"] = f"/bigquery/v2/{path}"
        if table.kind == "TABLE":
            size = str(self._tables.size(table))
            resource |= {"numRows": str(self._tables.count(table.ref)), "numBytes": size, "numLongTermBytes": "0"}
        return resource


def _listing(kind: str, found: dict[str, Any], token: str | None) -> Response:
    return Response(body={"kind": f"bigquery#{kind}"} | found | ({"nextPageToken": token} if token else {}))


def _selected(fields: list[Field], names: list[str]) -> list[Field]:
    known = {one["name"].casefold() for one in fields}
    wanted = {name.strip().partition(".")[0].casefold() for name in names}
    if strange := wanted - known:
        raise invalid(f"No such field: {min(strange)}", location="selectedFields")
    return [one for one in fields if one["name"].casefold() in wanted]
