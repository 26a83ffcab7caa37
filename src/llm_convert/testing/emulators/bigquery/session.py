"""A job's way to the tables, and what a statement of it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_convert.testing.emulators.bigquery.catalog import TableRef
from llm_convert.testing.emulators.bigquery.faults import invalid_query
from llm_convert.testing.emulators.bigquery.tables import Tables
from llm_convert.testing.emulators.bigquery.translate import Scope, to_duckdb
from llm_convert.testing.emulators.bigquery.types import Field, field_of

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a statement did."""

    kind: str
    """BigQuery's statementType."""
    fields: list[Field] | None = None
    """Of the result; None when the statement has none."""
    rows: Any = None
    """A ``pyarrow.Table`` of the result."""
    changed: dict[str, int] | None = None
    """Rows inserted, updated and deleted, for DML."""
    target: TableRef | None = None
    """The table that was changed or made."""
    operation: str = ""
    """CREATE, REPLACE, DROP, ALTER or SKIP, for DDL."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One job's way to the tables: its connection, names and transaction."""

    tables: Tables
    connection: Any
    scope: Scope
    owner: object = field(default_factory=object)
    prefix: str = "temp"
    """Of the temporary tables' names."""
    transaction: int | None = None
    """When the open transaction began, by the count of changes; None when there is none."""
    touched: set[str] = field(default_factory=set)
    is_broken: bool = False
    """A statement failed within the transaction, which can only be rolled back."""

    def begin(self) -> None:
        """Open a transaction; what it reads is as it is now."""
        if self.transaction is not None:
            raise invalid_query("Transaction statement is not allowed: nested transactions are not supported")
        self.connection.execute("BEGIN")
        self.transaction = self.tables.engine.claims.now()
        # DuckDB takes its snapshot with the first look at a table.
        self.connection.execute("SELECT count(*) FROM anchor").fetchall()

    def end(self, *, commit: bool) -> None:
        """Commit or roll back."""
        if self.transaction is None:
            raise invalid_query(f"Cannot {'commit' if commit else 'roll back'}: no transaction is open")
        try:
            if not self.is_broken:
                self.connection.execute("COMMIT" if commit else "ROLLBACK")
            elif commit:
                raise invalid_query("Transaction is aborted: a statement in it failed. Roll it back.")
        finally:
            commit = commit and not self.is_broken
            self.transaction, self.is_broken = None, False
            self.tables.engine.claims.release(self.owner, self.touched if commit else set())
            self.touched = set()

    def fail(self) -> None:
        """Note that a statement failed: the engine takes no more in this transaction."""
        if self.transaction is not None and not self.is_broken:
            self.is_broken = True
            self.connection.execute("ROLLBACK")

    def value(self, sql: str) -> Any:
        """The value of an expression of DuckDB's SQL."""
        return self.connection.sql(f"SELECT {sql}").to_arrow_table().column(0).to_pylist()[0]


def kind_of(tree: exp.Expr) -> str:
    """BigQuery's statementType."""
    from sqlglot import exp

    match tree:
        case exp.Query():
            return "SELECT"
        case exp.TruncateTable():
            return "TRUNCATE_TABLE"
        case exp.Create():
            made = "CREATE_TABLE_AS_SELECT" if tree.kind == "TABLE" and tree.expression else f"CREATE_{tree.kind}"
            return made
        case exp.Drop():
            return f"DROP_{tree.args.get('kind')}"
        case exp.Alter():
            return f"ALTER_{tree.args.get('kind')}"
        case _:
            return type(tree).__name__.upper()


def result_fields(relation: Any) -> list[Field]:
    """The fields of a relation."""
    return [field_of(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True)]


def run_query(tree: exp.Expr, session: Session) -> Outcome:
    """Run a query and take all of its rows."""
    sql = to_duckdb(tree, session.scope, names=True)
    result = session.connection.sql(sql)
    fields = result_fields(result)
    names = Counter(one["name"].casefold() for one in fields)
    twice = [one["name"] for one in fields if names[one["name"].casefold()] > 1]
    if twice:
        raise invalid_query(f"Duplicate column names in the result are not supported. Found duplicate(s): {twice[0]}")
    return Outcome(kind="SELECT", fields=fields, rows=result.to_arrow_table())
