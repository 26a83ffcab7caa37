"""The tables of a dataset: made when they are missing, given new columns, listed. No row is touched here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from llm_convert.warehouses.bigquery_calls import CALL_SECONDS, Calls
from llm_convert.warehouses.bigquery_errors import unavailable
from llm_convert.warehouses.bigquery_schema import CLUSTER, DAY, LEDGER, STAGING, Incoming, fields_of, lacking

if TYPE_CHECKING:
    from google.cloud.bigquery import Table

STAGING_LIFETIME = timedelta(days=1)
_LABELS = {"component": "llm_convert"}
_LEDGER_COLUMNS = (
    ("table_name", "STRING"),
    ("tenant", "STRING"),
    ("bsda", "STRING"),
    ("branch", "STRING"),
    ("digest", "STRING"),
    ("landed_rows", "INTEGER"),
    ("generation", "INTEGER"),
    ("landing", "STRING"),
    ("landed_by", "STRING"),
    ("landed_at", "TIMESTAMP"),
)


class Tables:
    """Makes and changes tables of one dataset; of many who do the same at once, all succeed."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._ledger_is_there = False

    def make_ledger(self) -> None:
        """The ledger, if it is missing. Raises ConfigurationError when the dataset is."""
        if self._ledger_is_there:
            return
        # Asked for first: without a dataset every other call would fail with words that help less.
        assert self._calls.location
        if self._calls.find_table(LEDGER) is None:
            table = self._table(LEDGER, _LEDGER_COLUMNS)
            table.clustering_fields = ["table_name", "tenant", "bsda"]
            table.description = "What llm_convert landed: the newest row of a table, tenant, bsda and branch holds."
            self._create(table)
        self._ledger_is_there = True

    def make_room(self, arriving: Incoming) -> None:
        """The load's table with a column for each of its own.

        Raises:
            ConfigurationError: the table has one of them with another type; then nothing is changed.
        """
        from google.api_core.exceptions import PreconditionFailed

        name = arriving.load.table
        columns = (*arriving.columns, (DAY, "DATE"))
        for _ in self._calls.patience.rounds():
            table = self._calls.find_table(name)
            if table is None:
                self._create(self._partitioned(name, columns))
                # Somebody else may have been first, with other columns.
                continue
            missing = lacking(name, table.schema, columns)
            if not missing:
                return
            try:
                self._add(table, missing)
            except PreconditionFailed:
                continue
            return
        raise unavailable(self._calls.place, f"table {name!r} is changed by others without end")

    def make_staging(self, job: str, arriving: Incoming) -> str:
        """An empty table for one load job, which deletes itself. Its name."""
        name = STAGING + job.rpartition("-")[2]
        table = self._table(name, arriving.columns)
        table.expires = datetime.now(UTC) + STAGING_LIFETIME
        self._create(table)
        return name

    def names(self) -> frozenset[str]:
        """Every table of the dataset, whoever made it."""
        assert self._calls.location
        place = self._calls.place
        return self._calls.run(
            lambda: frozenset(
                item.table_id
                for item in self._calls.client.list_tables(
                    f"{place.project}.{place.dataset}", retry=None, timeout=CALL_SECONDS, page_size=1000
                )
            )
        )

    def _partitioned(self, name: str, columns: tuple[tuple[str, str], ...]) -> Table:
        from google.cloud.bigquery import TimePartitioning, TimePartitioningType

        table = self._table(name, columns)
        table.time_partitioning = TimePartitioning(type_=TimePartitioningType.DAY, field=DAY)
        table.clustering_fields = list(CLUSTER)
        return table

    def _table(self, name: str, columns: tuple[tuple[str, str], ...]) -> Table:
        from google.cloud.bigquery import Table

        table = Table(self._calls.table_id(name), schema=fields_of(columns))
        table.labels = dict(_LABELS)
        return table

    def _create(self, table: Table) -> None:
        from google.api_core.exceptions import Conflict

        try:
            self._calls.run(lambda: self._calls.client.create_table(table, retry=None, timeout=CALL_SECONDS))
        except Conflict:
            return

    def _add(self, table: Table, missing: tuple[tuple[str, str], ...]) -> None:
        """Add columns, unless somebody changed the table since it was read."""
        table.schema = [*table.schema, *fields_of(missing)]
        self._calls.run(lambda: self._calls.client.update_table(table, ["schema"], retry=None, timeout=CALL_SECONDS))
