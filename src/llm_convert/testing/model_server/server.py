"""The server's life: a thread, a port, the dials and the ledger."""

from __future__ import annotations

import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from llm_convert.testing.model_server.answers import AnswerWith, no_answer
from llm_convert.testing.model_server.dials import Dials, Fault
from llm_convert.testing.model_server.handler import Handler
from llm_convert.testing.model_server.ledger import Ledger, LedgerRecord


class ModelServer:
    """Claude's wire on this machine, at a port of its own, from ``start`` to ``stop``; also a context manager.

    Args:
        answer_with: from a request's JSON to the input of the answering tool call; without it no rows and a question.
        dials: what goes wrong; may be changed while the server runs.
        port: 0 takes any free one.
        project: told to clients by ``environment``.
        region: likewise.
        token: the one access token that is accepted; by default any.
    """

    def __init__(
        self,
        *,
        answer_with: AnswerWith = no_answer,
        dials: Dials | None = None,
        port: int = 0,
        project: str = "local-project",
        region: str = "global",
        token: str | None = None,
    ) -> None:
        self.answer_with = answer_with
        self.dials = dials or Dials()
        self.token = token
        self.stopping = threading.Event()
        self.books = Ledger()
        self._project = project
        self._region = region
        self._faults = threading.Lock()
        self._http = _Http(("127.0.0.1", port), type("BoundHandler", (Handler,), {"model_server": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="model-server", daemon=True)

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close every connection; requests that hang or wait end."""
        self.stopping.set()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """What clients take for Vertex AI; ends in ``/v1``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def environment(self) -> dict[str, str]:
        """The variables that make this library use the server, in this or another process."""
        return {
            "LLM_CONVERT_PROVIDER": "vertex",
            "LLM_CONVERT_VERTEX_ACCESS_TOKEN": self.token or "local-token",
            "ANTHROPIC_VERTEX_BASE_URL": self.base_url,
            "ANTHROPIC_VERTEX_PROJECT_ID": self._project,
            "CLOUD_ML_REGION": self._region,
        }

    @property
    def ledger(self) -> tuple[LedgerRecord, ...]:
        """What was received and answered so far, in the order in which it was decided."""
        return self.books.records

    @property
    def received(self) -> int:
        """Requests so far, those that are still open included."""
        return self.books.received

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were open at once."""
        return self.books.peak_in_flight

    def take_fault(self) -> Fault | None:
        """The next fault of the dials; each is taken once."""
        with self._faults:
            if not self.dials.fail_next:
                return None
            fault = self.dials.fail_next.pop(0)
        return Fault(status=fault, message="the dials say so") if isinstance(fault, int) else fault


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
