"""Calls of BigQuery's client, each tried again while that may help, within a bounded time.

The client's own retries are switched off: two layers of them would multiply, and only this one knows that a job is
found again by its id.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from llm_convert.errors import MissingExtraError
from llm_convert.warehouses.bigquery_errors import Place, call_error, is_transient, no_dataset, wrong_location

if TYPE_CHECKING:
    from google.cloud.bigquery import Table

T = TypeVar("T")

CALL_SECONDS = 60.0
QUERY_SECONDS = 600.0
_EMULATOR = "BIGQUERY_EMULATOR_HOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a call, a job or a conflict is tried again."""

    total_seconds: float = 600.0
    first_seconds: float = 1.0
    cap_seconds: float = 30.0

    def rounds(self) -> Iterator[int]:
        """Counts rounds from 0, with a pause of random length between them, until the time is over."""
        deadline = time.monotonic() + self.total_seconds
        number = 0
        while True:
            yield number
            # Full jitter: those who collided must not collide again.
            ceiling = min(self.cap_seconds, self.first_seconds * 2.0 ** min(number, 16))
            pause = random.uniform(0, ceiling)  # noqa: S311 - no secret
            if time.monotonic() + pause > deadline:
                return
            time.sleep(pause)
            number += 1


class Calls:
    """BigQuery's client for one dataset, made when it is first used.

    Args:
        location: what the settings say; None: wherever the dataset lies.
    """

    def __init__(self, place: Place, *, location: str | None, patience: Patience) -> None:
        self.place = place
        self.patience = patience
        self._asked = location

    @cached_property
    def client(self) -> Any:
        """A ``google.cloud.bigquery.Client``; Any, since its own types refuse ``retry=None``.

        Raises:
            ConfigurationError: there are no credentials.
        """
        try:
            from google.auth.credentials import AnonymousCredentials
            from google.cloud import bigquery
        except ImportError:
            raise MissingExtraError("google-cloud-bigquery", "gcp") from None
        # An emulator asks for no credentials, and the client would insist on finding some.
        credentials = AnonymousCredentials() if os.environ.get(_EMULATOR) else None  # type: ignore[no-untyped-call]
        try:
            return bigquery.Client(project=self.place.project, credentials=credentials, location=self._asked)
        except Exception as error:
            raise call_error(self.place, error) from error

    @cached_property
    def location(self) -> str:
        """Where the dataset lies: jobs must run there.

        Raises:
            ConfigurationError: there is no such dataset, or the settings name another location.
        """
        from google.api_core.exceptions import NotFound

        try:
            dataset = self.run(
                lambda: self.client.get_dataset(
                    f"{self.place.project}.{self.place.dataset}", retry=None, timeout=CALL_SECONDS
                )
            )
        except NotFound:
            raise no_dataset(self.place, self._asked) from None
        found = str(dataset.location or self._asked or "US")
        if self._asked and self._asked.lower() != found.lower():
            raise wrong_location(self.place, asked=self._asked, found=found)
        return found

    def run(self, call: Callable[[], T]) -> T:
        """The call's answer. Conflicts, unmet preconditions and what is not found are the caller's to judge.

        Raises:
            google.api_core.exceptions.Conflict, NotFound, PreconditionFailed: as they are.
            ConfigurationError: a permission or a setting is wrong.
            UnavailableError: it did not work for the whole time.
        """
        from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed

        failure: Exception | None = None
        for _ in self.patience.rounds():
            try:
                return call()
            except (Conflict, NotFound, PreconditionFailed):
                raise
            except Exception as error:
                if not is_transient(error):
                    raise call_error(self.place, error) from error
                failure = error
        assert failure is not None
        raise call_error(self.place, failure) from failure

    def table_id(self, table: str) -> str:
        """A table's full name, as the API takes it."""
        return f"{self.place.project}.{self.place.dataset}.{table}"

    def find_table(self, table: str) -> Table | None:
        """A table's metadata; None when there is no such table."""
        from google.api_core.exceptions import NotFound

        try:
            found: Table = self.run(
                lambda: self.client.get_table(self.table_id(table), retry=None, timeout=CALL_SECONDS)
            )
        except NotFound:
            return None
        return found

    def rows(self, sql: str, parameters: Mapping[str, Any], labels: Mapping[str, str]) -> list[tuple[Any, ...]]:
        """The rows of a query that changes nothing.

        Raises:
            ConfigurationError: a table is not there.
        """
        from google.api_core.exceptions import NotFound
        from google.cloud.bigquery import QueryJobConfig

        config = QueryJobConfig(query_parameters=parameters_of(parameters), labels=dict(labels))

        def ask() -> list[tuple[Any, ...]]:
            job = self.client.query(
                sql, job_config=config, location=self.location, retry=None, job_retry=None, timeout=CALL_SECONDS
            )
            return [tuple(row.values()) for row in job.result(job_retry=None, timeout=QUERY_SECONDS)]

        try:
            return self.run(ask)
        except NotFound as error:
            raise call_error(self.place, error) from error


def parameters_of(values: Mapping[str, Any]) -> list[Any]:
    """Named query parameters; their types are told from the values."""
    from google.cloud.bigquery import ScalarQueryParameter

    kinds = {str: "STRING", int: "INT64"}
    return [ScalarQueryParameter(name, kinds.get(type(value), "DATE"), value) for name, value in values.items()]
