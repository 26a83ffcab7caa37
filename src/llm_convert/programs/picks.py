"""The part of the language that fetches: where to start, how to walk, what to make of the cell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.tables import FieldType
from llm_convert.programs.part import Part
from llm_convert.programs.predicates import Direction, OneColumns, OneTest, PatternText


class Step(Part):
    """A walk: at first one cell on (``next``), then on to the cell that ``until`` wants (``look``)."""

    next: Direction | None = Field(
        None, description="first go one cell up, down, left or right: the immediate neighbour"
    )
    look: Direction | None = Field(
        None, description="then go up, down, left or right, this cell tested first, until one passes `until`"
    )
    until: OneTest | None = Field(None, description="what is looked for; by default a filled cell")
    stop: OneTest | None = Field(
        None, description="give up (blank) at a cell that passes this and not `until`; the starting cell does not stop"
    )

    @model_validator(mode="after")
    def _test_has_a_direction(self) -> Self:
        if self.look is None and (self.until is not None or self.stop is not None):
            raise ValueError("until and stop need look: up, down, left or right")
        return self


class Place(Step):
    """Where a cell is found. It starts at the value cell, unless header, column or find says otherwise."""

    column: OneColumns | None = Field(
        None, description="start in this column of the value's row; the first from the left that matches"
    )
    header: int | Literal["all"] | None = Field(
        None,
        description="start at the header of the value's column (or of `column`): 0 is the first header row listed; "
        "all: every header row's text, top down, joined by a space",
    )
    find: OneTest | None = Field(
        None, description="start at the first cell, row by row over the whole sheet, that passes"
    )
    on: PatternText | None = Field(None, description="find on the first sheet whose name matches, not on the own one")
    outline: int | None = Field(
        None,
        ge=1,
        description="from the start to the line of this level that it belongs to (or is), by indentation: 1 is the "
        "outermost",
    )
    then: tuple[Step, ...] = Field((), max_length=4, description="further walks, each from where the last one ended")

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.find is not None and (self.column is not None or self.header is not None):
            raise ValueError("a pick starts at one place: find, or column and/or header")
        if self.on is not None and self.find is None:
            raise ValueError("on needs find")
        if self.outline is not None and (self.find or self.next or self.look or isinstance(self.header, int)):
            raise ValueError("outline starts in a data row, mostly with column, and goes without find, next and look")
        return self


class Condition(Place):
    """A cell, found as a pick finds it, must pass a test. A cell that is not found is blank."""

    is_: OneTest = Field(alias="is", description="the test; without a place it is asked of the value cell")


class DateForm(StrEnum):
    """What a date or a period is given as."""

    START = "start"
    END = "end"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class DateOrder(StrEnum):
    """In which order days of only digits are written."""

    YMD = "ymd"
    DMY = "dmy"
    MDY = "mdy"


Replacement = tuple[PatternText, str]


def _const(value: Any) -> Any:
    return value if isinstance(value, dict | Part) else {"const": value}


class Pick(Place):
    """The value of one field. A plain scalar in place of a pick is its ``const``.

    Applied in this order: the place (or const, file, sheet, join, first) - missing - raised - part - replace - map -
    unit, scale - date - as - default.
    """

    const: Scalar = Field(None, description="this value, whatever the document says")
    file: bool = Field(False, description="the file's name, without folders and ending")
    sheet: bool = Field(False, description="the sheet's name")
    join: tuple[OnePick, ...] | None = Field(
        None, min_length=1, description="several picks, the blank ones left out, joined by `sep`"
    )
    first: tuple[OnePick, ...] | None = Field(None, min_length=1, description="the first pick that is not blank")
    sep: str = Field(" ", description="between the parts of join; ' ' and ' > ' can be proven best")
    when: tuple[Condition, ...] = Field((), description="blank unless all of these hold, asked from the value cell")
    missing: tuple[str, ...] = Field((), description="further texts of the whole cell that mean no value here")
    raised: Literal["drop", "only"] | None = Field(
        None, description='superscript at the end of the text: "drop" it (footnote digits), or take "only" that'
    )
    part: PatternText | None = Field(
        None, description="only the part of the text that matches (its first group, if it has one); else blank"
    )
    replace: tuple[Replacement, ...] = Field(
        (), description="[pattern, text] pairs, every match replaced by the plain text, in order"
    )
    map: dict[str, Scalar] | None = Field(None, description="text to value; a text that is not listed stays as it is")
    unit: OnePick | None = Field(
        None, description="a pick of the text that states the unit (thousands, 천원): the number is scaled by it"
    )
    unit_words: dict[str, float] = Field({}, description="words of that text to factors, where it is an unusual unit")
    scale: float | None = Field(None, gt=0, description="multiply the number by this; prefer unit, which can be proven")
    date: DateForm | None = Field(
        None,
        description="read a date or period (1986 1st quarter, 2014-03, 3월 2020, marzo 2001): its first day (start), "
        "last day (end), or 2014-03 (month), 2014-Q1 (quarter), 2014 (year)",
    )
    order: DateOrder = Field(DateOrder.YMD, description="order of dates in digits: ymd, dmy or mdy")
    years_from: int | None = Field(
        None, ge=2, le=12, description="the month in which years such as 2016/17 begin: 9 for school years"
    )
    decimals: int | None = Field(
        None, ge=0, le=9, description="show a number with so many decimals as text, so that 1940.1 is 1940.10"
    )
    as_: FieldType | None = Field(None, alias="as", description="type, where it is not the target field's")
    default: Scalar = Field(None, description="instead of a blank")
    required: bool = Field(False, description="a row for which it is blank is told to the writer")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        own = {"const": self.const is not None, "file": self.file, "sheet": self.sheet}
        own |= {"join": self.join is not None, "first": self.first is not None}
        places = ("column", "header", "find", "next", "look")
        given = [name for name, there in own.items() if there]
        if len(given) > 1 or (given and any(getattr(self, name) is not None for name in places)):
            raise ValueError("a pick has one source: a place (column, header, find, look), " + ", ".join(own))
        return self


OnePick = Annotated[Pick, BeforeValidator(_const)]
Pick.model_rebuild()
