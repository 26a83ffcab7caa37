"""Shows a job's messages as they come, for the demo."""

from __future__ import annotations

from llm_convert.contracts import keys
from llm_convert.contracts.messages import Log, Message, Opened, Progress
from llm_convert.contracts.report import format_usd
from llm_convert.execution.messages import MessageReader
from llm_convert.ports import ObjectStore


class ProgressPrinter:
    """Prints what runs of one night say, but nothing that runs before it said."""

    def __init__(self, store: ObjectStore, tenant: str, bsda: str) -> None:
        self._store = store
        self._tenant = tenant
        self._bsda = bsda
        self._readers: dict[str, MessageReader] = {}
        self._old = self._runs()

    def show(self) -> None:
        """Print what has come since the last time."""
        for run_id in sorted(self._runs() - self._old):
            if run_id not in self._readers:
                self._readers[run_id] = MessageReader(self._store, self._tenant, self._bsda, run_id)
            lines = [line for message in self._readers[run_id].poll() if (line := said(message)) is not None]
            for line in lines:
                print(f"    {line}", flush=True)

    def _runs(self) -> set[str]:
        prefix = f"{keys.night(self._tenant, self._bsda)}/run/"
        return {info.key.removeprefix(prefix).partition("/")[0] for info in self._store.list(prefix)}


def said(message: Message) -> str | None:
    """A message in one line; None for those that a watcher does not need."""
    match message:
        case Opened():
            return f"job opened: {message.items} work items, provider {message.provider}, process {message.execution}"
        case Progress():
            left = "" if message.seconds_left is None else f", about {message.seconds_left:.0f} s left"
            return (
                f"{message.done} of {message.total} documents, {message.usage.calls} calls, {message.rows:,} rows, "
                f"{format_usd(message.usage.cost_microusd)} USD{left}"
            )
        case Log():
            return f"{message.level}: {message.text}"
        case _:
            return None
