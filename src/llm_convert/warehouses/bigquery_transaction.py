"""The one script that replaces a scope's rows and enters it in the ledger: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llm_convert.warehouses.bigquery_calls import Calls, parameters_of
from llm_convert.warehouses.bigquery_schema import DAY, LEDGER, Incoming

if TYPE_CHECKING:
    from google.cloud.bigquery import QueryJobConfig

THE_ROWS = f"{DAY} = @bsda_date AND _tenant = @tenant AND _bsda = @bsda AND _branch = @branch"
"""A scope's rows; the day comes first, so that only one partition is read and paid for."""

NOT_STAGED = "the staging table does not hold the rows of the load"

_ENTER = """
INSERT INTO {ledger} (table_name, tenant, bsda, branch, digest, landed_rows, generation, landing, landed_by, landed_at)
VALUES (
  @table_name, @tenant, @bsda, @branch, @digest, @landed_rows, @generation, @landing, @landed_by, CURRENT_TIMESTAMP()
)
"""


def quoted(name: str) -> str:
    """A name between back-ticks. Names that need more than that do not get this far."""
    return "`" + name.replace("`", "") + "`"


def landing_script(calls: Calls, arriving: Incoming, *, staging: str, replaces: bool) -> str:
    """The script.

    Args:
        staging: the table with the rows; empty when there are none.
        replaces: whether rows of the scope are there now. Where none are, nothing is deleted: transactions of one table
            that delete or change rows abort each other, those that only add rows do not.
    """
    table = quoted(calls.table_id(arriving.load.table))
    source = quoted(calls.table_id(staging)) if staging else ""
    # A staging table that expired after its load, and was made again, is empty; an object may hold other rows by now.
    statements = [f"ASSERT (SELECT COUNT(*) FROM {source}) = @landed_rows AS '{NOT_STAGED}'"] if staging else []  # noqa: S608
    statements.append("BEGIN TRANSACTION")
    if replaces:
        statements.append(f"DELETE FROM {table} WHERE {THE_ROWS}")  # noqa: S608
    if staging:
        names = ", ".join(quoted(name) for name, _ in arriving.columns)
        statements.append(f"INSERT INTO {table} ({names}, {DAY}) SELECT {names}, @bsda_date FROM {source}")  # noqa: S608
    statements += [_ENTER.format(ledger=quoted(calls.table_id(LEDGER))).strip(), "COMMIT TRANSACTION"]
    return ";\n".join(statements) + ";"


def landing_config(
    arriving: Incoming, *, generation: int, landing: str, landed_by: str, labels: Mapping[str, str]
) -> QueryJobConfig:
    """The script's parameters and labels."""
    from google.cloud.bigquery import QueryJobConfig

    load = arriving.load
    values = {
        "bsda_date": arriving.day,
        "tenant": load.tenant,
        "bsda": load.bsda,
        "branch": load.branch,
        "table_name": load.table,
        "digest": load.digest,
        "landed_rows": arriving.rows,
        "generation": generation,
        "landing": landing,
        "landed_by": landed_by,
    }
    return QueryJobConfig(query_parameters=parameters_of(values), labels=dict(labels), use_query_cache=False)
