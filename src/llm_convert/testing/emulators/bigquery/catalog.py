"""What datasets and tables there are, with everything about them that is no row. Rows lie in the engine."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llm_convert.testing.emulators.bigquery.faults import already_exists, invalid, not_found
from llm_convert.testing.emulators.bigquery.types import Field, quoted

HIDDEN = "_anonymous"
"""The dataset of query results; like the real one, listings do not show it."""
_ID = re.compile(r"^\w{1,1024}$")
_TABLE_ID = re.compile(r"^[\w\- ]{1,1024}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRef:
    """A table's full name."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

    @property
    def schema_name(self) -> str:
        """The schema of DuckDB that stands for the dataset."""
        return _cased(f"{self.project}.{self.dataset}")

    @property
    def table_name(self) -> str:
        """The table's name in DuckDB, which knows no case, while BigQuery's names differ by it."""
        return _cased(self.table)

    @property
    def physical(self) -> str:
        """The table as DuckDB's SQL names it."""
        return f"{quoted(self.schema_name)}.{quoted(self.table_name)}"

    def resource(self) -> dict[str, str]:
        """A ``TableReference``."""
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    @staticmethod
    def of(resource: dict[str, Any], project: str = "") -> TableRef:
        """From a ``TableReference``."""
        return TableRef(
            project=str(resource.get("projectId") or project),
            dataset=str(resource.get("datasetId", "")),
            table=str(resource.get("tableId", "")),
        )


@dataclass(slots=True, kw_only=True)
class Table:
    """A table's or a view's metadata."""

    ref: TableRef
    resource: dict[str, Any]
    """Of the REST API, without what is counted or derived when it is asked for."""

    @property
    def fields(self) -> list[Field]:
        """The columns."""
        return list(self.resource.get("schema", {}).get("fields", ()))

    @property
    def view_query(self) -> str | None:
        """The SQL of a view; None for a table."""
        query = self.resource.get("view", {}).get("query")
        return None if query is None else str(query)

    @property
    def kind(self) -> str:
        """TABLE or VIEW."""
        return "VIEW" if "view" in self.resource else "TABLE"

    def touch(self) -> None:
        """Note a change: the etag and the time of modification follow."""
        self.resource["lastModifiedTime"] = _now_ms()
        self.resource["etag"] = etag_of(self.resource)

    def is_expired(self) -> bool:
        """Whether its time has come."""
        expires = self.resource.get("expirationTime")
        return expires is not None and int(expires) <= int(_now_ms())


@dataclass(slots=True, kw_only=True)
class Dataset:
    """A dataset's metadata and tables."""

    project: str
    name: str
    resource: dict[str, Any]
    tables: dict[str, Table] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.project}:{self.name}"

    @property
    def location(self) -> str:
        """The region, such as ``asia-northeast3``."""
        return str(self.resource.get("location", "US"))

    def touch(self) -> None:
        """Note a change."""
        self.resource["lastModifiedTime"] = _now_ms()
        self.resource["etag"] = etag_of(self.resource)


class Catalog:
    """All datasets of all projects. Every project exists. Safe for threads; the lock is held for look-ups only."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._datasets: dict[tuple[str, str], Dataset] = {}

    def add_dataset(self, project: str, body: dict[str, Any]) -> Dataset:
        """A new one. Raises ApiError 409 when there is one of this name."""
        name = str(body.get("datasetReference", {}).get("datasetId", ""))
        if not _ID.match(name):
            raise invalid(f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus underscores).')
        with self.lock:
            if (project, name) in self._datasets:
                raise already_exists("Dataset", f"{project}:{name}")
            made = {"creationTime": _now_ms(), "location": "US", "access": _ACCESS} | body
            made |= {"kind": "bigquery#dataset", "id": f"{project}:{name}"}
            made["datasetReference"] = {"projectId": project, "datasetId": name}
            dataset = Dataset(project=project, name=name, resource=made)
            dataset.touch()
            self._datasets[project, name] = dataset
            return dataset

    def dataset(self, project: str, name: str) -> Dataset:
        """Raises ApiError 404."""
        with self.lock:
            found = self._datasets.get((project, name))
        if found is None:
            raise not_found("Dataset", f"{project}:{name}")
        return found

    def datasets(self, project: str) -> list[Dataset]:
        """By name, the hidden one left out."""
        with self.lock:
            mine = [one for (owner, _), one in sorted(self._datasets.items()) if owner == project]
        return [one for one in mine if not one.name.startswith("_")]

    def drop_dataset(self, dataset: Dataset) -> None:
        """Forget it and its tables."""
        with self.lock:
            self._datasets.pop((dataset.project, dataset.name), None)

    def find(self, ref: TableRef) -> Table | None:
        """A table or view; None when there is none, or it has expired."""
        with self.lock:
            dataset = self._datasets.get((ref.project, ref.dataset))
            table = dataset.tables.get(ref.table) if dataset else None
        return None if table is None or table.is_expired() else table

    def table(self, ref: TableRef) -> Table:
        """Raises ApiError 404 of the dataset or the table."""
        found = self.find(ref)
        if found is not None:
            return found
        dataset = self.dataset(ref.project, ref.dataset)
        raise not_found("Table", str(ref), dataset.location)

    def put(self, ref: TableRef, resource: dict[str, Any]) -> Table:
        """Enter a table, also in the place of an old one. Raises ApiError 404 of the dataset, 400 of an odd name."""
        if not _TABLE_ID.match(ref.table):
            raise invalid(f'Invalid table ID "{ref.table}".')
        with self.lock:
            dataset = self.dataset(ref.project, ref.dataset)
            made = {"creationTime": _now_ms(), "schema": {"fields": []}, **resource}
            made |= {"kind": "bigquery#table", "id": str(ref), "tableReference": ref.resource()}
            made["location"] = dataset.location
            default = dataset.resource.get("defaultTableExpirationMs")
            if default and "expirationTime" not in made:
                made["expirationTime"] = str(int(_now_ms()) + int(default))
            table = Table(ref=ref, resource=made)
            table.touch()
            dataset.tables[ref.table] = table
            return table

    def remove(self, ref: TableRef) -> None:
        """Forget a table."""
        with self.lock:
            self.dataset(ref.project, ref.dataset).tables.pop(ref.table, None)

    def tables(self, dataset: Dataset) -> list[Table]:
        """By name, without those that have expired."""
        with self.lock:
            return [table for _, table in sorted(dataset.tables.items()) if not table.is_expired()]

    def hidden(self, project: str) -> None:
        """See to it that a project has its dataset of query results."""
        with self.lock:
            if (project, HIDDEN) not in self._datasets:
                self.add_dataset(project, {"datasetReference": {"datasetId": HIDDEN}})

    def matching(self, ref: TableRef) -> Iterator[Table]:
        """The tables whose names start with that of a wildcard table, such as ``events_*``."""
        prefix = ref.table.removesuffix("*")
        for table in self.tables(self.dataset(ref.project, ref.dataset)):
            if table.ref.table.startswith(prefix) and table.kind == "TABLE":
                yield table


_ACCESS = [{"role": "OWNER", "specialGroup": "projectOwners"}, {"role": "WRITER", "specialGroup": "projectWriters"}]


def etag_of(resource: dict[str, Any]) -> str:
    """A digest of a resource, not of when its rows were changed last."""
    plain = {name: value for name, value in resource.items() if name not in {"etag", "lastModifiedTime"}}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _cased(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"^{found[0]}", name)


def _now_ms() -> str:
    return str(int(time.time() * 1000))
