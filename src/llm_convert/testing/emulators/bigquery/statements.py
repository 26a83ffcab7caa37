"""One statement carried out: queries, changes of rows, changes of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llm_convert.testing.emulators.bigquery.catalog import TableRef
from llm_convert.testing.emulators.bigquery.engine import settled
from llm_convert.testing.emulators.bigquery.faults import invalid_query, of_engine
from llm_convert.testing.emulators.bigquery.translate import to_duckdb

if TYPE_CHECKING:
    from sqlglot import exp


from llm_convert.testing.emulators.bigquery.definitions import alter, create, drop
from llm_convert.testing.emulators.bigquery.session import Outcome, Session, kind_of, result_fields, run_query


def carry_out(tree: exp.Expr, session: Session) -> Outcome:
    """Run one statement. Raises ApiError with the fault in BigQuery's words."""
    import duckdb
    from sqlglot import exp

    try:
        match tree:
            case exp.Query():
                return run_query(tree, session)
            case exp.Insert() | exp.Update() | exp.Delete() | exp.Merge() | exp.TruncateTable():
                return _change(tree, session)
            case exp.Create():
                return create(tree, session)
            case exp.Drop():
                return drop(tree, session)
            case exp.Alter():
                return alter(tree, session)
            case exp.Column() | exp.Alias() | exp.Identifier():
                word = tree.sql("bigquery").split()[0]
                raise invalid_query(f'Syntax error: Unexpected identifier "{word}" at [1:1]')
            case _:
                raise invalid_query(f"This emulator does not support the statement: {tree.sql('bigquery')[:80]}")
    except duckdb.InterruptException:
        raise
    except duckdb.TransactionException as error:
        session.fail()
        name = ", ".join(sorted(session.touched)) or "the table"
        raise invalid_query(f"Transaction is aborted due to concurrent update against {name}.") from error
    except duckdb.Error as error:
        session.fail()
        raise of_engine(error) from error


def preview(tree: exp.Expr, session: Session) -> Outcome:
    """Check a statement without running it, as a dry run does."""
    import duckdb
    from sqlglot import exp

    try:
        if isinstance(tree, exp.Query):
            sql = to_duckdb(tree, session.scope, names=True)
            return Outcome(kind="SELECT", fields=result_fields(session.connection.sql(sql)))
        if isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge):
            _check_where(tree)
            _prepare(tree)
            session.connection.execute(f"EXPLAIN {to_duckdb(tree, session.scope)}")
    except duckdb.Error as error:
        raise of_engine(error) from error
    return Outcome(kind=kind_of(tree))


def _check_where(tree: exp.Expr) -> None:
    from sqlglot import exp

    if isinstance(tree, exp.Update | exp.Delete) and not tree.args.get("where"):
        raise invalid_query(f"{type(tree).__name__.upper()} must have a WHERE clause at [1:1]")


def _prepare(tree: exp.Expr) -> None:
    """``INSERT ROW`` of a MERGE takes the source's columns in their order."""
    from sqlglot import exp

    for when in tree.find_all(exp.When):
        then = when.args.get("then")
        if isinstance(then, exp.Insert) and isinstance(then.this, exp.Var):
            then.set("this", exp.var("BY POSITION"))
    for equal in [one for update in tree.find_all(exp.Update) for one in update.expressions]:
        if isinstance(equal, exp.EQ) and isinstance(equal.this, exp.Column):
            # DuckDB takes no alias before the name of a column that is set.
            equal.this.set("table", None)


def _change(tree: exp.Expr, session: Session) -> Outcome:
    from sqlglot import exp

    _check_where(tree)
    kind = kind_of(tree)
    if isinstance(tree, exp.Update):
        tree = _joined_update(tree)
    if isinstance(tree, exp.Delete) and tree.args.get("tables"):
        # FROM is not needed in BigQuery, and the parser takes the name for something else then.
        tree.set("this", tree.args["tables"][0])
        tree.set("tables", None)
    _prepare(tree)
    target = tree.expressions[0] if isinstance(tree, exp.TruncateTable) else tree.find(exp.Table)
    if target is None:
        raise invalid_query("The statement names no table")
    ref = session.scope.ref(target)
    sql = to_duckdb(tree, session.scope)
    if isinstance(tree, exp.Merge):
        sql += " RETURNING merge_action"
    found = _run_change(session, ref, lambda: session.connection.execute(sql).fetchall(), appends=kind == "INSERT")
    if isinstance(tree, exp.Merge):
        actions = Counter(action for (action,) in found)
    else:
        verb = "DELETE" if kind == "TRUNCATE_TABLE" else kind
        actions = Counter({verb: int(found[0][0]) if found else 0})
    if kind == "UPDATE":
        actions = Counter({"UPDATE": sum(actions.values())})
    changed = {"inserted": actions["INSERT"], "updated": actions["UPDATE"], "deleted": actions["DELETE"]}
    _modified(session, ref)
    return Outcome(kind=kind, changed=changed, target=ref)


def _run_change(session: Session, ref: TableRef, work: Callable[[], Any], *, appends: bool) -> Any:
    claims = session.tables.engine.claims
    if session.transaction is not None:
        if not appends:
            claims.take(ref, session.owner, session.transaction)
            session.touched.add(ref.physical)
        return work()
    if appends:
        return settled(work)
    with claims.waiting(ref, session.owner):
        return settled(work)


def _modified(session: Session, ref: TableRef) -> None:
    table = session.tables.catalog.find(ref)
    if table is not None:
        with session.tables.catalog.lock:
            table.touch()


def _joined_update(tree: exp.Update) -> exp.Expr:
    """An UPDATE with a FROM as a MERGE: that refuses a row that matches twice, as BigQuery does."""
    from sqlglot import exp

    source = tree.args.get("from_") or tree.args.get("from")
    if source is None or source.this.args.get("joins") or tree.args.get("joins"):
        return tree
    when = exp.When(matched=True, then=exp.Update(expressions=tree.expressions))
    return exp.Merge(this=tree.this, using=source.this, on=tree.args["where"].this, whens=exp.Whens(expressions=[when]))
