"""What sqlglot leaves of BigQuery's expressions that DuckDB would not take, or take otherwise.

Every rewrite changes the tree in place. A number with a point is FLOAT64 in BigQuery and a decimal in DuckDB; NUMERIC
has 9 digits behind the point; dividing by zero is an error; DATE plus an interval of days is a DATE; and so on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot import exp

_SCALES = {"0": "seconds", "3": "millis", "6": "micros"}


def adapt(tree: exp.Expr, numeric_columns: set[str]) -> exp.Expr:
    """All rewrites.

    Args:
        numeric_columns: names, in lower case, of the columns that are NUMERIC in the tables of the statement.
    """
    _types(tree)
    _offsets(tree)
    _numbers(tree, numeric_columns)
    # From the innermost outwards, so that a rewrite takes its arguments rewritten along.
    for node in reversed(list(tree.walk(bfs=False))):
        if isinstance(node, _rewritten()):
            made = _function(node.copy(), node.parent, node)
            if made is not None and node is not tree:
                node.replace(made)
    return tree


def _types(tree: exp.Expr) -> None:
    from sqlglot import exp

    for kind in list(tree.find_all(exp.DataType)):
        if kind.this == exp.DType.DECIMAL and not kind.expressions:
            _become(kind, "DECIMAL(38, 9)")
        elif kind.this == exp.DType.BIGDECIMAL:
            _become(kind, "DECIMAL(38, 18)")


def _become(kind: Any, said: str) -> None:
    from sqlglot import exp

    wanted = exp.DataType.build(said, dialect="duckdb")
    kind.set("this", wanted.this)
    kind.set("expressions", wanted.expressions)


def _offsets(tree: exp.Expr) -> None:
    """``WITH OFFSET`` counts from 0, DuckDB's ``WITH ORDINALITY`` from 1."""
    from sqlglot import exp

    names = {
        node.args["offset"].name
        for node in tree.find_all(exp.Unnest)
        if isinstance(node.args.get("offset"), exp.Identifier)
    }
    for column in list(tree.find_all(exp.Column)):
        if column.name in names and not column.table:
            less: exp.Expr = exp.paren(exp.Sub(this=column.copy(), expression=exp.Literal.number(1)))
            if isinstance(column.parent, exp.Select) and column.arg_key == "expressions":
                less = exp.alias_(less, column.name)
            column.replace(less)


def _numbers(tree: exp.Expr, numeric: set[str]) -> None:
    from sqlglot import exp

    for node in list(tree.find_all(exp.Div, exp.Mul, exp.Avg)):
        if _is_numeric(node, numeric) and not isinstance(node.parent, exp.Div | exp.Mul | exp.Avg):
            node.replace(_cast(node.copy(), "DECIMAL(38, 9)"))
    for node in list(tree.find_all(exp.Cast)):
        if node.to.is_type(exp.DType.TEXT) and _is_numeric(node.this, numeric):
            node.set("this", exp.func("decimal_text", node.this.copy(), dialect="duckdb"))
    for literal in list(tree.find_all(exp.Literal)):
        if literal.is_string:
            continue
        if literal.name.isdigit():
            if isinstance(literal.parent, exp.Mul | exp.Add | exp.Sub) and isinstance(literal.parent.left, exp.Literal):
                literal.replace(_cast(literal.copy(), "BIGINT"))
        elif _is_float(literal, numeric):
            literal.replace(_cast(literal.copy(), "DOUBLE"))
    for node in list(tree.find_all(exp.Div)):
        node.set("expression", exp.func("checked_divisor", node.expression.copy(), dialect="duckdb"))


def _is_numeric(node: exp.Expr, numeric: set[str]) -> bool:
    from sqlglot import exp

    columns = any(column.name.casefold() in numeric for column in node.find_all(exp.Column))
    casts = [cast.to for cast in node.find_all(exp.Cast)]
    floats = any(kind.is_type(exp.DType.DOUBLE, exp.DType.FLOAT) for kind in casts)
    return (columns or any(kind.is_type(exp.DType.DECIMAL) for kind in casts)) and not floats


