"""DuckDB underneath: sessions, and who may change which table at the same time.

BigQuery's rules are kept: rows may be read and appended at any time; statements that update, delete or merge into the
same table wait for each other; within a transaction such a statement does not wait, it is aborted instead.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from llm_convert.errors import MissingExtraError
from llm_convert.testing.emulators.bigquery.catalog import TableRef
from llm_convert.testing.emulators.bigquery.faults import invalid_query

if TYPE_CHECKING:
    import duckdb

Done = TypeVar("Done")
_TRIES = 40
_MACROS = """
CREATE TABLE anchor (nothing INTEGER);
CREATE MACRO ieee_divide(a, b) AS CAST(a AS DOUBLE) / CAST(b AS DOUBLE);
CREATE MACRO session_user_email() AS 'local@example.com';
CREATE MACRO current_datetime() AS now() AT TIME ZONE 'UTC', (tz) AS now() AT TIME ZONE tz;
CREATE MACRO parse_numeric(s) AS CAST(s AS DECIMAL(38, 9));
CREATE MACRO decimal_text(n) AS regexp_replace(CAST(n AS VARCHAR), '\\.0+$|(\\.\\d*?)0+$', '\\1');
CREATE MACRO farm_fingerprint(s) AS CAST(hash(s) % 9223372036854775807 AS BIGINT);
CREATE MACRO timestamp_of_seconds(s) AS make_timestamptz(CAST(s * 1000000 AS BIGINT));
CREATE MACRO timestamp_of_millis(s) AS make_timestamptz(CAST(s * 1000 AS BIGINT));
CREATE MACRO timestamp_of_micros(s) AS make_timestamptz(CAST(s AS BIGINT));
CREATE MACRO checked_divisor(b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE b END;
"""


class Engine:
    """One database in memory; every job has a session of its own."""

    def __init__(self) -> None:
        try:
            import duckdb
        except ImportError:
            raise MissingExtraError("duckdb", "emulators") from None
        self._root = duckdb.connect(":memory:", config={"threads": 2, "python_enable_replacements": False})
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        self._root.execute(_MACROS)
        self.claims = Claims()

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with transactions of its own."""
        session = self._root.cursor()
        try:
            yield session
        finally:
            session.close()

    def close(self) -> None:
        """Forget everything."""
        self._root.close()


def settled(work: Callable[[], Done]) -> Done:
    """Do work that commits by itself; where it collided with another commit, do it again."""
    import duckdb

    for left in reversed(range(_TRIES)):
        try:
            return work()
        except duckdb.TransactionException:
            if not left:
                raise
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - no secret
    raise AssertionError("unreachable")


@contextmanager
def transaction(session: Any) -> Iterator[None]:
    """All of the block, or nothing."""
    session.execute("BEGIN")
    try:
        yield
    except BaseException:
        session.execute("ROLLBACK")
        raise
    session.execute("COMMIT")


class Claims:
    """Which table's existing rows are being changed, by whom, and when they last were."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owners: dict[str, object] = {}
        self._last: dict[str, int] = {}
        self._clock = 0

    def now(self) -> int:
        """A count that grows with each change of a table."""
        with self._changed:
            return self._clock

    @contextmanager
    def waiting(self, ref: TableRef, owner: object) -> Iterator[None]:
        """The right to change a table's rows, when those before have finished."""
        with self._changed:
            if self._owners.get(ref.physical) is owner:
                mine = False
            else:
                self._changed.wait_for(lambda: ref.physical not in self._owners)
                self._owners[ref.physical] = owner
                mine = True
        try:
            yield
        finally:
            if mine:
                self.release(owner, {ref.physical})

    def take(self, ref: TableRef, owner: object, since: int) -> None:
        """The right to change a table's rows until ``release``. Raises ApiError when others change or changed it."""
        with self._changed:
            other = self._owners.get(ref.physical, owner)
            if other is not owner or self._last.get(ref.physical, 0) > since:
                raise invalid_query(f"Transaction is aborted due to concurrent update against table {ref}.")
            self._owners[ref.physical] = owner

    def release(self, owner: object, changed: set[str]) -> None:
        """End all rights of an owner, and note what it changed."""
        with self._changed:
            self._clock += 1
            for name in changed:
                self._last[name] = self._clock
            self._owners = {name: other for name, other in self._owners.items() if other is not owner}
            self._changed.notify_all()
