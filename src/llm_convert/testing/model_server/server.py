"""The server's life: a thread with an event loop, a port, the dials and the ledger."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

from llm_convert.testing.model_server.addresses import environment_of
from llm_convert.testing.model_server.answers import AnswerWith, no_answer
from llm_convert.testing.model_server.anthropic import AnthropicClaude
from llm_convert.testing.model_server.call import json_bytes
from llm_convert.testing.model_server.calls import Calls
from llm_convert.testing.model_server.claude import VertexClaude
from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.faults import Fault, RefusedError
from llm_convert.testing.model_server.http import Connection, Cut, Reply, Request, Stream
from llm_convert.testing.model_server.ledger import Ledger, LedgerRecord
from llm_convert.testing.model_server.message_batches import MessageBatches
from llm_convert.testing.model_server.ollama import OllamaChat
from llm_convert.testing.model_server.openai import ChatCompletions
from llm_convert.testing.model_server.prices import PriceList, Tariff
from llm_convert.testing.model_server.vertex_jobs import Storage, VertexJobs
from llm_convert.testing.model_server.workers import Workers

_WAITING_CONNECTIONS = 1024
_NOT_FOUND = json_bytes({"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}})


class ModelServer:
    """Models' wires on this machine, at a port of its own, from ``start`` to ``stop``; also a context manager.

    Args:
        answer_with: from a request's JSON to the input of the answering tool call; without it no rows and a question.
        dials: what goes wrong; may be changed while the server runs.
        port: 0 takes any free one.
        project: told to clients by ``environment``.
        region: likewise.
        token: the one access token, or key, that is accepted; by default any.
        clock: monotonic seconds, by which quotas fill and caches age.
        ollama_models: that were pulled.
        prices: by model, see ``prices.USUAL``; by default nothing is charged.
        storage: reads and writes the objects of batch prediction jobs on Vertex AI, by their ``gs://`` URIs.
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
        clock: Callable[[], float] = time.monotonic,
        ollama_models: Sequence[str] = ("qwen3:8b",),
        prices: PriceList | None = None,
        storage: Storage | None = None,
    ) -> None:
        self.answer_with = answer_with
        self.dials = dials or Dials()
        self.token = token
        self.clock = clock
        self.tariff = Tariff(prices or {})
        self.books = Ledger()
        self._project = project
        self._region = region
        self._faults = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", port), backlog=_WAITING_CONNECTIONS)
        self._port = self._socket.getsockname()[1]
        vertex, own_api, ollama = VertexClaude(), AnthropicClaude(), OllamaChat(ollama_models)
        calls = Calls(self, [vertex, own_api, ChatCompletions(), ollama])
        batches = MessageBatches(self, calls, own_api, self.url)
        jobs = VertexJobs(self, calls, vertex, storage)
        self._parts: list[Callable[[Request], Awaitable[Reply | Stream | Cut | None]]] = [
            calls.handle,
            batches.handle,
            jobs.handle,
            ollama.tags,
        ]
        self._connections: set[Connection] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="model-server", daemon=True)

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        self._started.wait()
        return self

    def stop(self) -> None:
        """Close every connection; requests that hang or wait end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """What clients take for Vertex AI; ends in ``/v1``."""
        return f"{self.url}/v1"

    @property
    def url(self) -> str:
        """Where all services are; each has its own paths there."""
        return f"http://127.0.0.1:{self._port}"

    def environment(self, service: str = "vertex") -> dict[str, str]:
        """The variables that make this library use the server, in this or another process.

        Args:
            service: ``vertex``, ``anthropic``, ``openai`` or ``ollama``.
        """
        return environment_of(service, self.url, token=self.token, project=self._project, region=self._region)

    @property
    def ledger(self) -> tuple[LedgerRecord, ...]:
        """What was received and answered so far, in the order in which it was decided."""
        return self.books.records

    @property
    def charged_microusd(self) -> int:
        """What all answers so far cost by the server's own arithmetic."""
        return sum(record.charged_microusd for record in self.books.records)

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
        return self._take(self.dials.fail_next)

    def take_poll_fault(self) -> Fault | None:
        """The same for what only looks at batches, or cancels one."""
        return self._take(self.dials.fail_next_poll)

    def _take(self, faults: list[Fault | int]) -> Fault | None:
        with self._faults:
            if not faults:
                return None
            fault = faults.pop(0)
        return Fault.plain(fault) if isinstance(fault, int) else fault

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the model is to say.

        Raises:
            RefusedError: the answering callable raised; its words are told as the service's.
        """
        answer_with = self.answer_with
        if answer_with is no_answer:
            return no_answer(body)
        try:
            # A test's own code: whatever it raises must reach the test as an answer and not hang its client.
            payload: dict[str, Any] = await self.workers.run(answer_with, body)
        except Exception as error:
            cause = error.__cause__ or error if isinstance(error, RuntimeError) else error
            said = f"answer_with raised {type(cause).__name__}: {cause}"
            raise RefusedError(Fault(message=said)) from error
        return payload

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self.workers = Workers()
        server = await self._loop.create_server(
            lambda: Connection(self._handle, self._connections), sock=self._socket, backlog=_WAITING_CONNECTIONS
        )
        self._started.set()
        await self._stopping.wait()
        server.close()
        for connection in tuple(self._connections):
            connection.abort()
        self.workers.close()
        # What is still open is cancelled when this returns.

    async def _handle(self, request: Request) -> Reply | Stream | Cut:
        for part in self._parts:
            reply = await part(request)
            if reply is not None:
                return reply
        if request.method == "POST":
            self.books.begin()
            request.finished = self.books.end
        return Reply(status=404, body=_NOT_FOUND)
