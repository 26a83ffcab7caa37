"""Tables in one BigQuery dataset: the warehouse of production.

A load goes by one load job into a staging table, and from there by one transaction into its table, which also enters
it in the ledger ``llm_convert_loads``. Both are jobs under ids of our own, so that a rerun, a lost answer and a racing
run find the job that is there. Rows are never streamed.

| object | role | lifetime |
|---|---|---|
| ``<table>`` | the landed rows; partition ``_bsda_date``, clustered by ``_tenant`` and ``_branch`` | the user's |
| ``llm_convert_loads`` | what was landed when, and with which digest; the newest row holds | the dataset's |
| ``llm_convert_staging_<digest>`` | one load's rows on their way | a day |

The window that remains: rows are loaded from the object that ``Load.uri`` names, so nobody may write other rows there
between the writing of that object and the end of the load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self
from uuid import uuid4

from llm_convert.contracts.urls import parts_of
from llm_convert.errors import ConfigurationError, LlmConvertError, unknown_name
from llm_convert.ports import Landed, Load, Preview
from llm_convert.warehouses.bigquery_calls import Calls, Patience
from llm_convert.warehouses.bigquery_errors import Place, unavailable
from llm_convert.warehouses.bigquery_jobs import Ended, Jobs, Outcome, job_id, labels_of
from llm_convert.warehouses.bigquery_ledger import Entry, Ledger
from llm_convert.warehouses.bigquery_schema import DAY, Incoming, incoming
from llm_convert.warehouses.bigquery_tables import Tables
from llm_convert.warehouses.bigquery_transaction import landing_config, landing_script, quoted
from llm_convert.warehouses.parquet_rows import read_rows

_ORDER = ("_bsda", "_tenant", "_branch", "_row")
_COMPONENT = {"component": "llm_convert"}


class BigQueryWarehouse:
    """A warehouse in one dataset, which any number of processes may share.

    Args:
        project: where jobs run and are billed, and where the dataset lies.
        dataset: it must be there already.
        location: the dataset's, to be told when it is another; None: whichever it is.
        patience: how long calls, jobs and conflicts are tried again.
    """

    def __init__(
        self, project: str, dataset: str, *, location: str | None = None, patience: Patience | None = None
    ) -> None:
        self._place = Place(project=project, dataset=dataset)
        self._patience = patience or Patience()
        self._calls = Calls(self._place, location=location, patience=self._patience)
        self._tables = Tables(self._calls)
        self._ledger = Ledger(self._calls)
        self._jobs = Jobs(self._calls)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The warehouse of ``bigquery://project/dataset?location=asia-northeast3``.

        Raises:
            ConfigurationError: for a URL of another form.
        """
        parts = parts_of(url)
        strange = set(parts.options) - {"location"}
        if parts.scheme != "bigquery" or len(parts.path) != 2 or strange:
            raise ConfigurationError(
                f"{url!r} is no URL of a BigQuery dataset",
                remedy="Give bigquery://PROJECT/DATASET, with ?location=REGION if it is to be checked.",
            )
        return cls(*parts.path, location=parts.options.get("location") or None)

    def land(self, load: Load) -> Landed:
        """Load once: atomic, and the same load again changes nothing. New columns are added as nullable.

        Raises:
            ConfigurationError: a column has another type than the table's; a permission or the dataset is missing.
            DataError: the rows are no Parquet, or not of this tenant, BSDA and branch.
            UnavailableError: BigQuery did not do it in time; landing again goes on where this one stopped.
        """
        arriving = incoming(load, read_rows(load))
        self._tables.make_ledger()
        self._tables.make_room(arriving)
        nonce = uuid4().hex
        previous, number = "", 0
        failure: LlmConvertError | None = None
        pauses = self._patience.rounds()
        while True:
            entry = self._ledger.entry(load)
            if entry.holds(load):
                # The answer to a landing of our own may have been lost.
                return Landed(rows=arriving.rows, changed=entry.landed_by == nonce)
            previous, number = (previous, number) if entry.landing == previous else (entry.landing, 0)
            outcome = self._land(arriving, entry, number, nonce)
            if outcome.ended is Ended.DONE:
                return Landed(rows=arriving.rows, changed=True)
            number += 1
            failure = outcome.error or failure
            # Only what was tried here and failed is worth a pause: what others left is only counted.
            if outcome.ended is Ended.TRANSIENT and next(pauses, None) is None:
                raise failure or unavailable(self._place, f"table {load.table!r} could not be landed")

    def preview(self, table: str, *, limit: int = 5) -> Preview:
        """The first rows by BSDA, tenant, branch and row, without the partition, which says no more than the BSDA.

        Raises:
            ConfigurationError: for a table that is not there.
        """
        found = self._calls.find_table(table)
        if found is None:
            raise unknown_name("table", table, self.tables(), where=self._place.said)
        columns = tuple(column.name for column in found.schema if column.name != DAY)
        name = quoted(self._calls.table_id(table))
        order = ", ".join(quoted(column) for column in _ORDER if column in columns)
        total = self._calls.rows(f"SELECT COUNT(*) FROM {name}", {}, _COMPONENT)[0][0]  # noqa: S608
        listed = ", ".join(map(quoted, columns))
        sql = f"SELECT {listed} FROM {name}{f' ORDER BY {order}' if order else ''} LIMIT {int(limit)}"  # noqa: S608
        rows: Sequence[tuple[object, ...]] = self._calls.rows(sql, {}, _COMPONENT) if limit else ()
        return Preview(columns=columns, rows=tuple(rows), total=int(total))

    def tables(self) -> tuple[str, ...]:
        """The landed tables, sorted."""
        there = self._tables.names()
        return tuple(sorted(name for name in self._ledger.tables() if name in there))

    def _land(self, arriving: Incoming, entry: Entry, number: int, nonce: str) -> Outcome:
        """One try: at most one such try of all loaders takes effect."""
        load = arriving.load
        # No digest in it: of racing loads with other rows, too, one goes first and the others see what it did.
        name = job_id("land", self._place, self._calls.location, load, entry.landing, str(number))
        staging = ""
        if arriving.rows:
            staged, staging = self._stage(arriving, name)
            if not staged.succeeded:
                return staged
        sql = landing_script(self._calls, arriving, staging=staging, replaces=entry.there > 0)
        config = landing_config(
            arriving, generation=entry.generation + 1, landing=name, landed_by=nonce, labels=labels_of(load)
        )
        return self._jobs.script(name, sql, config)

    def _stage(self, arriving: Incoming, landing: str) -> tuple[Outcome, str]:
        """The rows in a table of their own."""
        name = job_id("stage", self._place, self._calls.location, arriving.load, landing, arriving.load.digest)
        staging = self._tables.make_staging(name, arriving)
        return self._jobs.load(name, arriving, staging), staging
