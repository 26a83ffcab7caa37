"""All that converting needs beside the item itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from llm_convert.claims.heartbeat import Heartbeat
from llm_convert.claims.ledger import Ledger
from llm_convert.clock import SystemClock
from llm_convert.contracts.prompt import ModelTier, Strategy
from llm_convert.conversion.turns import LayoutTurns
from llm_convert.documents import ReadOptions
from llm_convert.ports import Clock, Completer, ObjectStore
from llm_convert.programs import Shelf

_LARGER = {ModelTier.FAST: ModelTier.MAIN, ModelTier.MAIN: ModelTier.STRONG}


class Listener(Protocol):
    """Hears answers as they come."""

    def begin(self, work_item: str) -> Callable[[str], None]:
        """A try begins; what is told each piece of its answer."""

    def end(self, work_item: str) -> None:
        """The call is over, whatever came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What one process converts its items with."""

    store: ObjectStore
    ledger: Ledger
    heartbeat: Heartbeat
    engine: Completer
    reading: ReadOptions
    run_id: str
    bsda: str
    max_output_tokens: int
    strategies: tuple[Strategy, ...]
    """For prompts that do not say."""
    programs: Shelf
    """The tenant's kept programs."""
    turns: LayoutTurns = field(default_factory=LayoutTurns)
    repairs: int = 0
    tier_up: bool = False
    force: bool = False
    untold: frozenset[str] = frozenset()
    """Earlier tries of this launch that left no report: this run's report tells what they paid."""
    clock: Clock = field(default_factory=SystemClock)
    listener: Listener | None = None
    """Told each piece of an answer as it comes; None: nobody listens, and nothing is streamed for its sake."""

    def accepts(self, run_id: str) -> bool:
        """Whether what this run left counts as done: any run's, but for a forced one only its own launch's."""
        return not self.force or run_id.rpartition("-")[0] == self.run_id.rpartition("-")[0]

    def tells_of(self, run_id: str) -> bool:
        """Whether what a run paid is told by this run's report."""
        return run_id == self.run_id or run_id in self.untold

    def larger(self, tier: ModelTier) -> ModelTier | None:
        """The next tier whose model is another one; None where there is none, or it is not wanted."""
        above = _LARGER.get(tier) if self.tier_up else None
        return above if above is not None and self.engine.model(above) != self.engine.model(tier) else None
