"""From a cell's content to a field's value, by the operations that a pick declares and in their fixed order."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.document import CellValue
from llm_convert.contracts.tables import FieldType
from llm_convert.programs.contents import PLAIN_NUMBER, is_mark
from llm_convert.programs.patterns import Pattern, pattern
from llm_convert.programs.periods import given_as, parse_period
from llm_convert.programs.picks import DateForm, Pick
from llm_convert.readings import ReadingError, declared_unit, is_missing, read, scaled, text_of


class Got(NamedTuple):
    """A value and the addresses it comes from. A tuple and not a dataclass: a sheet may give a million of them."""

    value: Scalar = None
    at: tuple[str, ...] = ()


BLANK = Got()
Reader = Callable[[CellValue], Scalar]
_EXACT = 2**53
_SHOWN_DECIMALS = 6
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.DECIMAL})


def spaced(text: str) -> str:
    """Text without white space at its ends, and one blank for every run of it."""
    return " ".join(text.split())


def reader(type: FieldType | None) -> Reader:
    """What reads a value under a type; without one numbers stay as stored, all else becomes text."""
    if type is None:
        return _as_stored
    if type is FieldType.NUMBER:
        return _number
    if type is FieldType.TEXT:
        return lambda value: spaced(text_of(value)) or None
    if type is FieldType.DECIMAL:
        return _decimal
    return lambda value: read(value, type)


def _decimal(value: CellValue) -> Scalar:
    # As with numbers: a stored amount with a few decimals is already written as it is to be.
    if type(value) is float:
        whole, _, fraction = repr(value).partition(".")
        if fraction.isdecimal() and len(fraction) <= _SHOWN_DECIMALS:
            fraction = fraction.rstrip("0")
            return f"{whole}.{fraction}" if fraction else "0" if whole == "-0" else whole
    return read(value, FieldType.DECIMAL)


def _as_stored(value: CellValue) -> Scalar:
    if isinstance(value, bool | int | float):
        return None if value != value else value
    return spaced(text_of(value)) or None


def _number(value: CellValue) -> Scalar:
    # The common case by itself: read() would go through an exact decimal and back.
    if type(value) is float and math.isfinite(value):
        return value or 0.0
    if type(value) is str and PLAIN_NUMBER.fullmatch(value):
        return float(value.replace(",", "")) or 0.0
    return read(value, FieldType.NUMBER)


class Operations:
    """The operations of one pick."""

    def __init__(self, pick: Pick, type: FieldType | None, missing: tuple[str, ...] = ()) -> None:
        self.pick = pick
        self.type = pick.as_ or type
        self._missing = frozenset(map(spaced, (*pick.missing, *missing)))
        self._part = pattern(pick.part) if pick.part is not None else None
        self._replace = [(pattern(wanted), text) for wanted, text in pick.replace]
        self._map = {spaced(text): value for text, value in (pick.map or {}).items()}
        self._on_text = bool(self._part or self._replace or self._map or pick.decimals is not None)
        self._read = reader(self.type)
        self.plain = not (self._on_text or self._missing or pick.unit or pick.scale or pick.date or pick.raised)

    @property
    def read(self) -> Reader:
        """The last operation alone, for picks that have no other."""
        return self._read

    def apply(self, value: CellValue, unit: str | None = None) -> Scalar:
        """The value of a cell's content.

        Args:
            value: the content, or a part of it.
            unit: the text that states the number's unit.

        Raises:
            ReadingError: when it can't be read so.
        """
        if self._is_missing(value):
            return None
        if self._on_text:
            value = self._text(value)
            if value is None:
                return None
        if self.pick.date is not None:
            return self._date(value, self.pick.date)
        if self.pick.unit is not None and unit is None:
            raise ReadingError("its unit is stated nowhere", type=FieldType.NUMBER, remedy="Give the unit a default.")
        factor = self._factor(unit)
        if factor is not None:
            return self._scaled(value, factor)
        return self._read(value)

    def _scaled(self, value: CellValue, factor: Decimal) -> Scalar:
        if self.type in _NUMBERS and self.type is not None:
            return scaled(value, factor, self.type)
        number = scaled(value, factor, FieldType.NUMBER)
        whole = isinstance(number, float) and number.is_integer() and abs(number) < _EXACT
        return int(number) if whole and isinstance(number, float) else number

    def _is_missing(self, value: CellValue) -> bool:
        if value is None:
            return True
        if isinstance(value, str):
            if not value or is_mark(value):
                return True
        elif is_missing(value):
            return True
        return bool(self._missing) and spaced(text_of(value)) in self._missing

    def _text(self, value: CellValue) -> Scalar:
        decimals = self.pick.decimals
        text = spaced(text_of(value))
        if decimals is not None and isinstance(value, int | float) and not isinstance(value, bool):
            text = f"{value:.{decimals}f}"
        if self._part is not None:
            found = self._part.find(text)
            if found is None:
                return None
            text = (found.group(1) if self._part.groups else found.group(0)) or ""
        for wanted, new in self._replace:
            text = replaced(wanted, new, text)
        text = spaced(text)
        return self._map.get(text, text) if text else None

    def _date(self, value: CellValue, form: DateForm) -> Scalar:
        if isinstance(value, datetime):
            value = value.date()
        text = value.isoformat() if isinstance(value, date) else text_of(value)
        return given_as(parse_period(text, self.pick.order, self.pick.years_from), form)

    def _factor(self, unit: str | None) -> Decimal | None:
        factor = Decimal(repr(self.pick.scale)) if self.pick.scale is not None else None
        if unit is None or self.pick.unit is None:
            return factor
        stated = self._stated(unit)
        return stated if factor is None else factor * stated

    def _stated(self, text: str) -> Decimal:
        for word, factor in self.pick.unit_words.items():
            if word.casefold() in text.casefold():
                return Decimal(repr(factor))
        unit = declared_unit(text)
        if unit is None:
            raise ReadingError(
                f"{text[:60]!r} states no unit that is known", type=FieldType.NUMBER, remedy="Add unit_words."
            )
        return unit.scale


def replaced(wanted: Pattern, new: str, text: str) -> str:
    """Every match replaced by a plain text: ``re.sub`` would read references into it."""
    return new.join(_between(wanted, text))


def pieces(wanted: Pattern, text: str) -> list[str]:
    """The texts between the matches of a pattern, the empty ones left out."""
    return [piece for piece in map(spaced, _between(wanted, text)) if piece]


def _between(wanted: Pattern, text: str) -> list[str]:
    spans = wanted.spans(text)
    begins = [0, *(last for _, last in spans)]
    ends = [*(first for first, _ in spans), len(text)]
    return [text[begin:end] for begin, end in zip(begins, ends, strict=True)]
