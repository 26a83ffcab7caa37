"""The job's messages: how a run tells its progress while it works. This is a wire format with its own version.

One stream a task and attempt: ``opened``, then ``progress``, ``item``, ``log``, ``tokens``, then ``closed``. A stream
without a ``closed`` did not end by itself. The JSON schema beside this module is what other software reads them by; a
test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from llm_convert.contracts.base import Contract
from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.usage import Usage

PROTOCOL_VERSION: Literal[1] = 1


class _Message(Contract):
    version: Literal[1] = PROTOCOL_VERSION
    sequence: int = Field(ge=0)
    """Counts from 0 within the stream, without gaps."""
    at: str
    """ISO 8601, UTC."""


class Opened(_Message):
    """The first message: who works on what."""

    type: Literal["opened"] = "opened"
    run_id: str
    tenant: str
    bsda: str
    provider: str
    execution: str = ""
    """The platform's name for the execution: a Cloud Run execution, or ``pid@host``."""
    items: int
    """Work items this task will walk."""
    tasks: int = Field(default=1, ge=1)
    """Parallel tasks of the execution: as many streams must close."""


class Progress(_Message):
    """How far the task is."""

    type: Literal["progress"] = "progress"
    done: int
    total: int
    rows: int
    usage: Usage
    seconds_left: float | None = None
    """An estimate from the pace so far; None before there is one."""


class ItemDone(_Message):
    """A work item has ended."""

    type: Literal["item"] = "item"
    item: ItemReport


class Log(_Message):
    """A line a person should see. It never holds document text."""

    type: Literal["log"] = "log"
    level: Literal["info", "warning", "error"]
    text: str


class Tokens(_Message):
    """A piece of an answer as it came; told only where the settings ask for it, for it holds document text."""

    type: Literal["tokens"] = "tokens"
    work_item: str
    call: int = Field(ge=1)
    """The n-th try of the work item in this process; pieces of different tries belong to different answers."""
    piece: int = Field(ge=0)
    """Counts from 0 within the call, without gaps."""
    delta: str = Field(repr=False)


class Closed(_Message):
    """The last message: the task ended by itself."""

    type: Literal["closed"] = "closed"
    exit_code: int
    reason: str = ""
    items: int
    """Work items that have an outcome; a clean run has as many as it opened with."""


Message = Annotated[Opened | Progress | ItemDone | Log | Tokens | Closed, Field(discriminator="type")]
MessageAdapter: TypeAdapter[Message] = TypeAdapter(Message)
