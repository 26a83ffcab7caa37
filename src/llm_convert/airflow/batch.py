"""One conversion from a task: ask for it, watch it, sum it up, cancel it. What operators and functions share.

It composes a job backend, any of them, and subclasses no vendor's operator.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_convert.airflow.lines import said, summary_line
from llm_convert.contracts import keys
from llm_convert.contracts.report import Report, RunSummary
from llm_convert.errors import InterruptedByPlatformError

if TYPE_CHECKING:
    from llm_convert.airflow.waiting import Ended
    from llm_convert.contracts.launch import JobRequest
    from llm_convert.contracts.messages import Message
    from llm_convert.execution.launch import Launched
    from llm_convert.ports import JobBackend, ObjectStore
    from llm_convert.settings import Settings

log = logging.getLogger(__name__)


def launch_key(dag_id: str, run_id: str, task_id: str, map_index: int, *, clearing: int = 0) -> str:
    """What finds a task's execution again: the same for every try, another after a person cleared the task.

    ``clearing`` is 0 before the task was ever cleared, then a number that each clearing raises.
    """
    parts = [dag_id, run_id, task_id, str(map_index), *([str(clearing)] if clearing else [])]
    return f"af-{hashlib.sha256(chr(31).join(parts).encode()).hexdigest()[:12]}"


def launch_keys(ti: Any, retries: int | None) -> tuple[str, ...]:
    """The launch keys of a task instance in the order to try: a finished execution under all but the last is left.

    Clearing a task raises its ``max_tries`` to its tries so far plus its retries; a retry leaves it. So a retry finds
    its execution, finished or not, and a person who clears a finished task gets a new one. The keys between the first
    and the last are those of clearings before; most of them were never used.
    """
    clearing = max(0, (getattr(ti, "max_tries", 0) or 0) - (retries or 0))
    map_index = ti.map_index if ti.map_index is not None else -1
    return tuple(
        launch_key(ti.dag_id, ti.run_id, ti.task_id, map_index, clearing=number) for number in range(clearing + 1)
    )


@dataclass(slots=True, kw_only=True)
class Batch:
    """One conversion; it remembers its execution, so that a signal handler can cancel it."""

    store: ObjectStore
    backend: JobBackend
    settings: Settings
    request: JobRequest
    launched: Launched | None = field(default=None, init=False)
    cancelled: bool = field(default=False, init=False)

    @property
    def report_uri(self) -> str:
        """Where the report is, or will be; empty before the launch."""
        if self.launched is None:
            return ""
        return self.store.locate(keys.report(self.request.tenant, self.request.bsda, self.launched.run_id))

    @property
    def night_uri(self) -> str:
        """Where all of the tenant's BSDA lies in the store: manifests, runs and steps."""
        return self.store.locate(keys.night(self.request.tenant, self.request.bsda))

    def launch(self, launch_keys: tuple[str, ...]) -> Launched:
        """Find the running execution, else a finished one under the last key, else start one.

        Raises:
            InterruptedByPlatformError: ``cancel`` was called meanwhile.
        """
        from llm_convert import wiring
        from llm_convert.execution.launch import launch_or_attach, newest_attempt

        for number, key in enumerate(launch_keys, start=1):
            self.request = self.request.model_copy(update={"launch_key": key})
            if 1 < number < len(launch_keys) and not newest_attempt(self.store, self.request):
                continue
            found = launch_or_attach(self.store, self.backend, self.request, clock=wiring.open_clock())
            self.launched = found
            if found.finished is None:
                break
        if self.cancelled:
            self.cancel()
            raise InterruptedByPlatformError("the task was killed while its execution started; it is cancelled")
        log.info(
            "%s run %s, execution %s", "attached to" if found.attached else "started", found.run_id, self.execution
        )
        return found

    @property
    def execution(self) -> str:
        """The platform's name for the execution."""
        return self.launched.handle.name if self.launched else ""

    def watch(self, *, told: bool = False, deadline_seconds: float | None = None) -> RunSummary:
        """Wait for the execution's verdict, telling its messages in the log as they come.

        Args:
            told: its messages stand in the log already; a trigger told them.
            deadline_seconds: how long it may take, counted from its intent; by default what the settings say.

        Raises:
            InterruptedByPlatformError: ``cancel`` was called: the task was killed, so trying again may help.
            ExecutionError: the execution did not end well.
        """
        from llm_convert import wiring
        from llm_convert.execution.errors import ExecutionCancelledError
        from llm_convert.execution.watch import watch

        if self.launched is None:
            raise AssertionError("watch comes after launch")
        try:
            report = watch(
                self.store,
                self.backend,
                self.launched,
                self.request,
                clock=wiring.open_clock(),
                poll_seconds=self.settings.poll_seconds,
                deadline_seconds=self.settings.job_timeout_seconds if deadline_seconds is None else deadline_seconds,
                on_message=_keep_silent if told else _tell,
            )
        except ExecutionCancelledError:
            if self.cancelled:
                raise InterruptedByPlatformError("the task was killed; its execution is cancelled") from None
            raise
        summary = self._summary(report, attached=self.launched.attached)
        log.info("%s", summary_line(summary))
        return summary

    def judge(self, ended: Ended) -> RunSummary:
        """The verdict on an execution that a trigger waited for; waits for it here where the trigger could not.

        Raises:
            ExecutionTimedOutError: the trigger cancelled it past its deadline, and it did not end well.
            InterruptedByPlatformError: ``cancel`` was called: the task was killed, so trying again may help.
            ExecutionError: the execution did not end well.
        """
        from llm_convert.execution.errors import ExecutionError, ExecutionTimedOutError

        if ended.status == "unwatched":
            log.warning("the triggerer can't watch the execution, so this worker does: %s", ended.detail)
        deadline_seconds = ended.waiting.deadline_seconds
        try:
            return self.watch(told=ended.told, deadline_seconds=deadline_seconds)
        except ExecutionError as error:
            if ended.status != "timed_out":
                raise
            raise ExecutionTimedOutError(
                deadline_seconds=round(deadline_seconds, 1),
                cancelled=ended.cancelled or getattr(error, "cancelled", True),
                detail=ended.detail,
                log=ended.waiting.handle.log_url,
            ) from error

    def cancel(self) -> None:
        """Cancel the execution; one that is just being started is cancelled as soon as it is known."""
        self.cancelled = True
        if self.launched is not None:
            self.backend.cancel(self.launched.handle)

    def _summary(self, report: Report, *, attached: bool) -> RunSummary:
        return RunSummary.of(
            report,
            execution=self.execution,
            attached=attached,
            report_uri=self.report_uri,
            results_uri=self.store.locate(keys.work_items(self.request.tenant)),
        )


def _tell(message: Message) -> None:
    if (line := said(message)) is not None:
        log.log(line[0], "%s", line[1])


def _keep_silent(message: Message) -> None:
    """For messages that were told before; the watcher reads them all the same, for how their streams closed."""
