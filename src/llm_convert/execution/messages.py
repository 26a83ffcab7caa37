"""Reading the messages of a run while it writes them. Mirrors ``job.messages``; it writes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pydantic import ValidationError

from llm_convert.contracts import keys
from llm_convert.contracts.messages import Closed, Message, MessageAdapter, Opened
from llm_convert.execution.errors import MessageFormatError
from llm_convert.execution.last_seen import LastSeen
from llm_convert.ports import ObjectStore

_BATCH = re.compile(r"(\d{4,})-(\d{2,})/(\d{6,})\.jsonl")

Place = tuple[int, int]
"""A task's index and its attempt: one stream."""


@dataclass(slots=True)
class _Stream:
    next_batch: int = 0
    closed: Closed | None = None
    seen: LastSeen = field(default_factory=LastSeen)


class MessageReader:
    """All streams of one run. Each message comes out once, in the order of its stream.

    Not thread-safe. It may start at any time, also after the run is over, and then reads from the beginning.
    """

    def __init__(self, store: ObjectStore, tenant: str, bsda: str, run_id: str) -> None:
        self._store = store
        self._prefix = keys.messages(tenant, bsda, run_id)
        self._streams: dict[Place, _Stream] = {}
        self._ready: list[Message] = []
        self._tasks = 1

    def poll(self) -> list[Message]:
        """Messages that are new since the last poll; streams in the order of task and attempt.

        A batch is read only after all before it, so a listing that lags leaves no gap.

        Raises:
            StoreError: the store failed. Nothing is lost: the next poll also gives what this one had read.
            MessageFormatError: a batch that this version can't read.
        """
        for place, batches in sorted(self._listed().items()):
            stream = self._streams.setdefault(place, _Stream(seen=LastSeen(task=place[0])))
            while stream.next_batch in batches:
                self._take(batches[stream.next_batch], stream)
                stream.next_batch += 1
        ready, self._ready = self._ready, []
        return ready

    def closed(self) -> dict[int, Closed]:
        """By task index, how its newest attempt closed. A task whose newest attempt has not closed is not in it."""
        newest = {task: stream for (task, _), stream in sorted(self._streams.items())}
        return {task: stream.closed for task, stream in newest.items() if stream.closed is not None}

    @property
    def last_seen(self) -> LastSeen | None:
        """How far the first task was that did not close; None when all that spoke closed."""
        newest = {task: stream for (task, _), stream in sorted(self._streams.items())}
        open_ = [stream.seen for _, stream in sorted(newest.items()) if stream.closed is None]
        return open_[0] if open_ else None if newest else LastSeen()

    @property
    def tasks(self) -> int:
        """How many tasks the execution has, as far as its messages tell; at least 1."""
        return self._tasks

    def _listed(self) -> dict[Place, dict[int, str]]:
        found: dict[Place, dict[int, str]] = {}
        for info in self._store.list(self._prefix):
            match = _BATCH.fullmatch(info.key.removeprefix(self._prefix))
            if match:
                found.setdefault((int(match[1]), int(match[2])), {})[int(match[3])] = info.key
        return found

    def _take(self, key: str, stream: _Stream) -> None:
        messages = parse_batch(key, self._store.read(key).data)
        for message in messages:
            stream.seen = stream.seen.after(message)
            if isinstance(message, Closed):
                stream.closed = message
            elif isinstance(message, Opened):
                self._tasks = max(self._tasks, message.tasks)
        self._ready.extend(messages)


def find_marker(store: ObjectStore, tenant: str, bsda: str, run_id: str) -> str:
    """The name of the execution that works on a run, as its first message tells it; empty before there is one.

    Raises:
        StoreError: the store failed.
        MessageFormatError: the first message can't be read by this version.
    """
    prefix = keys.messages(tenant, bsda, run_id)
    for info in store.list(prefix):
        match = _BATCH.fullmatch(info.key.removeprefix(prefix))
        if match is None or int(match[3]) != 0:
            continue
        for message in parse_batch(info.key, store.read(info.key).data):
            if isinstance(message, Opened) and message.execution:
                return message.execution
    return ""


def parse_batch(key: str, data: bytes) -> list[Message]:
    """The messages of one batch.

    Raises:
        MessageFormatError: one line is no message of this protocol version. The error names the place, not the content.
    """
    try:
        return [MessageAdapter.validate_json(line) for line in data.split(b"\n") if line]
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"])) or "the line"
        raise MessageFormatError(key=key, detail=f"{place}: {fault['msg']}") from None
