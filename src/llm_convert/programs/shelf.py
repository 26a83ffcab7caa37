"""A tenant's kept programs as one process works with them: looked up once in a while, not once a document.

A night may have thousands of documents of one layout, and a store takes one write of an object a second: what they
prove is counted here and written at the end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llm_convert.contracts.document import Document
from llm_convert.contracts.prompt import Prompt
from llm_convert.errors import StoreError
from llm_convert.programs.executor import execute
from llm_convert.programs.faults import MisfitError, ProgramError
from llm_convert.programs.fingerprint import Fingerprint, differences, fingerprint, learned
from llm_convert.programs.kept import KeptProgram, ProgramStore, target_digest
from llm_convert.programs.language import Program, load_program
from llm_convert.programs.run import Run

log = logging.getLogger(__name__)

FRESH_SECONDS = 30.0
"""How long what was looked up holds; other processes keep programs too."""

Read = Callable[[bool], Document]
"""Reads the document; True: with fonts and indentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A kept program on a document."""

    kept: KeptProgram
    document: Document
    run: Run | None
    """None where it can't be run there."""
    layout: Fingerprint | None
    """The document's, where the program was run."""
    changed: tuple[str, ...]
    """How the document's layout differs from the kept one; empty: it is the same, without a new problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    at: float
    programs: tuple[tuple[KeptProgram, Program], ...]


class Shelf:
    """Thread-safe.

    Args:
        programs: the tenant's.
        monotonic: the time in seconds.
    """

    def __init__(self, programs: ProgramStore, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._programs, self._monotonic = programs, monotonic
        self._lock = threading.Lock()
        self._loaded: dict[str, _Loaded] = {}
        self._kept_here = 0
        self._proven: dict[tuple[str, str], tuple[int, Fingerprint]] = {}

    def trials(self, prompt: Prompt, read: Read) -> Iterator[Trial]:
        """Each kept program of a prompt on a document, pinned ones first, then the most proven."""
        wanted = target_digest(prompt)
        for kept, program in self._of(prompt.prompt_id):
            if kept.target == wanted:
                yield _tried(kept, program, read(program.needs_styles), prompt)

    def put_beside(self, kept: KeptProgram) -> KeptProgram:
        """As ``ProgramStore.put_beside``; the next document finds it."""
        as_kept = self._programs.put_beside(kept)
        with self._lock:
            self._kept_here += 1
            self._loaded.pop(kept.prompt_id, None)
        return as_kept

    def proven_again(self, kept: KeptProgram, layout: Fingerprint) -> None:
        """It gave the rows of one more document, which is laid out like this."""
        with self._lock:
            times, shown = self._proven.get((kept.prompt_id, kept.id), (0, None))
            self._proven[kept.prompt_id, kept.id] = times + 1, learned(shown, layout) if shown else layout

    def settle(self) -> None:
        """Write down what was proven since the last time; where the store fails it is told, and harms nothing."""
        with self._lock:
            proven, self._proven = self._proven, {}
        try:
            for (prompt_id, program_id), (times, shown) in proven.items():
                self._programs.count(prompt_id, program_id, times, shown)
        except StoreError as error:
            log.warning("what kept programs proved could not be counted: %s", error)

    def _of(self, prompt_id: str) -> tuple[tuple[KeptProgram, Program], ...]:
        with self._lock:
            known, kept_before = self._loaded.get(prompt_id), self._kept_here
        now = self._monotonic()
        if known is None or now - known.at >= FRESH_SECONDS:
            found = ((kept, _program(kept)) for kept in self._programs.all(prompt_id))
            known = _Loaded(at=now, programs=tuple((kept, program) for kept, program in found if program is not None))
            with self._lock:
                # What was kept meanwhile may not be among them.
                if self._kept_here == kept_before:
                    self._loaded[prompt_id] = known
        return known.programs


def _tried(kept: KeptProgram, program: Program, document: Document, prompt: Prompt) -> Trial:
    try:
        run = execute(program, document, prompt.output)
    except MisfitError as error:
        changed = tuple(map(str, error.misfits))
        return Trial(kept=kept, document=document, run=None, layout=None, changed=changed)
    layout = fingerprint(run)
    changed = tuple(differences(kept.layout, layout))
    return Trial(kept=kept, document=document, run=run, layout=layout, changed=changed)


def _program(kept: KeptProgram) -> Program | None:
    try:
        return load_program(kept.program)
    except ProgramError as error:
        log.warning("the kept program %s of %s is not valid any more: %s", kept.id, kept.prompt_id, error)
        return None
