"""The strategies of a work item, in order: each gives rows, asks one more question, or leaves it to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from llm_convert.contracts.prompt import Prompt, Strategy
from llm_convert.contracts.work import Reply
from llm_convert.conversion.by_rules import ByRules
from llm_convert.conversion.case import Case, Step
from llm_convert.conversion.direct import Direct
from llm_convert.conversion.kept_program import ByKeptProgram
from llm_convert.conversion.new_program import ByNewProgram
from llm_convert.conversion.workshop import Workshop
from llm_convert.programs import Read


class Converting(Protocol):
    """One strategy for one work item. It asks nobody, and the same replies always lead to the same step."""

    @property
    def name(self) -> Strategy:
        """As prompts and settings call it."""

    @property
    def in_turns(self) -> bool:
        """Whether one document of a layout goes first, because the others gain by what it leaves."""

    def step(self, case: Case, replies: Sequence[Reply], *, seconds: float) -> Step:
        """What it makes of the replies so far.

        Raises:
            WorkItemError: the item ends without rows, for a named cause.
        """

    def taken(self) -> None:
        """Its ending is the item's: remember what later documents gain by. Raises StoreError."""


def strategies_of(prompt: Prompt, workshop: Workshop, read: Read) -> tuple[Converting, ...]:
    """A prompt's own, else those of the settings.

    Args:
        prompt: the item's.
        workshop: what they work with.
        read: reads the item's document; True: with its styles.
    """
    names = prompt.strategies or workshop.strategies
    return tuple(_strategy(name, workshop, read) for name in names)


def _strategy(name: Strategy, workshop: Workshop, read: Read) -> Converting:
    match name:
        case Strategy.KEPT:
            return ByKeptProgram(workshop.programs, read)
        case Strategy.RULES:
            return ByRules()
        case Strategy.PROGRAM:
            return ByNewProgram(workshop.programs, read, provider=workshop.engine.name, clock=workshop.clock)
        case Strategy.DIRECT:
            return Direct()
