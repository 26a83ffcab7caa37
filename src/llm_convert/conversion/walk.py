"""A claimed work item's way through its strategies: the first one that succeeds ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from llm_convert.contracts.prompt import Strategy
from llm_convert.contracts.work import Cause, Failure, Reply, Result, WorkItemError
from llm_convert.conversion.case import Case, Passed, Step
from llm_convert.conversion.strategies import Converting
from llm_convert.conversion.turns import LayoutTurns, Look
from llm_convert.ports import CompletionRequest
from llm_convert.programs import sketch_of

Ask = Callable[[CompletionRequest], Awaitable[Reply]]


class Walk:
    """One item on its way.

    Args:
        case: the item as it was read.
        strategies: in order.
        replies: what was paid for it before; each new reply is added as it is paid.
        turns: who has a program written for which layout.
        ask: asks the engine.
        started: when the item was begun, in monotonic seconds.
    """

    def __init__(
        self,
        case: Case,
        strategies: Sequence[Converting],
        replies: list[Reply],
        *,
        turns: LayoutTurns,
        ask: Ask,
        started: float,
    ) -> None:
        self.case = case
        """As far as it went."""
        self._strategies, self._replies = strategies, replies
        self._turns, self._ask, self._started = turns, ask, started

    async def to_the_end(self) -> Result | Failure:
        """How the item ends.

        Raises:
            WorkItemError: it ends without rows, for a named cause; ``no_strategy_left`` names what was tried.
            LlmConvertError: the engine or the store failed.
        """
        left = list(self._strategies)
        while left:
            if self._goes_in_turns(left[0]):
                ended = await self._in_turn(left[0])
                if not isinstance(ended, Passed):
                    return ended
                self.case = self.case.after(left.pop(0).name, ended)
                continue
            # In a thread: proving a large sheet takes seconds, in which other calls must go on.
            step = await asyncio.to_thread(self._advance, left)
            if isinstance(step, CompletionRequest):
                self._turns.decided(self.case.item.id)
                self._replies.append(await self._ask(step))
            elif not isinstance(step, Passed):
                return step
        raise WorkItemError(Cause.NO_STRATEGY_LEFT, "; ".join(self.case.tried) or "no strategy was named")

    def _goes_in_turns(self, strategy: Converting) -> bool:
        return strategy.in_turns and self._kept is not None and self.case.has_sheets

    def _advance(self, left: list[Converting]) -> Step:
        """The next step of the first strategy that has one; those that pass are taken off. A change of threads costs
        more than a strategy that has nothing to do.
        """
        while True:
            step = self._step_of(left[0])
            if not isinstance(step, Passed):
                return step
            self.case = self.case.after(left.pop(0).name, step)
            if not left or self._goes_in_turns(left[0]):
                return step

    def _step_of(self, strategy: Converting) -> Step:
        step = strategy.step(self.case, tuple(self._replies), seconds=time.monotonic() - self._started)
        if isinstance(step, Result | Failure):
            strategy.taken()
        return step

    @property
    def _kept(self) -> Converting | None:
        """What makes it worth waiting for another document's program; None where kept ones are not wanted."""
        return next((strategy for strategy in self._strategies if strategy.name is Strategy.KEPT), None)

    async def _by(self, strategy: Converting) -> Result | Failure | Passed:
        while True:
            step = await asyncio.to_thread(self._step_of, strategy)
            if not isinstance(step, CompletionRequest):
                return step
            self._replies.append(await self._ask(step))

    async def _in_turn(self, strategy: Converting) -> Result | Failure | Passed:
        """Write a program, unless another document of the layout goes first: then its program is tried."""
        look = await asyncio.to_thread(look_of, self.case)
        await self._turns.wait_for_earlier(look.prompt_id, self.case.item.id)
        by_another = await self._by_program_of_another(look)
        if by_another is not None:
            return by_another
        if self._turns.given_up(look) and not self._replies:
            return Passed(why="no program was accepted for other documents of this layout in this run")
        turn = self._turns.begin(look, self.case.item.id)
        accepted: bool | None = None
        try:
            ended = await self._by(strategy)
            if isinstance(ended, Result) or any(reply.purpose == "program" for reply in self._replies):
                # A question to a person comes of the rows; the program that gave them is kept.
                accepted = not isinstance(ended, Passed)
            return ended
        finally:
            self._turns.end(turn, accepted=accepted)

    async def _by_program_of_another(self, look: Look) -> Result | Failure | None:
        """The rows by a program that was accepted since kept ones were tried; None when this item goes first itself.

        What is paid already is not waited with: then the item's own replies are walked.
        """
        kept, tried = self._kept, 0
        assert kept is not None
        while not self._replies:
            ahead = self._turns.ahead(look, self.case.item.id)
            if ahead is not None:
                self._turns.decided(self.case.item.id)
                await self._turns.wait_for(ahead)
            elif tried == self._turns.accepted(look):
                break
            else:
                tried = self._turns.accepted(look)
                ended = await self._by(kept)
                if not isinstance(ended, Passed):
                    return ended
        return None


def look_of(case: Case) -> Look:
    """What tells which documents may share the case's layout."""
    return Look(prompt_id=case.prompt.prompt_id, sketch=sketch_of(case.document.sheets))
