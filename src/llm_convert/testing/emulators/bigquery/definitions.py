"""Statements that make, alter and drop tables, views and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_convert.testing.emulators.bigquery.catalog import HIDDEN, Table, TableRef
from llm_convert.testing.emulators.bigquery.ddl import field_of_column, options, properties_of
from llm_convert.testing.emulators.bigquery.faults import access_denied, already_exists, invalid_query
from llm_convert.testing.emulators.bigquery.tables import REPLACE, Writing
from llm_convert.testing.emulators.bigquery.translate import resolved
from llm_convert.testing.emulators.bigquery.types import cleaned

if TYPE_CHECKING:
    from sqlglot import exp


from llm_convert.testing.emulators.bigquery.session import Outcome, Session, kind_of, run_query


def _ddl_guard(session: Session, permission: str, ref: TableRef, *, temporary: bool = False) -> None:
    if session.transaction is not None and not temporary:
        raise invalid_query(
            "DDL statements are not supported in a transaction, except for those creating or dropping temporary tables"
            " or temporary functions."
        )
    if permission in session.scope.missing_permissions:
        raise access_denied(f"Dataset {ref.project}:{ref.dataset}", permission)


def create(tree: exp.Create, session: Session) -> Outcome:
    """CREATE of a table, a view or a dataset."""
    from sqlglot import exp

    if tree.kind == "SCHEMA":
        return _create_dataset(tree, session)
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    given = tree.args.get("properties")
    temporary = bool(given and given.find(exp.TemporaryProperty))
    ref = _temporary_ref(target, session) if temporary else session.scope.ref(target)
    _ddl_guard(session, "bigquery.tables.create", ref, temporary=temporary)
    replaces, kind = bool(tree.args.get("replace")), kind_of(tree)
    if session.tables.catalog.find(ref) is not None and not replaces:
        if tree.args.get("exists"):
            return Outcome(kind=kind, target=ref, operation="SKIP")
        raise already_exists("Table", str(ref))
    properties = properties_of(tree)
    if "expirationTime" in properties:
        moment = resolved(properties["expirationTime"].copy(), session.scope).sql("duckdb")
        properties["expirationTime"] = str(session.value(f"epoch_ms({moment})"))
    _make(tree, ref, properties, session)
    return Outcome(kind=kind, target=ref, operation="REPLACE" if replaces else "CREATE")


def _make(tree: exp.Create, ref: TableRef, properties: dict[str, Any], session: Session) -> None:
    from sqlglot import exp

    tables, replaces = session.tables, bool(tree.args.get("replace"))
    given = tree.args.get("properties")
    like = given.find(exp.LikeProperty) if given else None
    copied = tree.args.get("clone")
    if tree.kind == "VIEW":
        query = tree.expression
        shown = run_query(exp.select("*").from_(query.copy().subquery("v")).limit(0), session)
        properties |= {"view": {"query": query.sql("bigquery"), "useLegacySql": False}}
        tables.create(ref, properties | {"schema": {"fields": shown.fields}}, replacing=replaces)
    elif tree.expression is not None:
        made = run_query(tree.expression, session)
        columns = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
        fields = cleaned(
            [field_of_column(one) for one in columns if isinstance(one, exp.ColumnDef)] or made.fields or []
        )
        how = Writing(disposition=REPLACE if replaces else "WRITE_EMPTY", properties=properties)
        tables.write(ref, made.rows.rename_columns([one["name"] for one in fields]), fields, how)
    elif (model := like or copied) is not None:
        source = session.scope.table(session.scope.ref(model.this))
        kept = {name: source.resource[name] for name in ("timePartitioning", "clustering") if name in source.resource}
        tables.create(ref, kept | properties | {"schema": source.resource["schema"]}, replacing=replaces)
        if copied is not None:
            rows = session.connection.sql(f"SELECT * FROM {source.ref.physical}").to_arrow_table()  # noqa: S608
            tables.write(ref, rows, source.fields, Writing())
    else:
        fields = [field_of_column(one) for one in tree.this.expressions if isinstance(one, exp.ColumnDef)]
        tables.create(ref, properties | {"schema": {"fields": fields}}, replacing=replaces)


def _temporary_ref(target: exp.Table, session: Session) -> TableRef:
    project = session.scope.project
    session.tables.catalog.hidden(project)
    ref = TableRef(project=project, dataset=HIDDEN, table=f"{session.prefix}_{target.name}")
    session.scope.temporary[target.name] = ref
    return ref


def _dataset_name(target: exp.Table, session: Session) -> tuple[str, str]:
    said = ".".join(part for part in (target.catalog, target.db or target.name) if part)
    project, _, name = said.rpartition(".")
    return project or session.scope.project, name


def _create_dataset(tree: exp.Create, session: Session) -> Outcome:
    project, name = _dataset_name(tree.this, session)
    given = tree.args.get("properties")
    body = {"datasetReference": {"datasetId": name}} | (options(given) if given else {})
    ref = TableRef(project=project, dataset=name, table="")
    _ddl_guard(session, "bigquery.datasets.create", ref)
    catalog = session.tables.catalog
    if tree.args.get("exists") and any(one.name == name for one in catalog.datasets(project)):
        return Outcome(kind="CREATE_SCHEMA", operation="SKIP")
    catalog.add_dataset(project, body)
    return Outcome(kind="CREATE_SCHEMA", operation="CREATE")


def drop(tree: exp.Drop, session: Session) -> Outcome:
    """DROP of a table, a view or a dataset."""
    target = (tree.args.get("tables") or [tree.this])[0]
    kind, catalog = kind_of(tree), session.tables.catalog
    if kind == "DROP_SCHEMA":
        project, name = _dataset_name(target, session)
        if tree.args.get("exists") and all(one.name != name for one in catalog.datasets(project)):
            return Outcome(kind=kind, operation="SKIP")
        session.tables.drop_dataset(catalog.dataset(project, name), with_contents=bool(tree.args.get("cascade")))
        return Outcome(kind=kind, operation="DROP")
    ref = session.scope.ref(target)
    _ddl_guard(session, "bigquery.tables.delete", ref, temporary=target.name in session.scope.temporary)
    found = catalog.find(ref)
    if found is None and tree.args.get("exists"):
        return Outcome(kind=kind, target=ref, operation="SKIP")
    if found is not None and found.kind != kind.removeprefix("DROP_"):
        raise invalid_query(f"{ref} is not allowed for this operation because it is currently a {found.kind}.")
    session.tables.drop(ref)
    return Outcome(kind=kind, target=ref, operation="DROP")


def alter(tree: exp.Alter, session: Session) -> Outcome:
    """ALTER of a table."""
    ref = session.scope.ref(tree.this)
    _ddl_guard(session, "bigquery.tables.update", ref)
    if tree.args.get("exists") and session.tables.catalog.find(ref) is None:
        return Outcome(kind=kind_of(tree), target=ref, operation="SKIP")
    table = session.tables.catalog.table(ref)
    for action in tree.args["actions"]:
        _alter_once(action, table, session)
    return Outcome(kind=kind_of(tree), target=ref, operation="ALTER")


def _alter_once(action: exp.Expr, table: Table, session: Session) -> None:
    from sqlglot import exp

    tables, names = session.tables, {one["name"].casefold() for one in table.fields}
    match action:
        case exp.ColumnDef():
            if action.name.casefold() not in names:
                tables.set_fields(table, [*table.fields, field_of_column(action)])
            elif not action.args.get("exists"):
                raise invalid_query(f"Column already exists: {action.name}")
        case exp.Drop():
            column = action.this or (action.args.get("tables") or action.args["expressions"])[0]
            if column.name.casefold() in names or not action.args.get("exists"):
                tables.drop_column(table, column.name)
        case exp.AlterSet():
            found = options(action.expressions[0])
            with tables.catalog.lock:
                table.resource |= found
                table.touch()
        case exp.AlterColumn() if action.args.get("allow_null"):
            relaxed = {"mode": "NULLABLE"}
            same = action.name.casefold()
            tables.set_fields(table, [one | relaxed if one["name"].casefold() == same else one for one in table.fields])
        case _:
            raise invalid_query(f"This emulator does not support: ALTER TABLE ... {action.sql('bigquery')}")