def _is_float(literal: exp.Literal, numeric: set[str]) -> bool:
    """Whether nothing around the literal makes it a NUMERIC, as BigQuery's coercion of literals would."""
    from sqlglot import exp

    top: Any = literal
    while isinstance(top.parent, exp.Binary | exp.Neg | exp.Paren) and not isinstance(top.parent, exp.Predicate):
        top = top.parent
    if isinstance(top.parent, exp.Tuple | exp.Predicate | exp.Cast | exp.Update | exp.Values | exp.DataTypeParam):
        return False
    return not _is_numeric(top, numeric)


def _cast(node: exp.Expr, kind: str) -> exp.Expr:
    from sqlglot import exp

    return exp.cast(node, exp.DataType.build(kind, dialect="duckdb"))


def _rewritten() -> tuple[type[exp.Expr], ...]:
    from sqlglot import exp

    times = (
        exp.UnixToTime,
        exp.DateAdd,
        exp.DateSub,
        exp.DateTrunc,
        exp.StrToTime,
        exp.TimestampDiff,
        exp.DatetimeDiff,
        exp.Extract,
    )
    return (exp.Format, exp.SessionUser, exp.Struct, exp.Cast, *times)


def _function(node: exp.Expr, parent: exp.Expr | None, original: exp.Expr) -> exp.Expr | None:
    """What stands in the place of a node; None leaves it."""
    from sqlglot import exp

    match node:
        case exp.Format():
            return exp.func("printf", node.this, *node.expressions, dialect="duckdb")
        case exp.SessionUser():
            return exp.func("session_user_email", dialect="duckdb")
        case exp.UnixToTime():
            scale = node.args.get("scale")
            unit = _SCALES.get(scale.name if scale else "0", "seconds")
            return exp.func(f"timestamp_of_{unit}", node.this, dialect="duckdb")
        case exp.DateAdd() | exp.DateSub() | exp.DateTrunc() if not isinstance(parent, exp.Cast):
            return _cast(node, "DATE")
        case exp.StrToTime() if not isinstance(parent, exp.Cast):
            return _cast(node, "TIMESTAMPTZ")
        case exp.TimestampDiff() | exp.DatetimeDiff():
            part = exp.Literal.string(str(node.args.get("unit") or "DAY").strip("'"))
            return exp.Anonymous(this="date_sub", expressions=[part, node.expression, node.this])
        case exp.Extract() if node.name.upper() == "DAYOFWEEK":
            return exp.paren(exp.Add(this=node, expression=exp.Literal.number(1)))
        case exp.Struct() if node.expressions and not any(isinstance(one, exp.PropertyEQ) for one in node.expressions):
            # Without names its values go to a column's fields by their order.
            return exp.Anonymous(this="row", expressions=node.expressions) if original.find_ancestor(exp.DML) else None
        case exp.Cast() if node.to.is_type(exp.DType.VARBINARY, exp.DType.BINARY) and node.this.is_string:
            return exp.Anonymous(this="encode", expressions=[node.this])
        case _:
            return None


def name_columns(query: exp.Expr) -> None:
    """Give the columns of a result that have no name the ones that BigQuery gives: ``f0_``, ``f1_`` and on."""
    from sqlglot import exp

    select = query
    while not isinstance(select, exp.Select):
        inner = select.this
        if not isinstance(inner, exp.Expr):
            return
        select = inner
    columns: list[exp.Expr] = []
    count = 0
    for column in select.expressions:
        if isinstance(column, exp.Alias | exp.Column | exp.Star | exp.Dot | exp.Aliases):
            columns.append(column)
        else:
            columns.append(exp.alias_(column, f"f{count}_"))
            count += 1
    select.set("expressions", columns)
