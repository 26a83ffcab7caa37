"""Functions that fetch a field's value for a value cell, how they are put together, and what they may ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from llm_convert.contracts.document import CellValue, Document
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.values import BLANK, Got, spaced
from llm_convert.readings import text_of

Get = Callable[[int, int, CellValue], Got]
"""Row and column of the value cell, and its content or the piece of it that makes the row."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A pick as a function, and what its result depends on."""

    get: Get
    by_row: bool = True
    by_column: bool = True

    def like(self, get: Get, *others: Fetch) -> Fetch:
        """Another function that depends on the same, and on what others depend on."""
        by_row = self.by_row or any(one.by_row for one in others)
        return Fetch(get, by_row, self.by_column or any(one.by_column for one in others))


@dataclass(frozen=True, slots=True)
class Held:
    """A condition as a function, and what its answer depends on."""

    holds: Callable[[int, int], bool]
    by_row: bool
    by_column: bool


@dataclass(slots=True)
class Unread:
    """A cell whose content could not be read as its field wants it."""

    field: str
    address: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What picks may ask for beyond their own table."""

    document: Document
    planes: dict[str, Plane]
    """The sheets, by name, as they stand."""
    unread: list[Unread] = field(default_factory=list)

    def report(self, name: str, address: str, reason: str) -> None:
        """Remember a cell that could not be read; the first ten thousand of them."""
        if len(self.unread) < 10_000:
            self.unread.append(Unread(name, address, reason))


def constant(got: Got) -> Fetch:
    """The same for every row."""
    return Fetch(lambda row, column, content: got, by_row=False, by_column=False)  # noqa: ARG005


def without_raised(plane: Plane, at: Position, *, only: bool) -> CellValue:
    """A cell's text without the superscript at its end, or only that."""
    style = plane.sheet.styles.get(plane.origin(at))
    raised = spaced(style.raised) if style is not None else ""
    if only:
        return raised or None
    text = plane.text(at)
    return text[: -len(raised)].rstrip() if raised and text.endswith(raised) else plane.value(*at)


def first_of(fetches: list[Fetch]) -> Fetch:
    """The first that is not blank."""
    gets = [one.get for one in fetches]

    def fetch(row: int, column: int, content: CellValue) -> Got:
        return next((got for one in gets if (got := one(row, column, content)).value is not None), BLANK)

    return fetches[0].like(fetch, *fetches)


def joined(fetches: list[Fetch], separator: str) -> Fetch:
    """All that are not blank, as one text."""
    gets = [one.get for one in fetches]

    def fetch(row: int, column: int, content: CellValue) -> Got:
        filled = [got for one in gets if (got := one(row, column, content)).value is not None]
        if not filled:
            return BLANK
        text = separator.join(spaced(text_of(got.value)) for got in filled)
        return Got(text, tuple(dict.fromkeys(address for got in filled for address in got.at)))

    return fetches[0].like(fetch, *fetches)
