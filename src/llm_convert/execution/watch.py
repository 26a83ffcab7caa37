"""Watching an execution to its end. Nothing here ever starts anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from llm_convert.contracts import keys
from llm_convert.contracts.launch import ExecutionState, ExecutionStatus, JobRequest
from llm_convert.contracts.messages import Message
from llm_convert.contracts.report import Report
from llm_convert.errors import UnavailableError
from llm_convert.execution.errors import ExecutionTimedOutError
from llm_convert.execution.launch import Launched
from llm_convert.execution.messages import MessageReader
from llm_convert.execution.verdict import Verdict, verdict, verdict_of_finished
from llm_convert.objects import find_model
from llm_convert.ports import Clock, JobBackend, ObjectStore

LONGEST_WAIT_SECONDS = 60.0
"""Where the back-off after polling errors ends."""
CANCEL_WAIT_SECONDS = 20.0
"""How long a cancelled execution is watched to its end, so that the next try does not find it still ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one step found: the report of a success, or how long to wait before the next step."""

    report: Report | None = None
    wait_seconds: float = 0.0


def last_words(log: str) -> str:
    """The last line of a job's log; of a structured one its message. At most 300 characters."""
    line = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    try:
        entry = json.loads(line)
    except ValueError:
        return line[:300]
    return str(entry.get("message", line) if isinstance(entry, dict) else line)[:300]


class Watcher:
    """One execution under watch. It never waits: ``watch`` sleeps between its steps, a trigger awaits.

    A watcher that is made anew, as after a retry, hears the messages from the beginning.

    Args:
        launched: from ``launch_or_attach``.
        poll_seconds: between two steps while all is well.
        deadline_seconds: how long the execution may take, counted from its intent; past it, it is cancelled.
        on_message: called for each message, in the order of its stream.
    """

    def __init__(
        self,
        store: ObjectStore,
        backend: JobBackend,
        launched: Launched,
        request: JobRequest,
        *,
        poll_seconds: float,
        deadline_seconds: float,
        on_message: Callable[[Message], None],
    ) -> None:
        self._store, self._backend, self._launched = store, backend, launched
        self._poll_seconds, self._deadline_seconds, self._on_message = poll_seconds, deadline_seconds, on_message
        self._reader = MessageReader(store, request.tenant, request.bsda, launched.run_id)
        self._report_key = keys.report(request.tenant, request.bsda, launched.run_id)
        self._began = launched.intended_at
        self._errors_in_a_row = 0
        self._last_error = ""
        self._cancelled_at: datetime | None = None

    def step(self, now: datetime) -> Look:
        """Look once: hand out new messages, and judge the execution when it is over.

        An error of the platform or the store says nothing about the execution: it only makes the next wait longer.

        Raises:
            ExecutionError: it is over without success, or past its deadline and cancelled.
            MessageFormatError: its messages can't be read by this version.
        """
        if self._launched.finished is not None:
            return Look(report=verdict_of_finished(self._launched.finished).result())
        self._began = self._began or now
        try:
            status, report, messages = self._ask()
        except UnavailableError as error:
            self._errors_in_a_row += 1
            self._last_error = str(error)
        else:
            self._errors_in_a_row, self._last_error = 0, ""
            for message in messages:
                self._on_message(message)
            if status.over:
                return Look(report=self._judge(status, report).result())
        self._hold_the_deadline(now)
        wait = self._poll_seconds * 2.0 ** min(self._errors_in_a_row, 16)
        return Look(wait_seconds=min(wait, max(LONGEST_WAIT_SECONDS, self._poll_seconds)))

    def _ask(self) -> tuple[ExecutionStatus, Report | None, list[Message]]:
        # The status comes first: what an execution that is over has written is all there then. The messages come last:
        # nothing may fail between reading them and handing them out.
        status = self._backend.status(self._launched.handle)
        report = find_model(self._store, self._report_key, Report) if status.over else None
        return status, report, self._reader.poll()

    def _judge(self, status: ExecutionStatus, report: Report | None) -> Verdict:
        log = self._launched.handle.log_url
        closed = self._reader.closed()
        if status.state is ExecutionState.FAILED and not closed and not status.detail:
            # It failed before it could say why in a message, as for a setting that can't be read.
            status = status.model_copy(update={"detail": self._last_words()})
        found = verdict(
            status,
            closed,
            report,
            tasks=self._reader.tasks,
            log=log,
            execution=self._launched.handle.name,
            seen=self._reader.last_seen,
            timeout_seconds=self._deadline_seconds,
        )
        return found if found.error is None or self._cancelled_at is None else Verdict(error=self._timed_out())

    def _last_words(self) -> str:
        handle = self._launched.handle
        try:
            log = self._backend.logs(handle)
            # Where a backend has no lines to show it names the log's place, which every error tells anyway.
            return "" if log == handle.log_url else last_words(log)
        except UnavailableError:
            return ""

    def _hold_the_deadline(self, now: datetime) -> None:
        """Cancel past the deadline; give up when even that shows no effect."""
        assert self._began is not None
        late_seconds = (now - self._began).total_seconds() - self._deadline_seconds
        if late_seconds >= 0 and self._cancelled_at is None:
            try:
                self._backend.cancel(self._launched.handle)
                self._cancelled_at = now
            except UnavailableError as error:
                self._last_error = str(error)
        if self._cancelled_at is not None:
            if now - self._cancelled_at >= timedelta(seconds=CANCEL_WAIT_SECONDS):
                raise self._timed_out()
        elif late_seconds >= LONGEST_WAIT_SECONDS:
            raise self._timed_out()

    def _timed_out(self) -> ExecutionTimedOutError:
        return ExecutionTimedOutError(
            deadline_seconds=self._deadline_seconds,
            cancelled=self._cancelled_at is not None,
            detail=self._last_error,
            log=self._launched.handle.log_url,
            seen=self._reader.last_seen,
        )


def watch(
    store: ObjectStore,
    backend: JobBackend,
    launched: Launched,
    request: JobRequest,
    *,
    clock: Clock,
    poll_seconds: float,
    deadline_seconds: float,
    on_message: Callable[[Message], None],
) -> Report:
    """Wait for an execution to end well; its committed report. The arguments are those of ``Watcher``.

    Raises:
        ExecutionError: it is over without success, or past its deadline and cancelled.
        MessageFormatError: its messages can't be read by this version.
    """
    watcher = Watcher(
        store,
        backend,
        launched,
        request,
        poll_seconds=poll_seconds,
        deadline_seconds=deadline_seconds,
        on_message=on_message,
    )
    while True:
        look = watcher.step(clock.now())
        if look.report is not None:
            return look.report
        clock.sleep(look.wait_seconds)
