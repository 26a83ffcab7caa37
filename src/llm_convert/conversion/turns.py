"""One document of a new layout goes first, so that its program is written and paid for once, not once a document.

Which documents share a layout nobody knows before there is a program: those that look alike wait for each other. They
wait as long as the first one is asked about, which ends: every call has a timeout, and its tries have an end.

Of those under way the one that was begun first goes first, however fast the others are read. So whoever runs again
after a kill asks about the same document, whose reply may be there already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from llm_convert.programs import Sketch, alike

MOST_GIVEN_UP = 2
"""Documents of a layout for which no program was accepted, after which a run writes none for it. One may be at fault
by itself."""
EXPECTED_WAIT_SECONDS = 60.0
"""How long others wait for a document that is known to go first and has not begun; somebody else may hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What tells documents apart that may share a program."""

    prompt_id: str
    sketch: Sketch

    def like(self, other: Look) -> bool:
        """Whether one program may be for both."""
        return self.prompt_id == other.prompt_id and alike(self.sketch, other.sketch)


@dataclass(eq=False, slots=True, kw_only=True)
class Turn:
    """A document that goes first."""

    look: Look
    work_item: str
    begun: bool
    over: asyncio.Event = field(default_factory=asyncio.Event)


class LayoutTurns:
    """Who has a program written for which layout, in this process. Used within one event loop."""

    def __init__(self, *, expected_wait_seconds: float = EXPECTED_WAIT_SECONDS) -> None:
        self._expected_wait_seconds = expected_wait_seconds
        self._first: list[Turn] = []
        self._accepted: list[Look] = []
        self._given_up: list[Look] = []
        self._undecided: dict[str, tuple[str, asyncio.Event]] = {}
        """Of documents under way, by work item in the order of their beginning: the prompt, and when it is known."""

    @contextmanager
    def under_way(self, prompt_id: str, work_item: str) -> Iterator[None]:
        """While a document is converted. Those of one prompt have their turns in the order in which they are begun."""
        self._undecided[work_item] = (prompt_id, asyncio.Event())
        try:
            yield
        finally:
            self.decided(work_item)

    def decided(self, work_item: str) -> None:
        """It is known whether the document goes first: nobody needs to wait for that any more."""
        _, known = self._undecided.pop(work_item, ("", None))
        if known is not None:
            known.set()

    async def wait_for_earlier(self, prompt_id: str, work_item: str) -> None:
        """Until it is known of each document of the prompt that was begun before this one whether it goes first."""
        begun = list(self._undecided)
        before = begun[: begun.index(work_item)] if work_item in begun else []
        for prompt, known in [self._undecided[earlier] for earlier in before]:
            if prompt == prompt_id:
                await known.wait()

    def ahead(self, look: Look, work_item: str) -> Turn | None:
        """The document that goes first for such a look; None when the work item itself does, or nobody yet."""
        return next((turn for turn in self._first if turn.work_item != work_item and turn.look.like(look)), None)

    async def wait_for(self, turn: Turn) -> None:
        """Until it is over; one that is only expected is not waited for longer than a while."""
        if not turn.begun:
            try:
                await asyncio.wait_for(turn.over.wait(), self._expected_wait_seconds)
            except TimeoutError:
                if not turn.begun:
                    self._remove(turn)
                    return
        await turn.over.wait()

    def expect(self, look: Look, work_item: str) -> None:
        """A document will go first, as soon as its answer is back from a batch."""
        self._first.append(Turn(look=look, work_item=work_item, begun=False))

    def begin(self, look: Look, work_item: str) -> Turn:
        """A document goes first now; ``end`` must follow."""
        turn = next((one for one in self._first if one.work_item == work_item), None)
        if turn is None:
            turn = Turn(look=look, work_item=work_item, begun=True)
            self._first.append(turn)
        turn.begun = True
        self.decided(work_item)
        return turn

    def end(self, turn: Turn, *, accepted: bool | None) -> None:
        """What came of it; None: nothing that says anything about the layout."""
        self._remove(turn)
        if accepted is not None:
            (self._accepted if accepted else self._given_up).append(turn.look)

    def accepted(self, look: Look) -> int:
        """How many programs were accepted for such looks."""
        return sum(one.like(look) for one in self._accepted)

    def given_up(self, look: Look) -> bool:
        """Whether enough was tried for such a look in vain."""
        return sum(one.like(look) for one in self._given_up) >= MOST_GIVEN_UP

    def _remove(self, turn: Turn) -> None:
        if turn in self._first:
            self._first.remove(turn)
        turn.over.set()
