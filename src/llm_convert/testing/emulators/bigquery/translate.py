"""One statement of GoogleSQL as one of DuckDB: names resolved, parameters put in, views unfolded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_convert.errors import MissingExtraError
from llm_convert.testing.emulators.bigquery.catalog import Catalog, Table, TableRef
from llm_convert.testing.emulators.bigquery.expressions import adapt, name_columns
from llm_convert.testing.emulators.bigquery.faults import access_denied, invalid_query, not_found
from llm_convert.testing.emulators.bigquery.parameters import Parameters

if TYPE_CHECKING:
    from sqlglot import exp

INFORMATION = "INFORMATION_SCHEMA."
_MAX_VIEWS = 16


@dataclass(slots=True, kw_only=True)
class Scope:
    """Where a statement is run: what its names mean."""

    catalog: Catalog
    project: str
    dataset: tuple[str, str] | None
    """Project and dataset of names that have neither."""
    parameters: Parameters
    information: Callable[[str, str | None, str], str]
    """The name of DuckDB's relation for a view of INFORMATION_SCHEMA, by project, dataset and view."""
    missing_permissions: Container[str] = ()
    variables: dict[str, str] = field(default_factory=dict)
    """Of a script: constants of DuckDB's SQL by names in lower case."""
    temporary: dict[str, TableRef] = field(default_factory=dict)
    """Temporary tables by name."""
    location: str = ""
    """Where the job runs; data elsewhere is not found. Empty: anywhere."""
    referenced: dict[str, Table] = field(default_factory=dict)
    """The tables that statements read or changed so far, by full name."""

    def ref(self, node: exp.Table) -> TableRef:
        """The full name of a table. Raises ApiError when it lacks a dataset and there is no default."""
        parts = [part.name for part in node.parts]
        if len(parts) < 2 and len(split := node.name.split(".")) > 1:
            parts = split
        if len(parts) == 1:
            if parts[0] in self.temporary:
                return self.temporary[parts[0]]
            if self.dataset is None:
                raise invalid_query(f'Table "{parts[0]}" must be qualified with a dataset (e.g. dataset.table).')
            return TableRef(project=self.dataset[0], dataset=self.dataset[1], table=parts[0])
        if len(parts) == 2:
            return TableRef(project=self.project, dataset=parts[0], table=parts[1])
        return TableRef(project=".".join(parts[:-2]), dataset=parts[-2], table=parts[-1])

    def table(self, ref: TableRef, permission: str = "bigquery.tables.getData") -> Table:
        """A table that the caller may use. Raises ApiError 403 or 404."""
        if permission in self.missing_permissions:
            raise access_denied(f"Table {ref}", permission)
        found = self.catalog.table(ref)
        if self.location and str(found.resource["location"]).casefold() != self.location.casefold():
            raise not_found("Table", str(ref), self.location)
        self.referenced[str(ref)] = found
        return found


def parse(sql: str) -> exp.Expr:
    """One statement's tree. Raises ApiError when it is none."""
    try:
        import sqlglot
    except ImportError:
        raise MissingExtraError("sqlglot", "emulators") from None
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        tree = sqlglot.parse_one(sql, dialect="bigquery")
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError) as error:
        facts = getattr(error, "errors", None) or [{}]
        line, column = facts[0].get("line") or 1, facts[0].get("col") or 1
        token = facts[0].get("highlight") or "end of script"
        raise invalid_query(f'Syntax error: Unexpected "{token}" at [{line}:{column}]') from error
    if not isinstance(tree, sqlglot.exp.Expr):
        raise invalid_query("Syntax error: Unexpected end of script at [1:1]")
    return tree


def to_duckdb(tree: exp.Expr, scope: Scope, *, names: bool = False) -> str:
    """The statement in DuckDB's SQL.

    Args:
        names: columns of the result that have no name get one.
    """
    tree = tree.copy()
    if names:
        name_columns(tree)
    tree = resolved(tree, scope)
    numeric = {
        one["name"].casefold()
        for table in scope.referenced.values()
        for one in table.fields
        if one["type"] in {"NUMERIC", "BIGNUMERIC"}
    }
    return adapt(tree, numeric).sql("duckdb")


def resolved(tree: exp.Expr, scope: Scope, depth: int = 0) -> exp.Expr:
    """The tree with parameters, variables and tables put in."""
    from sqlglot import exp

    if depth > _MAX_VIEWS:
        raise invalid_query("Views are nested too deeply: a view may not refer to itself")
    _put_constants(tree, scope)
    common = {cte.alias.casefold() for cte in tree.find_all(exp.CTE)}
    for node in list(tree.find_all(exp.Table)):
        if not isinstance(node.this, exp.Identifier) or (not node.db and node.name.casefold() in common):
            continue
        _put_table(node, tree, scope, depth)
    return tree


def _put_constants(tree: exp.Expr, scope: Scope) -> None:
    from sqlglot import exp

    # Depth first is the order of the text; by it the positional parameters are counted.
    for node in list(tree.find_all(exp.Parameter, exp.Placeholder, bfs=False)):
        if isinstance(node.this, exp.Parameter) or isinstance(node.parent, exp.Parameter):
            _put_system(node, scope)
            continue
        said = scope.parameters.next() if isinstance(node, exp.Placeholder) else scope.parameters.named(node.name)
        node.replace(constant_node(said))
    for column in list(tree.find_all(exp.Column)) if scope.variables else ():
        said = scope.variables.get(column.name.casefold(), "") if not column.table else ""
        if said and not _is_assigned(column):
            constant = constant_node(said)
            named = isinstance(column.parent, exp.Select) and column.arg_key == "expressions"
            column.replace(exp.alias_(constant, column.name) if named else constant)


