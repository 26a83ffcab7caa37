"""The ledger of loads, and how many of a load's rows are in its table.

Rows are only added to it: transactions that only insert never conflict, so that the tenants of a night need not wait
for each other. A scope's newest row holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from llm_convert.ports import Load
from llm_convert.warehouses.bigquery_calls import Calls
from llm_convert.warehouses.bigquery_jobs import labels_of
from llm_convert.warehouses.bigquery_schema import DAY, LEDGER, day_of
from llm_convert.warehouses.bigquery_transaction import THE_ROWS, quoted

_ENTRY = """
SELECT held.there, known.digest, known.landed_rows, known.generation, known.landing, known.landed_by
FROM (SELECT COUNT(*) AS there FROM {table} WHERE {rows}) AS held
CROSS JOIN (
  SELECT digest, landed_rows, generation, landing, landed_by FROM {ledger}
  WHERE table_name = @table_name AND tenant = @tenant AND bsda = @bsda AND branch = @branch
  UNION ALL
  SELECT '', 0, 0, '', ''
) AS known
ORDER BY known.generation DESC LIMIT 1
"""
"""One row always: that of generation 0 where nothing was landed yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a scope."""

    there: int
    """Rows of the scope in its table now."""
    digest: str = ""
    rows: int = 0
    """As many as were landed."""
    generation: int = 0
    """How often the scope was landed: the order of its rows in the ledger, told by no clock."""
    landing: str = ""
    """The job that landed them; empty when none did."""
    landed_by: str = ""

    def holds(self, load: Load) -> bool:
        """Whether the load is there. A table that a person emptied is filled again, whatever the ledger says."""
        return self.landing != "" and self.digest == load.digest and self.rows == self.there


class Ledger:
    """Reads the ledger; it is written by landings alone."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def entry(self, load: Load) -> Entry:
        """What is known of a load's scope; its table and the ledger must be there."""
        calls = self._calls
        sql = _ENTRY.format(
            table=quoted(calls.table_id(load.table)), ledger=quoted(calls.table_id(LEDGER)), rows=THE_ROWS
        )
        scope = {"tenant": load.tenant, "bsda": load.bsda, "branch": load.branch}
        parameters = {"table_name": load.table, **scope, DAY.lstrip("_"): day_of(load)}
        there, digest, rows, generation, landing, landed_by = calls.rows(sql, parameters, labels_of(load))[0]
        return Entry(there=there, digest=digest, rows=rows, generation=generation, landing=landing, landed_by=landed_by)

    def tables(self) -> tuple[str, ...]:
        """Every table that was ever landed."""
        if self._calls.find_table(LEDGER) is None:
            return ()
        sql = f"SELECT DISTINCT table_name FROM {quoted(self._calls.table_id(LEDGER))}"  # noqa: S608
        return tuple(str(name) for (name,) in self._calls.rows(sql, {}, {"component": "llm_convert"}))
