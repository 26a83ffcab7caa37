"""What the core asks of the world. Protocols only; adapters are leaves, and ``wiring`` alone picks one.

Every port has a contract test suite in ``llm_convert.testing.contracts`` that each adapter runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from llm_convert.contracts.calls import BatchRecord, Purpose, SentCall
from llm_convert.contracts.document import Document
from llm_convert.contracts.launch import ExecutionHandle, ExecutionStatus, JobRequest
from llm_convert.contracts.prompt import ModelTier, Prompt
from llm_convert.contracts.work import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object's bytes and the version they are of."""

    data: bytes = field(repr=False)
    version: str
    """Opaque: equal exactly when nothing was written in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a listing tells."""

    key: str
    size_bytes: int
    version: str
    updated_at: datetime
    """Aware, UTC."""


class ObjectStore(Protocol):
    """Objects by key, with conditional writes: of many writers who expect the same state, one wins.

    Keys are ``/``-separated, any Unicode, without empty, ``.`` or ``..`` segments. A reader sees an object whole or not
    at all. Every method raises StoreError when the store itself fails.
    """

    @property
    def url(self) -> str:
        """The root, without a trailing slash."""

    def read(self, key: str) -> StoredObject:
        """Raises ObjectNotFoundError."""

    def create(self, key: str, data: bytes) -> str:
        """Write only if absent; the new version. Raises PreconditionFailedError when the key exists."""

    def replace(self, key: str, data: bytes, *, if_version: str) -> str:
        """Write only over this version; the new version. Raises PreconditionFailedError, also when the key is gone."""

    def delete(self, key: str, *, if_version: str) -> None:
        """Delete only this version. Raises PreconditionFailedError, also when the key is gone."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose keys start with this text, in the order of their keys' UTF-8 bytes."""

    def locate(self, key: str) -> str:
        """The URL of an object, for people and for warehouses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Rows of one table, tenant, BSDA and branch; together they replace what the same four held before."""

    table: str
    tenant: str
    bsda: str
    branch: str
    digest: str
    """Of the rows: a load that is already there with this digest changes nothing."""
    parquet: bytes = field(repr=False)
    uri: str
    """Where the same bytes lie in the object store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What a load did."""

    rows: int
    changed: bool
    """False: the same rows were there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rows of a table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int


class Warehouse(Protocol):
    """Where tables land."""

    def land(self, load: Load) -> Landed:
        """Load once: atomic, and the same load again changes nothing. New columns are added as nullable."""

    def preview(self, table: str, *, limit: int = 5) -> Preview:
        """The first rows, in a stable order. Raises ConfigurationError for a table that is not there."""

    def tables(self) -> tuple[str, ...]:
        """The landed tables, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextContent:
    """A piece of the document as the model reads it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContent:
    """A picture for the model."""

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An earlier answer to the same request, and what was wrong with it."""

    answer: dict[str, Any] | None = field(repr=False)
    """The tool call's input as it came; None where the model called no tool."""
    text: str = field(repr=False)
    """What it said beside."""
    fault: str = field(repr=False)
    """What the model is told of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One call: what a model is sent, and what a deterministic provider reads instead."""

    work_item: str
    run_id: str
    prompt: Prompt
    document: Document = field(repr=False)
    system: str = field(repr=False)
    content: tuple[TextContent | ImageContent, ...] = field(repr=False)
    tool_name: str
    tool_schema: dict[str, Any] = field(repr=False)
    """JSON schema of an ``Answer`` for this prompt."""
    max_output_tokens: int
    tier: ModelTier = ModelTier.MAIN
    call: int = 1
    """The n-th call of the work item."""
    purpose: Purpose = "rows"
    turns: tuple[Turn, ...] = field(default=(), repr=False)
    """What was answered before and must be mended now; empty for a first call."""
    listen: Callable[[], Callable[[str], None]] | None = field(default=None, repr=False)
    """Called for each try, for what is told each piece of its answer; a provider that can't stream never calls it."""


