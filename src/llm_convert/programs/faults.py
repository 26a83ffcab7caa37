"""What can be wrong with a program, or between a program and a document, in words that its writer can act on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llm_convert.errors import DataError


class ProgramError(DataError):
    """A program that is not valid, whatever the document: an unknown key, a pattern that is refused, a missing part."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "the program is not valid: " + "; ".join(self.problems), remedy="Correct these places of the program."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """One place where a program does not fit a document."""

    table: str
    """The table of the program, by its name or its number."""
    sheet: str
    """The sheet that was looked at; empty where none matched."""
    what: str
    """What was looked for and not found, with the nearest candidates and their addresses."""

    def __str__(self) -> str:
        place = f" on sheet {self.sheet!r}" if self.sheet else ""
        return f"table {self.table}{place}: {self.what}"


class MisfitError(DataError):
    """The program does not fit the document. Another layout, or a mistake of the program: the problems tell which."""

    def __init__(self, misfits: Iterable[Misfit]) -> None:
        self.misfits = tuple(misfits)
        super().__init__(
            "the program does not fit the document: " + "; ".join(map(str, self.misfits)),
            remedy="Correct the program, or have one written for this layout.",
        )


class UnfitTableError(Exception):
    """Why one table could not be placed; never leaves the room.

    Args:
        what: in words.
        anchored: the anchor is there, but not all that belongs to it: then the table is not merely absent.
    """

    def __init__(self, what: str, *, anchored: bool = True) -> None:
        self.anchored = anchored
        super().__init__(what)
