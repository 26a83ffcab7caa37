"""Places that hold several numbers: lines of text, and cells with several words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from llm_convert.contracts.document import (
    AddressError,
    Part,
    Sheet,
    TextPage,
    column_letters,
    parse_cell_reference,
)
from llm_convert.readings import ReadingError, parse_number

_APART = re.compile(r"[\s|;]+")


class Place(NamedTuple):
    """A line of a page or a cell of a sheet."""

    address: str
    column: str
    """The page, or the sheet's column."""
    number: int
    """Lines and cells that follow each other have numbers that do."""
    text: str


def place_of(address: str, parts: Mapping[str, Part]) -> Place | None:
    """What stands at an address: a line of a page, or a cell with several words; None for all others."""
    name, _, reference = address.rpartition("!")
    part = parts.get(name)
    try:
        if isinstance(part, TextPage):
            text = part.resolve(reference)
            return Place(address, name, int(reference.rpartition(" ")[2]), text)
        if isinstance(part, Sheet):
            row, column = parse_cell_reference(reference)
            value = part.value(row, column)
            if isinstance(value, str) and _APART.search(value.strip()):
                return Place(address, f"{name}!{column_letters(column)}", row, value)
    except AddressError:
        pass
    return None


def numbers_in_a_row(line: str) -> list[str]:
    """The longest stretch of a line in which each word is a number, the last of several."""
    stretches = [list(words) for is_number, words in groupby(_APART.split(line.strip()), _is_number) if is_number]
    return max(reversed(stretches), key=len, default=[])


def _is_number(word: str) -> bool:
    try:
        parse_number(word)
    except ReadingError:
        return False
    return True