class ModelProvider(Protocol):
    """Answers one request of one service. It never retries, waits or falls back: the engine owns that."""

    @property
    def name(self) -> str:
        """As settings call it."""

    def model(self, tier: ModelTier) -> str:
        """The model that answers a tier; part of a work item's identity. Raises ConfigurationError."""

    def capacity(self, tier: ModelTier) -> str:
        """What shares one quota, such as ``vertex/my-project/asia-northeast1/claude-sonnet-4-6``; empty: no limit."""

    def worst_case_microusd(self, request: CompletionRequest) -> int:
        """The most that this call can cost, without asking anybody."""

    async def complete(self, request: CompletionRequest) -> Reply:
        """The reply as it was paid for.

        Raises:
            UnavailableError: trying again may help; a ``ProviderUnavailableError`` says what kept it, and whether the
                call may be billed all the same.
            ConfigurationError: credentials, model or region are wrong.
            DataError: the request itself is refused, such as a document that is too long.
        """

    async def close(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """One request as a batch carries it."""

    line: bytes = field(repr=False)
    """JSON without its id; as large as it is sent."""
    model: str
    worst_case_microusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What came of one request of a batch."""

    call: SentCall
    reply: Reply | None
    """Priced as part of a batch; None where nothing was answered and nothing is charged."""
    why: str = ""
    """Why there is no reply: ``errored``, ``expired``, ``canceled``, ``missing``."""


class BatchService(Protocol):
    """Many requests at once at a lower price, answered when the service finds the time.

    Every method raises UnavailableError where asking again may help, and ConfigurationError where it can't.
    """

    @property
    def name(self) -> str:
        """Of the provider."""

    @property
    def max_requests(self) -> int:
        """Of one batch."""

    @property
    def max_bytes(self) -> int:
        """Of one batch."""

    def prepare(self, request: CompletionRequest) -> BatchLine:
        """A request as the batch carries it. Raises WorkItemError for what can't be sent."""

    async def submit(self, record: BatchRecord, lines: Sequence[BatchLine]) -> str:
        """Send a batch, a line for each of its calls; the service's name for it. Never tried anew inside.

        Raises:
            UnavailableError: nobody knows whether it was taken; ``find`` tells.
        """

    async def find(self, record: BatchRecord, known: Collection[str]) -> str | None:
        """A batch whose sending was not answered; None when the service did not take it.

        Args:
            known: the service's names of batches that belong to other records.
        """

    async def is_over(self, handle: str) -> bool:
        """Whether all of it is decided."""

    async def cancel(self, handle: str) -> None:
        """Ask it to end; what is answered by then stays answered. Cancelling what is over does nothing."""

    def answers(self, record: BatchRecord) -> AsyncIterator[BatchAnswer]:
        """What came of each call of a batch that is over, in any order."""

    async def close(self) -> None:
        """Release connections."""


class CallJournal(Protocol):
    """Told of each call of one work item before it leaves and as it comes back. ``claims`` keeps it."""

    async def sending(self, call: SentCall) -> None:
        """Before any byte leaves. Raises UnavailableError, and then nothing may be sent: the item is another's."""

    async def unanswered(self, call: SentCall, *, may_be_billed: bool) -> None:
        """No reply came of it."""

    async def answered(self, reply: Reply) -> None:
        """Keep the reply, before anything looks into it."""


class Completer(Protocol):
    """The engine as conversion sees it: one question, one paid reply, however many services had to be tried."""

    @property
    def name(self) -> str:
        """Of the first provider of the chain; part of a work item's identity."""

    def model(self, tier: ModelTier) -> str:
        """The first provider's model of a tier; part of a work item's identity."""

    async def ask(self, request: CompletionRequest, journal: CallJournal) -> Reply:
        """The reply, which the journal has kept already.

        Raises:
            UnavailableError: no provider of the chain answered in time.
            ConfigurationError: no provider is configured so that it could answer; also for a budget that is used up.
            DataError: the request itself is refused.
        """

    async def close(self) -> None:
        """Release connections, and give back what was reserved."""


class JobBackend(Protocol):
    """Where job executions run. ``start`` is an effect: no caller ever retries it blindly."""

    @property
    def name(self) -> str:
        """As settings call it."""

    @property
    def max_tasks(self) -> int:
        """How many parallel tasks one execution may have; 1: it can't run several."""

    @property
    def job_tasks(self) -> int:
        """How many the settings ask for; 0: chosen from the work."""

    def start(self, request: JobRequest, run_id: str) -> ExecutionHandle:
        """Start one execution of the job for a run."""

    def find(self, request: JobRequest, run_id: str, *, marker: str = "") -> ExecutionHandle | None:
        """The execution of a run whose handle was lost; None when the platform knows of none.

        Args:
            marker: the name that the execution itself left in its first message; empty when it left none.
        """

    def status(self, handle: ExecutionHandle) -> ExecutionStatus:
        """How it stands. An error of the platform raises UnavailableError and says nothing about the execution."""

    def cancel(self, handle: ExecutionHandle) -> None:
        """Ask it to stop; return without waiting. Cancelling what is over does nothing."""

    def logs(self, handle: ExecutionHandle) -> str:
        """The last lines of its log, for a diagnosis; empty when there are none to be had."""


class ExecutionWatch(Protocol):
    """How many executions stand, asked from one event loop: the trigger's side of a backend."""

    async def statuses(self, handles: Sequence[ExecutionHandle]) -> dict[str, ExecutionStatus]:
        """By handle name, how each stands, in as few calls as the platform allows.

        One that the platform did not tell of is left out. Raises UnavailableError, which says nothing about any.
        """

    async def close(self) -> None:
        """Release connections."""


class Clock(Protocol):
    """Time, so that tests own it."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
