"""The emulator's life: a thread, a port, the dials, the tables."""

from __future__ import annotations

import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from llm_convert.testing.emulators.bigquery.catalog import Catalog
from llm_convert.testing.emulators.bigquery.dials import BigQueryDials, Missing
from llm_convert.testing.emulators.bigquery.engine import Engine
from llm_convert.testing.emulators.bigquery.handler import Handler
from llm_convert.testing.emulators.bigquery.job_methods import JobMethods
from llm_convert.testing.emulators.bigquery.jobs import Job, Jobs
from llm_convert.testing.emulators.bigquery.queries import Queries
from llm_convert.testing.emulators.bigquery.resources import Resources
from llm_convert.testing.emulators.bigquery.routes import Routes
from llm_convert.testing.emulators.bigquery.storage import Storage
from llm_convert.testing.emulators.bigquery.tables import Tables
from llm_convert.testing.emulators.bigquery.transfers import Transfers
from llm_convert.testing.emulators.bigquery.uploads import Uploads


class BigQueryEmulator:
    """BigQuery's REST API on this machine, over DuckDB, from ``start`` to ``stop``; also a context manager.

    Everything lies in memory and is gone with ``stop``. Any project exists, any credentials are accepted.

    Args:
        port: 0 takes any free one.
        storage_url: an endpoint of Cloud Storage's JSON API, for ``gs://`` URIs of load and extract jobs; without one
            such jobs fail.
        dials: what goes wrong or takes long; may be changed while the emulator runs.
        project: told to clients by ``environment``.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        storage_url: str | None = None,
        dials: BigQueryDials | None = None,
        project: str = "local-project",
    ) -> None:
        self.dials = dials or BigQueryDials()
        self.stopping = threading.Event()
        self._project = project
        self._lock = threading.Lock()
        self._count = 0
        self._engine = Engine()
        tables = Tables(Catalog(), self._engine)
        missing = Missing(self.dials)
        self._queries = Queries(tables, missing)
        self._transfers = Transfers(tables, Storage(storage_url), missing)
        self._jobs = Jobs(self.dials, self._work)
        resources = Resources(tables, missing)
        self._methods = JobMethods(self._jobs, self._queries, tables, resources)
        self.routes = Routes(resources, self._methods, Uploads(self._methods))
        self._http = _Http(("127.0.0.1", port), type("BoundHandler", (Handler,), {"emulator": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="bigquery", daemon=True)

    def _work(self, job: Job) -> None:
        match job.kind:
            case "query":
                self._queries.run(job, self._jobs)
            case "load":
                self._transfers.load(job, self._methods.uploads.pop(str(job), None))
            case "copy":
                self._transfers.copy(job)
            case _:
                self._transfers.extract(job)

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cancel all jobs, close every connection, forget all tables."""
        self.stopping.set()
        self._jobs.stop()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()
        self._engine.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What clients take as their endpoint."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """The variables that make Google's clients use the emulator, in this or another process."""
        return {"BIGQUERY_EMULATOR_HOST": self.url, "GOOGLE_CLOUD_PROJECT": self._project}

    @property
    def received(self) -> int:
        """Requests so far."""
        return self._count

    def take_fault(self) -> int | None:
        """The next fault of the dials; each is taken once."""
        with self._lock:
            self._count += 1
            return self.dials.fail_next.pop(0) if self.dials.fail_next else None

    def loses_response(self) -> bool:
        """Whether the dials lose the response to the latest request."""
        every = self.dials.lose_every_nth_response
        with self._lock:
            return every > 0 and self._count % every == 0

    def pass_time(self) -> None:
        """Wait as long as the dials say."""
        if self.dials.latency_seconds > 0:
            self.stopping.wait(self.dials.latency_seconds)


class _Http(ThreadingHTTPServer):
    """Knows its connections, so that stopping also ends those that clients keep alive."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End all open connections; their threads see it and finish."""
        with self._lock:
            connections = tuple(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; anything else is a defect of this server and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
