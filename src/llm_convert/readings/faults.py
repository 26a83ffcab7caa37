"""The one error of this room."""

from __future__ import annotations

from llm_convert.contracts.tables import FieldType
from llm_convert.errors import DataError

_SHOWN_CHARACTERS = 60


class ReadingError(DataError):
    """A value cannot be read as the wanted type, or could be read in two ways.

    Args:
        found: what is wrong, with the value in short.
        type: the type that was wanted.
        remedy: what to do about it.
    """

    def __init__(self, found: str, *, type: FieldType, remedy: str = "") -> None:
        self.type = type
        super().__init__(found, remedy=remedy)


def shown(value: object) -> str:
    """A value for an error message, cut so that no long text of a document travels with it."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
