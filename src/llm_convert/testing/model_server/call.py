"""A model call on its way, and what every service that answers one can do."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.faults import Fault
from llm_convert.testing.model_server.http import Request
from llm_convert.testing.model_server.ledger import Ledger
from llm_convert.testing.model_server.prices import Tariff
from llm_convert.testing.model_server.tokens import Tokens
from llm_convert.testing.model_server.workers import Workers


@dataclass(slots=True, kw_only=True)
class Call:
    """One call of a model, and what is known of it so far."""

    service: Service
    request: Request
    body: Any
    """The request's JSON; None where it is none."""
    model: str
    method: str = "messages"
    project: str = ""
    region: str = "global"
    streams: bool = False
    number: int = 0
    counted: int | None = None
    """Tokens of the prompt, once they were counted."""
    batch: str | None = None
    recorded: bool = True
    """Off for what costs nothing however often it is asked, such as the state of a batch."""

    @property
    def fields(self) -> dict[str, Any]:
        """The body where it is an object."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def request_id(self) -> str:
        """Named in the answer's header."""
        return f"{self.service.request_id_prefix}{self.number:06d}"

    @property
    def capacity(self) -> tuple[str, str, str, str]:
        """What quota and cache are counted by."""
        return self.service.name, self.project, self.region, self.model


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a service says to a call."""

    body: dict[str, Any]
    tokens: Tokens
    stop_reason: str | None


class Service(ABC):
    """The form in which one service is asked and answers."""

    name: str
    request_id_prefix = "req_"
    request_id_header = "request-id"
    stream_media_type = "text/event-stream; charset=utf-8"
    caches = False
    """Whether a request says what of its prompt is kept."""
    says_retry_after = True
    """Whether the real service tells a refused client how long to wait."""

    @abstractmethod
    def call_of(self, request: Request) -> Call | None:
        """The call that a request makes; None when its path is not the service's."""

    @abstractmethod
    def authorize(self, call: Call, token: str | None) -> None:
        """Raises RefusedError for credentials that the service does not take."""

    @abstractmethod
    def check(self, call: Call, dials: Dials) -> None:
        """Raises RefusedError with the first rule that the request breaks."""

    @abstractmethod
    def prompt_tokens(self, call: Call) -> int:
        """Tokens of the prompt."""

    @abstractmethod
    def answer(self, call: Call, payload: dict[str, Any], tokens: Tokens, dials: Dials) -> Answer:
        """The answer that says the payload; it counts the output's tokens."""

    @abstractmethod
    def pieces(self, call: Call, answer: Answer, fault: Fault | None) -> list[bytes]:
        """The same answer as a stream; with a fault its first half, and the error where the fault is one."""

    @abstractmethod
    def error(self, fault: Fault, request_id: str) -> Any:
        """An error's JSON in the service's form."""

    @abstractmethod
    def limited(self, what: str, retry_after: str | None) -> Fault:
        """The refusal of a call over its quota.

        Args:
            what: ``requests`` or ``tokens``.
            retry_after: seconds, or None where nothing is said.
        """

    def counted(self, tokens: int) -> dict[str, Any]:
        """The answer of the service's token counter."""
        return {"input_tokens": tokens}

    def work_item(self, call: Call) -> str | None:
        """What the client calls its work."""
        metadata = call.fields.get("metadata")
        found = metadata.get("user_id") if isinstance(metadata, dict) else None
        return found if isinstance(found, str) else None


class Served(Protocol):
    """What the server's parts need of it."""

    dials: Dials
    token: str | None
    books: Ledger
    workers: Workers
    clock: Callable[[], float]
    tariff: Tariff

    def take_fault(self) -> Fault | None:
        """The next fault of the dials; each is taken once."""

    def take_poll_fault(self) -> Fault | None:
        """The same for what only looks at batches, or cancels one."""

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the model is to say. Raises RefusedError when the answering callable raised."""


def json_of(body: bytes) -> Any:
    """The JSON of a body; None where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def json_bytes(value: Any) -> bytes:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False).encode()


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an Authorization header; empty without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""
