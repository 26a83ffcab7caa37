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
    its execution, finished or not, and a person who clears a finished task gets a new one.
    """
    clearing = max(0, (getattr(ti, "max_tries", 0) or 0) - (retries or 0))
    map_index = ti.map_index if ti.map_index is not None else -1
    numbers = (0, clearing) if clearing else (0,)
    return tuple(launch_key(ti.dag_id, ti.run_id, ti.task_id, map_index, clearing=number) for number in numbers)


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

    def launch(self, launch_keys: tuple[str, ...]) -> Launched:
        """Find the running execution, else a finished one under the last key, else start one.

        Raises:
            InterruptedByPlatformError: ``cancel`` was called meanwhile.
        """
        from llm_convert import wiring
        from llm_convert.execution.launch import launch_or_attach

        for key in launch_keys:
            self.request = self.request.model_copy(update={"launch_key": key})
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

    def watch(self) -> RunSummary:
        """Wait for the execution's verdict, telling its messages in the log as they come.

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
                deadline_seconds=self.settings.job_timeout_seconds,
                on_message=_tell,
            )
        except ExecutionCancelledError:
            if self.cancelled:
                raise InterruptedByPlatformError("the task was killed; its execution is cancelled") from None
            raise
        summary = self._summary(report, attached=self.launched.attached)
        log.info("%s", summary_line(summary))
        return summary

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
            results_uri=self.store.locate(f"{keys.tenant_prefix(self.request.tenant)}/work"),
        )


def _tell(message: Message) -> None:
    level, line = said(message)
    log.log(level, "%s", line)
