"""One work item with all that its replies are judged by, and what one strategy can make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llm_convert.contracts.calls import Attempt
from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import ModelTier, Prompt, Strategy
from llm_convert.contracts.usage import Usage
from llm_convert.contracts.work import Failure, Reply, Result, WorkItem
from llm_convert.ports import CompletionRequest
from llm_convert.programs import KeptProgram

MOST_DIFFERENCES = 3
"""That are told to a person; a model is told more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A kept program that is not taken although the document looks like those of its layout."""

    kept: KeptProgram
    wrong: tuple[str, ...]
    """How the layout has changed; where it has not, what is not proven."""
    fits: bool
    """Whether the layout is the kept one, and it is the rows that are not proven."""

    @property
    def said(self) -> str:
        """In one line."""
        of = f"the kept program {self.kept.id} (version {self.kept.version})"
        what = f"{of} fits and is not proven" if self.fits else f"the layout has drifted from that of {of}"
        more = f" (and {len(self.wrong) - MOST_DIFFERENCES} more)" if len(self.wrong) > MOST_DIFFERENCES else ""
        return f"{what}: {'; '.join(self.wrong[:MOST_DIFFERENCES])}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A strategy leaves the item to the next one."""

    why: str
    drift: Drift | None = None
    told: bool = True
    """Whether a person should hear of it when a later strategy succeeds; False: it did not apply."""


Step = Result | Failure | CompletionRequest | Passed
"""What a strategy makes of the replies so far: an ending, one more question, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One work item with all that its replies are judged by."""

    item: WorkItem
    prompt: Prompt
    document: Document
    run_id: str
    bsda: str
    max_output_tokens: int
    repairs: int
    """Further calls that may be made to mend an answer."""
    larger: Callable[[ModelTier], ModelTier | None]
    """The tier whose model the last repair goes to; None where there is none that is larger."""
    notes: tuple[str, ...] = ()
    """What a person should know of the strategies that were tried before."""
    tried: tuple[str, ...] = ()
    """Each strategy that was tried before, and why it did not succeed."""
    drift: Drift | None = None

    @property
    def has_sheets(self) -> bool:
        """Whether the document holds any table of cells; letters and pictures do not."""
        return next(self.document.sheets, None) is not None

    def after(self, strategy: Strategy, passed: Passed) -> Case:
        """The case for the next strategy."""
        return replace(
            self,
            notes=(*self.notes, passed.why) if passed.told else self.notes,
            tried=(*self.tried, f"{strategy.value}: {passed.why}"),
            drift=passed.drift or self.drift,
        )


def usage_of(replies: Sequence[Reply]) -> Usage:
    """Of all replies together."""
    return sum((reply.usage for reply in replies), Usage())


def attempts_of(replies: Sequence[Reply]) -> tuple[Attempt, ...]:
    """Every try that led to the replies, in order."""
    return tuple(attempt for reply in replies for attempt in reply.attempts)
