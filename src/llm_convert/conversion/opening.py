"""What an item asks first, found without asking anybody: for batches, and for the price of a run."""

from __future__ import annotations

from collections.abc import Sequence

from llm_convert.contracts.prompt import Prompt, Strategy
from llm_convert.contracts.work import WorkItem, WorkItemError
from llm_convert.conversion.case import Case, Passed
from llm_convert.conversion.reading import case_of, reader_of
from llm_convert.conversion.strategies import Converting, strategies_of
from llm_convert.conversion.turns import LayoutTurns
from llm_convert.conversion.walk import look_of
from llm_convert.conversion.workshop import Workshop
from llm_convert.ports import CompletionRequest


def first_request(item: WorkItem, prompt: Prompt, workshop: Workshop) -> CompletionRequest | None:
    """What an item would ask first if nothing of it were done; None as for ``opening_request``.

    Raises:
        WorkItemError: the document can't be read, or nothing converts it.
        StoreError: the store failed.
    """
    case = case_of(item, prompt, workshop)
    return _opening(case, strategies_of(prompt, workshop, reader_of(case, workshop)), workshop.turns)


def expect_program(item: WorkItem, prompt: Prompt, workshop: Workshop) -> None:
    """An item's program is under way in a batch that was found again: those that look like it wait for it.

    Raises:
        StoreError: the store failed.
    """
    try:
        case = case_of(item, prompt, workshop)
    except WorkItemError:
        return
    workshop.turns.expect(look_of(case), item.id)


def _opening(case: Case, strategies: Sequence[Converting], turns: LayoutTurns) -> CompletionRequest | None:
    """What an item without replies asks first; None where it ends without a question, or waits for another's program.

    One that asks for a program goes first for its layout: others wait for it.
    """
    kept = any(strategy.name is Strategy.KEPT for strategy in strategies)
    for strategy in strategies:
        look = look_of(case) if strategy.in_turns and kept and case.has_sheets else None
        if look is not None and turns.ahead(look, case.item.id) is not None:
            return None
        step = strategy.step(case, (), seconds=0.0)
        if isinstance(step, Passed):
            case = case.after(strategy.name, step)
            continue
        if not isinstance(step, CompletionRequest):
            return None
        if look is not None:
            turns.expect(look, case.item.id)
        return step
    return None
