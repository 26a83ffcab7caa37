"""Opening a DuckDB file that other processes and threads use too.

DuckDB lets one process at a time have a file open for writing, and refuses the others at once. So a connection lives
for one operation, and who is refused waits and asks again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llm_convert.errors import ConfigurationError, LlmConvertError, MissingExtraError, UnavailableError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOCKED = "could not set lock"
_NO_DATABASE = "not a valid duckdb database"
_PAUSE_SECONDS = (0.02, 0.12)

_turns: dict[Path, threading.Lock] = {}
_turns_lock = threading.Lock()


@contextmanager
def opened(path: Path, *, wait_seconds: float) -> Iterator[DuckDBPyConnection]:
    """A connection that this process's other threads, and all other processes, wait for.

    Args:
        path: of the database; it and its folder are made when they are not there.
        wait_seconds: for others to close it.

    Raises:
        UnavailableError: others kept it for longer, or the disk is at fault.
        ConfigurationError: the file is no DuckDB database.
    """
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError("duckdb", "duckdb") from None
    deadline = time.monotonic() + wait_seconds
    with _turn(path, wait_seconds):
        connection = _connect(path, deadline, wait_seconds)
        try:
            yield connection
        except duckdb.Error as error:
            raise _translated(path, error) from error
        finally:
            connection.close()


@contextmanager
def transaction(connection: DuckDBPyConnection) -> Iterator[None]:
    """All of the block, or nothing."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _turn(path: Path, wait_seconds: float) -> Iterator[None]:
    # DuckDB gives all threads of a process one database, in which their transactions would conflict instead of wait.
    with _turns_lock:
        lock = _turns.setdefault(path, threading.Lock())
    if not lock.acquire(timeout=wait_seconds):
        raise _busy(path, wait_seconds, "another thread of this process")
    try:
        yield
    finally:
        lock.release()


def _connect(path: Path, deadline: float, wait_seconds: float) -> DuckDBPyConnection:
    import duckdb

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _translated(path, error) from error
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.Error as error:
            if _LOCKED not in str(error).lower():
                raise _translated(path, error) from error
            if time.monotonic() >= deadline:
                raise _busy(path, wait_seconds, str(error)) from error
        # Of many that wait, the same one must not be refused each time.
        time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - no secret


def _busy(path: Path, wait_seconds: float, who: str) -> UnavailableError:
    return UnavailableError(
        f"the DuckDB file {path} was in use for {wait_seconds:g} s: {who}",
        remedy="Close what holds it, such as a DuckDB shell, and try again.",
    )


def _translated(path: Path, error: Exception) -> LlmConvertError:
    if _NO_DATABASE in str(error).lower():
        return ConfigurationError(
            f"{path} is no DuckDB database", remedy="Name another file in LLM_CONVERT_WAREHOUSE, or move this one away."
        )
    return UnavailableError(
        f"the DuckDB file {path} could not be read or written: {error}",
        remedy="Look at the disk's free space and the folder's permissions; then try again.",
    )
