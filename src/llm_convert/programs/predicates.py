"""The part of the language that asks about a cell: tests and choices of columns."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from llm_convert.programs.part import Part
from llm_convert.programs.patterns import check_pattern

PatternText = Annotated[str, AfterValidator(check_pattern)]
"""A regular expression without look-around and back-references; it is searched for anywhere in the text."""


class Content(StrEnum):
    """What a cell holds. One cell can be of several: ``1,234`` as text is both ``number`` and ``text``."""

    BLANK = "blank"
    FILLED = "filled"
    NUMBER = "number"
    STORED_NUMBER = "stored_number"
    TEXT = "text"
    WORDS = "words"
    DATE = "date"
    YEAR = "year"
    BOOLEAN = "boolean"
    ERROR = "error"
    MISSING = "missing"


class Direction(StrEnum):
    """Where a walk goes."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"


class Compared(StrEnum):
    """An indentation compared with that of the cell where the walk started."""

    LESS = "less"
    SAME = "same"
    MORE = "more"


def _text_test(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _header_choice(value: Any) -> Any:
    return {"header": value} if isinstance(value, str) else value


class Test(Part):
    """A question about one cell. Every key given must hold. A plain text in place of a test is its ``text``."""

    __test__ = False  # pytest would collect it by its name

    text: PatternText | None = Field(
        None, description="pattern found in the cell's text (trimmed, white space collapsed, case counts)"
    )
    type: tuple[Content, ...] | None = Field(
        None,
        description="content, one of these: blank, filled, number (stored, or a text that reads as one), "
        "stored_number, text (any stored text), words (text that is no number, date or missing mark), date, "
        "year (1900-2100), boolean, error (#REF! and its like), missing (a mark for no value: -, N/A, ...)",
    )
    header: PatternText | None = Field(None, description="pattern found in the header of the cell's column")
    bare: bool | None = Field(
        None, description="true: a heading row, i.e. its row has something but nothing in the value columns"
    )
    bold: bool | None = Field(None, description="true: the cell's font is bold; false: it is not")
    indent: int | None = Field(None, ge=0, description="indentation at most this (leading blanks plus format indent)")
    indented: Compared | None = Field(None, description="indentation less, same, more than where the walk started")
    beside: Beside | None = Field(None, description="what another cell of the same row must be")
    not_: OneTest | None = Field(None, alias="not", description="this test must fail")
    any: tuple[OneTest, ...] | None = Field(None, min_length=1, description="at least one of these holds")


class Columns(Part):
    """A choice of columns of the table. Every key given must hold. A plain text in its place is its ``header``."""

    header: PatternText | None = Field(
        None, description="pattern found in one of the column's header cells, or in all of them joined by a space"
    )
    not_header: PatternText | None = Field(None, description="pattern found in none of them")
    type: tuple[Content, ...] | None = Field(
        None,
        description="content of most of the column's filled data cells, missing marks not counted; it also "
        "finds a column without a header",
    )
    nearest: Direction | None = Field(
        None, description="left or right: the nearest such column on that side of the value, not the first of all"
    )
    index: int | None = Field(
        None,
        description="the n-th of the columns that hold anything, from 1; -1 is the last; a last resort",
    )


OneTest = Annotated[Test, BeforeValidator(_text_test)]
OneColumns = Annotated[Columns, BeforeValidator(_header_choice)]


class Beside(Part):
    """A test on another cell of the same row."""

    column: OneColumns = Field(description="the column: a pattern for its header, or a choice; the first that matches")
    is_: OneTest = Field(alias="is", description="the test")


Test.model_rebuild()
Columns.model_rebuild()
