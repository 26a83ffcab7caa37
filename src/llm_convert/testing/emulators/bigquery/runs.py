"""A script carried out: variables, conditions, loops, transactions, exceptions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from llm_convert.testing.emulators.bigquery.ddl import field_of_column
from llm_convert.testing.emulators.bigquery.faults import ApiError, invalid_query
from llm_convert.testing.emulators.bigquery.parameters import sql_constant
from llm_convert.testing.emulators.bigquery.script import Block, If, Loop, Node, Sql
from llm_convert.testing.emulators.bigquery.session import Outcome, Session
from llm_convert.testing.emulators.bigquery.statements import carry_out
from llm_convert.testing.emulators.bigquery.translate import parse
from llm_convert.testing.emulators.bigquery.types import Field

_MAX_ROUNDS = 100_000
_CONTROL = re.compile(
    r"^(?P<verb>BEGIN|COMMIT|ROLLBACK|BREAK|LEAVE|CONTINUE|ITERATE|RETURN|RAISE|ASSERT|EXECUTE\s+IMMEDIATE)\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)


class _Leave(Exception):  # noqa: N818 - a jump, not an error
    """Ends a loop's round, a loop or the script."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


@dataclass(slots=True, kw_only=True)
class Run:
    """Carries out a script's statements in one session."""

    session: Session
    finished: Callable[[str, Outcome], None]
    """Told of each statement that is done, with its text."""
    check: Callable[[], None] = field(default=lambda: None)
    """Raises when the job is to stop."""
    kinds: dict[str, Field] = field(default_factory=dict)
    """The variables' types."""

    def script(self, nodes: tuple[Node, ...]) -> None:
        """The whole of it; an open transaction is rolled back at the end, as nothing has committed it."""
        try:
            self._all(nodes)
        except _Leave as leave:
            if leave.what != "RETURN":
                raise invalid_query(f"{leave.what} is only allowed inside of a loop body") from leave
        finally:
            if self.session.transaction is not None:
                self.session.end(commit=False)

    def _all(self, nodes: tuple[Node, ...]) -> None:
        for node in nodes:
            self._one(node)

    def _one(self, node: Node) -> None:
        self.check()
        match node:
            case Sql(text):
                self._statement(text)
            case If(branches):
                for condition, body in branches:
                    if self._holds(condition):
                        self._all(body)
                        return
            case Loop(condition, body):
                self._loop(condition, body)
            case Block(body, handler):
                self._block(body, handler)

    def _block(self, body: tuple[Node, ...], handler: tuple[Node, ...] | None) -> None:
        try:
            self._all(body)
        except ApiError as error:
            if handler is None:
                raise
            said = error.message.replace("'", "''")
            self.session.scope.variables["@@error.message"] = f"CAST('{said}' AS VARCHAR)"
            try:
                self._all(handler)
            except _Leave as leave:
                if leave.what != "RAISE":
                    raise
                raise error from None

    def _loop(self, condition: str, body: tuple[Node, ...]) -> None:
        for _ in range(_MAX_ROUNDS):
            if not self._holds(condition):
                return
            try:
                self._all(body)
            except _Leave as leave:
                if leave.what in {"BREAK", "LEAVE"}:
                    return
                if leave.what not in {"CONTINUE", "ITERATE"}:
                    raise
        raise invalid_query(f"The loop did not end within {_MAX_ROUNDS} rounds")

    def _holds(self, condition: str) -> bool:
        outcome = carry_out(parse(f"SELECT ({condition}) AS holds"), self.session)
        return bool(outcome.rows.column(0).to_pylist()[0])

    def _statement(self, text: str) -> None:
        from sqlglot import exp

        control = _CONTROL.match(text)
        if control:
            self._control(" ".join(control["verb"].upper().split()), control["rest"].strip())
            return
        tree = parse(text)
        match tree:
            case exp.Declare():
                for item in tree.expressions:
                    self._declare(item)
            case exp.Set():
                for item in tree.expressions:
                    self._set(item.this.this.name, item.this.expression)
            case _:
                outcome = carry_out(tree, self.session)
                if outcome.changed is not None:
                    self.session.scope.variables["@@row_count"] = str(sum(outcome.changed.values()))
                self.finished(text, outcome)

    def _control(self, verb: str, rest: str) -> None:
        match verb:
            case "BEGIN":
                self.session.begin()
            case "COMMIT" | "ROLLBACK":
                self.session.end(commit=verb == "COMMIT")
            case "ASSERT":
                condition, _, said = rest.partition(" AS ")
                if not self._holds(condition):
                    raise invalid_query(f"Assertion failed: {said.strip(chr(39) + chr(34))}")
            case "RAISE" if rest:
                message = re.sub(r"^USING\s+MESSAGE\s*=\s*", "", rest, flags=re.IGNORECASE)
                outcome = carry_out(parse(f"SELECT CAST({message} AS STRING) AS said"), self.session)
                raise invalid_query(str(outcome.rows.column(0).to_pylist()[0]))
            case "EXECUTE IMMEDIATE":
                outcome = carry_out(parse(f"SELECT {rest} AS said"), self.session)
                self._statement(str(outcome.rows.column(0).to_pylist()[0]))
            case _:
                raise _Leave(verb)

    def _declare(self, item: object) -> None:
        from sqlglot import exp

        assert isinstance(item, exp.DeclareItem)
        kind, default = item.args.get("kind"), item.args.get("default")
        for name in item.this:
            if kind is not None:
                self.kinds[name.name.casefold()] = field_of_column(exp.ColumnDef(this=name.copy(), kind=kind))
            self._set(name.name, default if isinstance(default, exp.Expr) else exp.null())

    def _set(self, name: str, value: object) -> None:
        from sqlglot import exp

        assert isinstance(value, exp.Expr), f"{name} is set to {value!r}, which is no tree"
        outcome = carry_out(exp.Select(expressions=[exp.alias_(value.copy(), "v")]), self.session)
        assert outcome.fields is not None
        kind = self.kinds.setdefault(name.casefold(), outcome.fields[0])
        found = outcome.rows.column(0).to_pylist()[0]
        self.session.scope.variables[name.casefold()] = _constant(found, kind)


def _constant(value: object, kind: Field) -> str:
    if isinstance(value, float | int) and kind["type"] in {"NUMERIC", "BIGNUMERIC"}:
        from decimal import Decimal

        value = Decimal(str(value))
    return sql_constant(value, kind)
