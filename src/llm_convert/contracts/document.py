"""A document after reading: parts whose every cell and line keeps its address.

Plain frozen dataclasses and not pydantic: a sheet may hold a million cells.

An address is ``<part>!<reference>``: ``Sheet1!C5`` for a cell, ``page 2!line 7`` for a line, ``scan.png!image`` for an
image. The part's name may itself hold ``!``; the reference never does, so the last ``!`` separates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from llm_convert.errors import DataError

CellValue = str | int | float | bool | date | datetime | time | timedelta | None
"""What a cell holds. Empty cells are None, never an empty string."""

_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")
_LINE = re.compile(r"line ([1-9]\d*)")


class AddressError(DataError):
    """An address that does not lead to anything in its document."""


class Visibility(StrEnum):
    """Whether a person who opens the workbook sees the sheet."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    VERY_HIDDEN = "very_hidden"


@dataclass(frozen=True, slots=True, order=True)
class CellRange:
    """A rectangle of cells; rows and columns count from 0, both ends belong to it."""

    top: int
    left: int
    bottom: int
    right: int

    def __contains__(self, at: tuple[int, int]) -> bool:
        return self.top <= at[0] <= self.bottom and self.left <= at[1] <= self.right


def column_letters(column: int) -> str:
    """The letters of a column that counts from 0: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_reference(row: int, column: int) -> str:
    """The A1 reference of a cell whose row and column count from 0."""
    return f"{column_letters(column)}{row + 1}"


def parse_cell_reference(reference: str) -> tuple[int, int]:
    """Row and column, from 0, of an A1 reference.

    Raises:
        AddressError: when it is none.
    """
    match = _REFERENCE.fullmatch(reference.strip().replace("$", "").upper())
    if match is None:
        raise AddressError(f"{reference!r} is no cell reference such as C5")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]) - 1, column - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStyle:
    """How a cell looks, as far as that says what it is."""

    bold: bool = False
    indent: int = 0
    """Levels of the format's indentation; leading blanks of the text are not counted."""
    raised: str = ""
    """The superscript characters at the end of its text, such as the digits of footnotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet's values where they stand. Rows may be of unequal length; what lies beyond is empty."""

    name: str
    rows: tuple[tuple[CellValue, ...], ...]
    merged: tuple[CellRange, ...] = ()
    visibility: Visibility = Visibility.VISIBLE
    hidden_rows: frozenset[int] = frozenset()
    """Rows from 0 that the author hid; known only where the reader was asked for them."""
    formulas: Mapping[str, str] = field(default_factory=dict)
    """Formula text by A1 reference; known only where the reader was asked for them."""
    styles: Mapping[tuple[int, int], CellStyle] = field(default_factory=dict)
    """Cells that look unlike the rest, by row and column from 0; known only where the reader was asked for them."""

    def value(self, row: int, column: int) -> CellValue:
        """The value at row and column from 0; None where nothing stands."""
        if 0 <= row < len(self.rows) and 0 <= column < len(self.rows[row]):
            return self.rows[row][column]
        return None

    @property
    def width(self) -> int:
        """Columns of the widest row."""
        return max(map(len, self.rows), default=0)

    def address(self, row: int, column: int) -> str:
        """The address of a cell whose row and column count from 0."""
        return f"{self.name}!{cell_reference(row, column)}"

    def resolve(self, reference: str) -> CellValue:
        """The value at an A1 reference; ``name`` is the sheet's own name, which often states a day or a branch."""
        if reference.strip() == "name":
            return self.name
        return self.value(*parse_cell_reference(reference))


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPage:
    """Lines of text: a page of a PDF, a message's body, a text file."""

    name: str
    lines: tuple[str, ...]

    def address(self, line: int) -> str:
        """The address of a line that counts from 0."""
        return f"{self.name}!line {line + 1}"

    def resolve(self, reference: str) -> str:
        """The text of ``line N``."""
        match = _LINE.fullmatch(reference.strip())
        if match is None or int(match[1]) > len(self.lines):
            raise AddressError(f"{reference!r} is no line of {self.name!r}, which has {len(self.lines)} lines")
        return self.lines[int(match[1]) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture as it was found. Its address proves only that it exists: nothing in it can be checked by code."""

    name: str
    media_type: str
    data: bytes = field(repr=False)

    def resolve(self, reference: str) -> str:
        """Nothing but ``image`` resolves; the answer is the media type."""
        if reference.strip() != "image":
            raise AddressError(f"{reference!r} is no place in the image {self.name!r}; only 'image' is")
        return self.media_type


Part = Sheet | TextPage | Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one file holds, in reading order."""

    name: str
    sha256: str
    kind: str
    """``xlsx``, ``xls``, ``csv``, ``eml``, ``html``, ``pdf``, ``txt``, ``image``: told from the content."""
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    """What the reader guessed or left out, for a person: the encoding, hidden sheets, unreadable attachments."""

    @property
    def sheets(self) -> Iterator[Sheet]:
        """The parts that are sheets."""
        return (part for part in self.parts if isinstance(part, Sheet))

    @property
    def pages(self) -> Iterator[TextPage]:
        """The parts that are text."""
        return (part for part in self.parts if isinstance(part, TextPage))

    @property
    def images(self) -> Iterator[Image]:
        """The parts that are images."""
        return (part for part in self.parts if isinstance(part, Image))

    def part(self, name: str) -> Part:
        """The part of this name.

        Raises:
            AddressError: with the names there are.
        """
        for part in self.parts:
            if part.name == name:
                return part
        raise AddressError(f"no part {name!r} in {self.name!r}; it has {', '.join(repr(p.name) for p in self.parts)}")

    def resolve(self, address: str) -> CellValue:
        """The value or the text at an address.

        Raises:
            AddressError: when the address leads nowhere.
        """
        name, separator, reference = address.rpartition("!")
        if not separator:
            raise AddressError(f"{address!r} is no address such as Sheet1!C5 or 'page 1!line 3'")
        return self.part(name).resolve(reference)