def _put_system(node: exp.Expr, scope: Scope) -> None:
    """System variables such as ``@@row_count`` and ``@@error.message``."""
    from sqlglot import exp

    if not isinstance(node.this, exp.Parameter):
        return
    whole = node.parent if isinstance(node.parent, exp.Dot) else node
    name = ".".join(part for part in (f"@@{node.this.name}", whole.name if whole is not node else "") if part)
    said = scope.variables.get(name.casefold())
    if said is None:
        raise invalid_query(f"Unrecognized name: {name}")
    whole.replace(constant_node(said))


def constant_node(said: str) -> exp.Expr:
    """A constant of DuckDB's SQL as a tree."""
    import sqlglot

    return sqlglot.parse_one(said, dialect="duckdb")


def _is_assigned(column: exp.Column) -> bool:
    from sqlglot import exp

    parent = column.parent
    if isinstance(parent, exp.EQ) and isinstance(parent.parent, exp.Update):
        return column.arg_key == "this"
    return isinstance(parent, exp.Tuple) and isinstance(parent.parent, exp.Insert) and parent.arg_key == "this"


def _put_table(node: exp.Table, tree: exp.Expr, scope: Scope, depth: int) -> None:
    from sqlglot import exp

    if node.name.upper().startswith(INFORMATION):
        _put_information(node, scope)
        return
    ref = scope.ref(node)
    if ref.table.endswith("*"):
        node.replace(_wildcard(ref, node, scope))
        return
    changed = _is_target(node)
    table = scope.table(ref, "bigquery.tables.updateData" if changed else "bigquery.tables.getData")
    _strip_paths(tree, ref)
    if table.view_query is not None:
        if changed:
            raise invalid_query(f"Cannot modify a view: {ref}")
        inner = Scope(
            catalog=scope.catalog,
            project=ref.project,
            dataset=None,
            parameters=Parameters([]),
            information=scope.information,
            missing_permissions=scope.missing_permissions,
            location=scope.location,
            referenced=scope.referenced,
        )
        view = parse(table.view_query)
        name_columns(view)
        node.replace(exp.Subquery(this=resolved(view, inner, depth + 1), alias=_alias(node, ref)))
        return
    node.set("catalog", None)
    node.set("version", None)
    node.set("db", exp.to_identifier(ref.schema_name, quoted=True))
    node.set("this", exp.to_identifier(ref.table_name, quoted=True))
    if not isinstance(node.parent, exp.Insert | exp.Schema | exp.TruncateTable | exp.Alter | exp.Drop):
        node.set("alias", _alias(node, ref))


def _alias(node: exp.Table, ref: TableRef) -> exp.TableAlias:
    from sqlglot import exp

    alias = node.args.get("alias")
    if alias is not None and alias.this is not None:
        return exp.TableAlias(this=exp.to_identifier(alias.this.name, quoted=True), columns=alias.args.get("columns"))
    return exp.TableAlias(this=exp.to_identifier(ref.table, quoted=True))


def _is_target(node: exp.Table) -> bool:
    from sqlglot import exp

    parent: Any = node.parent
    if isinstance(parent, exp.Schema):
        parent, key = parent.parent, parent.arg_key
    else:
        key = node.arg_key
    return isinstance(parent, exp.Insert | exp.Update | exp.Delete | exp.Merge) and key == "this"


def _strip_paths(tree: exp.Expr, ref: TableRef) -> None:
    """Columns that are named by their table's full path are named by the table alone."""
    from sqlglot import exp

    for column in tree.find_all(exp.Column):
        if column.db == ref.dataset and column.table == ref.table:
            column.set("db", None)
            column.set("catalog", None)


def _put_information(node: exp.Table, scope: Scope) -> None:
    from sqlglot import exp

    view = node.name[len(INFORMATION) :].upper()
    project, dataset = node.catalog or scope.project, node.db or None
    if view == "SCHEMATA":
        project, dataset = (dataset if dataset and not dataset.startswith("region-") else project), None
    elif dataset is None and scope.dataset:
        project, dataset = scope.dataset
    relation = scope.information(project, dataset, view)
    alias = node.alias if node.alias and INFORMATION not in node.alias else view
    node.replace(exp.to_table(relation, alias=exp.to_identifier(alias)))


def _wildcard(ref: TableRef, node: exp.Table, scope: Scope) -> exp.Expr:
    from sqlglot import exp

    prefix = ref.table.removesuffix("*")
    found = list(scope.catalog.matching(ref))
    if not found:
        raise not_found("Table", str(ref))
    parts = []
    for table in found:
        scope.table(table.ref)
        suffix = table.ref.table[len(prefix) :].replace("'", "''")
        parts.append(f"SELECT *, '{suffix}' AS _TABLE_SUFFIX FROM {table.ref.physical}")  # noqa: S608
    union = constant_node(" UNION ALL BY NAME ".join(parts))
    alias = node.alias or prefix or "t"
    return exp.Subquery(this=union, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
