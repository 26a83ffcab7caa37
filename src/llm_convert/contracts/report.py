"""The run's committed account, and the small result that Airflow keeps of it."""

from __future__ import annotations

from collections import Counter

from pydantic import Field

from llm_convert.contracts.base import Contract
from llm_convert.contracts.bsda import Bsda
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Cause, Outcome


class ItemReport(Contract):
    """One line of the report: a work item, or a document that became none."""

    document: str
    source: str
    sha256: str
    file_id: str | None = None
    prompt_id: str | None = None
    work_item: str | None = None
    outcome: Outcome
    cause: Cause | None = None
    detail: str = ""
    rows: int = 0
    quarantined: int = 0
    reused: bool = False
    """Done by an earlier run; nothing was called or paid now."""
    optional: bool = False
    usage: Usage = Usage()
    """What this run used, and what tries of its launch used that were killed before they could leave a report. So the
    usage of all reports together is the bill, but for calls in doubt."""
    seconds: float = 0.0
    provider: str = ""
    """Who answered; empty when nobody was asked."""
    model: str = ""
    strategy: str = ""
    """How the rows were had: ``kept``, ``rules``, ``program`` or ``direct``; empty where there are none."""
    drift: str = ""
    """How the layout had changed from that of the nearest kept program; empty where it had not."""
    in_doubt_calls: int = 0
    """Calls whose reply never came and that may have been charged; not in ``usage``."""
    in_doubt_microusd: int = 0
    """The most that they can have cost."""

    @property
    def counts_against_run(self) -> bool:
        """Whether ``check`` is red for it."""
        return not self.optional and (self.outcome in {Outcome.FAILED, Outcome.CLARIFY} or self.quarantined > 0)


class Report(Contract):
    """The commit marker of a run: readers read runs that have one."""

    tenant: str
    bsda: Bsda
    run_id: str
    provider: str
    file_id: str | None = None
    prompt_id: str | None = None
    started_at: str
    """ISO 8601, UTC."""
    finished_at: str
    items: tuple[ItemReport, ...] = ()
    usage: Usage = Usage()
    max_failed_fraction: float = Field(default=0.5, ge=0, le=1)

    def count(self, outcome: Outcome) -> int:
        """How many items ended so."""
        return sum(item.outcome is outcome for item in self.items)

    @property
    def strategies(self) -> dict[str, int]:
        """How many items were converted by which strategy."""
        return dict(sorted(Counter(item.strategy for item in self.items if item.strategy).items()))

    @property
    def drifted(self) -> int:
        """How many items' layouts had changed from what a kept program knows."""
        return sum(bool(item.drift) for item in self.items)

    @property
    def failed_fraction(self) -> float:
        """The share of failed work items, optional ones left out; 0 when there are none."""
        counted = [item for item in self.items if item.work_item is not None and not item.optional]
        failed = sum(item.outcome is Outcome.FAILED for item in counted)
        return failed / len(counted) if counted else 0.0


class ReportPart(Contract):
    """What one of an execution's parallel tasks says of itself; the lines that it saw ended follow as JSON lines.

    The parts together make the report. Two may tell of one line, where a task took over from another: they tell the
    same.
    """

    task: int = Field(ge=0)
    tasks: int = Field(ge=1)
    positions: int = Field(default=0, ge=0)
    """How many lines the whole report will have."""
    started_at: str
    """ISO 8601, UTC."""
    finished_at: str
    routing: Usage = Usage()
    """Paid by this task to choose the kind of documents that no rule names."""


class RunSummary(Contract):
    """What an Airflow task returns: small enough for XCom."""

    run_id: str
    execution: str = ""
    attached: bool = False
    """Found running or done instead of started."""
    succeeded: int = 0
    failed: int = 0
    clarify: int = 0
    skipped: int = 0
    reused: int = 0
    rows: int = 0
    quarantined: int = 0
    strategies: dict[str, int] = Field(default_factory=dict)
    """How many documents were converted by which strategy."""
    drifted: int = 0
    """Documents whose layout had changed from what a kept program knows."""
    calls: int = 0
    cost_usd: str = "0.000000"
    """Decimal text, to the micro-dollar."""
    report_uri: str = ""
    results_uri: str = ""

    @classmethod
    def of(cls, report: Report, *, execution: str, attached: bool, report_uri: str, results_uri: str) -> RunSummary:
        """The summary of a committed report."""
        return cls(
            run_id=report.run_id,
            execution=execution,
            attached=attached,
            succeeded=report.count(Outcome.SUCCEEDED),
            failed=report.count(Outcome.FAILED),
            clarify=report.count(Outcome.CLARIFY),
            skipped=report.count(Outcome.SKIPPED),
            reused=sum(item.reused for item in report.items),
            rows=sum(item.rows for item in report.items),
            quarantined=sum(item.quarantined for item in report.items),
            strategies=report.strategies,
            drifted=report.drifted,
            calls=report.usage.calls,
            cost_usd=format_usd(report.usage.cost_microusd),
            report_uri=report_uri,
            results_uri=results_uri,
        )


def format_usd(microusd: int) -> str:
    """Micro-dollars as decimal dollars: 1234567 is ``1.234567``."""
    return f"{microusd // 1_000_000}.{microusd % 1_000_000:06d}"
