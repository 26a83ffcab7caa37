"""Writing a run's messages to the object store while it works. Mirrors ``execution.messages``.

A message channel must never harm the work it tells of: nothing here raises into the job, and no call but ``flush`` and
the exit waits for the store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, Self

from llm_convert.contracts import keys
from llm_convert.contracts.messages import Closed, ItemDone, Log, Message, Opened, Progress, Tokens
from llm_convert.contracts.report import ItemReport
from llm_convert.contracts.usage import Usage
from llm_convert.errors import EXIT_OK, LlmConvertError, PreconditionFailedError, exit_code_of
from llm_convert.objects import to_jsonl
from llm_convert.ports import Clock, ObjectStore
from llm_convert.settings import TaskPlace

log = logging.getLogger(__name__)


class MessageWriter:
    """One stream: one task, one attempt. Thread-safe. Use it as a context manager: leaving it closes the stream.

    Messages are buffered and written as numbered batches, by a daemon thread every ``flush_seconds``, earlier when
    ``flush_messages`` have gathered, and on exit. A batch is frozen before its first try and keeps its number and its
    bytes until it is stored: a write whose answer was lost is recognised and not repeated under the next number.

    Whoever creates batch 0 owns the stream. A process that finds its stream taken, because the same run was started
    twice, writes as the next attempt.

    Args:
        clock: stamps the messages.
        flush_seconds: real time between two flushes.
        flush_messages: how many messages make a batch; no batch is larger.
        closing_seconds: how long leaving may take when the store does not answer. What is then unwritten is lost, and
            the reader hears silence instead of a close.
    """

    def __init__(
        self,
        store: ObjectStore,
        tenant: str,
        bsda: str,
        run_id: str,
        *,
        task: TaskPlace,
        clock: Clock,
        flush_seconds: float = 1.0,
        flush_messages: int = 500,
        closing_seconds: float = 5.0,
    ) -> None:
        self._store, self._clock, self._task = store, clock, task
        self._tenant, self._bsda, self._run_id = tenant, bsda, run_id
        self._flush_seconds, self._flush_messages, self._closing_seconds = (
            flush_seconds,
            flush_messages,
            closing_seconds,
        )
        self._lock = threading.Lock()
        """Guards the buffer and the counters; never held while the store is asked."""
        self._writing = threading.Lock()
        """Held by whoever writes batches."""
        self._failing = False
        self._buffer: list[Message] = []
        self._outgoing: bytes | None = None
        self._sequence = self._batch = self._items = 0
        self._attempt = task.attempt
        self._closed = False
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_flushing, name="llm-convert-messages", daemon=True)

    def opened(self, *, tenant: str, bsda: str, provider: str, items: int, execution: str = "") -> None:
        """The first message: who works on how many items."""
        self._emit(
            Opened,
            run_id=self._run_id,
            tenant=tenant,
            bsda=bsda,
            provider=provider,
            execution=execution or self._task.execution,
            items=items,
            tasks=self._task.count,
        )

    def progress(self, *, done: int, total: int, rows: int, usage: Usage, seconds_left: float | None = None) -> None:
        """How far the task is."""
        self._emit(Progress, done=done, total=total, rows=rows, usage=usage, seconds_left=seconds_left)

    def item(self, item: ItemReport) -> None:
        """A work item has ended."""
        with self._lock:
            self._items += item.work_item is not None
        self._emit(ItemDone, item=item)

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        """A line for a person, without document text."""
        self._emit(Log, level=level, text=text)

    def tokens(self, *, work_item: str, call: int, piece: int, delta: str) -> None:
        """A piece of an answer. It holds document text."""
        self._emit(Tokens, work_item=work_item, call=call, piece=piece, delta=delta)

    def closed(self, *, exit_code: int, reason: str = "", items: int | None = None) -> None:
        """The last message; what comes after it is dropped.

        Args:
            exit_code: that of this process.
            reason: why, for a person; empty for a clean end.
            items: work items that have an outcome; by default those that ``item`` told of.
        """
        self._emit(Closed, last=True, exit_code=exit_code, reason=reason, items=self._items if items is None else items)

    def flush(self) -> bool:
        """Write what is buffered; False when the store failed, and then it is kept for the next flush."""
        with self._writing:
            try:
                while self._freeze():
                    self._write_outgoing()
            except Exception as error:  # noqa: BLE001 - telling of the work must not end the work
                if not self._failing:
                    # Once an outage, and the type alone: an error's text may hold what the messages hold.
                    log.warning("messages can't be written (%s); they are kept and tried again", type(error).__name__)
                self._failing = True
                return False
            self._failing = False
            return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the stream as the block ended, unless ``closed`` was called, and write what is left."""
        self.closed(exit_code=_exit_code(error), reason=_reason(error))
        until = time.monotonic() + self._closing_seconds
        self._stop.set()
        self._wake.set()
        self._thread.join(self._closing_seconds)
        # A thread that still hangs in the store holds the writing lock: waiting for it would never end.
        while not self._thread.is_alive() and not self.flush() and time.monotonic() < until:
            time.sleep(min(0.2, self._closing_seconds))

    def _emit(self, kind: type[Any], *, last: bool = False, **fields: Any) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = last
            now = self._clock.now().isoformat(timespec="milliseconds")
            self._buffer.append(kind(sequence=self._sequence, at=now, **fields))
            self._sequence += 1
            full = len(self._buffer) >= self._flush_messages
        if full:
            self._wake.set()

    def _freeze(self) -> bool:
        """Make the next batch unless one is waiting; False when there is nothing to write."""
        if self._outgoing is None:
            with self._lock:
                batch: Sequence[Message] = self._buffer[: self._flush_messages]
                del self._buffer[: self._flush_messages]
            self._outgoing = to_jsonl(list(batch)) if batch else None
        return self._outgoing is not None

    def _write_outgoing(self) -> None:
        assert self._outgoing is not None
        while True:
            key = keys.message_batch(
                self._tenant, self._bsda, self._run_id, task=self._task.index, attempt=self._attempt, batch=self._batch
            )
            try:
                self._store.create(key, self._outgoing)
            except PreconditionFailedError:
                if self._store.read(key).data != self._outgoing:
                    if self._batch > 0:
                        raise
                    self._attempt += 1
                    continue
            self._outgoing = None
            self._batch += 1
            return

    def _keep_flushing(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            if not self.flush():
                # Without this pause a full buffer would ask a failing store anew with every message.
                self._stop.wait(self._flush_seconds)


def _exit_code(error: BaseException | None) -> int:
    if error is None:
        return EXIT_OK
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return exit_code_of(error)


def _reason(error: BaseException | None) -> str:
    """Our own errors in their words; of others the type alone, since their text may be a document's."""
    if error is None or isinstance(error, SystemExit):
        return ""
    return str(error) if isinstance(error, LlmConvertError) else type(error).__name__
