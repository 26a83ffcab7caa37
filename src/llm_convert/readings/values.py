"""Canonical values: what a cell's content is under a declared type, and when two of them are the same."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from llm_convert.contracts.base import Scalar
from llm_convert.contracts.document import CellValue
from llm_convert.contracts.tables import FieldType
from llm_convert.readings.dates import parse_date
from llm_convert.readings.faults import ReadingError, shown
from llm_convert.readings.myriads import EXACT
from llm_convert.readings.numbers import parse_number
from llm_convert.readings.texts import is_missing, plain, text_of
from llm_convert.readings.times import parse_datetime

DECIMAL_PLACES = 9
INTEGER_DIGITS = 29
_LARGEST_INTEGER = 2**63 - 1
_COMPACT_DATES = range(1900_01_01, 2100_01_01)
_TRUE = frozenset({"true", "yes", "y", "1", "o", "예", "네", "참"})
_FALSE = frozenset({"false", "no", "n", "0", "x", "아니오", "아니요", "거짓"})


def read(value: CellValue, type: FieldType) -> Scalar:
    """The canonical value of a cell's content under a type; None when it is missing.

    ``read`` of its own result gives that result.
    ``decimal`` gives text without exponent and trailing zeros; dates and times are ISO text without a zone; ``integer``
    lies within 64 bits. A stored number is taken as stored (``decimal``: to the 15
    digits that a workbook shows), and a serial number is never taken for a date.

    Raises:
        ReadingError: when the content is not of this type, or has two readings.
    """
    if is_missing(value):
        return None
    try:
        return _read(value, type)
    except ReadingError as error:
        if error.type is type:
            raise
        raise ReadingError(error.found, type=type, remedy=error.remedy) from None


def _read(value: CellValue, type: FieldType) -> Scalar:
    match type:
        case FieldType.TEXT:
            return unicodedata.normalize("NFC", text_of(value)).strip()
        case FieldType.INTEGER:
            return _integer(value)
        case FieldType.NUMBER:
            return _number(value)
        case FieldType.DECIMAL:
            return _decimal(value)
        case FieldType.DATE:
            return _date(value).isoformat()
        case FieldType.DATETIME:
            return _datetime(value).isoformat()
        case FieldType.BOOLEAN:
            return _boolean(value)


def scaled(value: CellValue, scale: Decimal, type: FieldType) -> Scalar:
    """The canonical value of a number in a stated unit: ``1,234`` in thousands is 1234000.

    Raises:
        ReadingError: when the content is no number, or the product does not fit the type.
    """
    number = _as_shown(value) if type is FieldType.DECIMAL else _exact(value)
    return read(format(number * scale, "f"), type)


def same(a: Scalar, b: Scalar) -> bool:
    """Whether two canonical values are equal: numbers exactly, text by NFC with white space collapsed."""
    if isinstance(a, str) and isinstance(b, str):
        return _collapsed(a) == _collapsed(b)
    if _is_number(a) and _is_number(b):
        return Decimal(repr(a)) == Decimal(repr(b))
    return type(a) is type(b) and a == b


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _collapsed(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


def _exact(value: CellValue) -> Decimal:
    """The exact number of a stored number or of a text."""
    match value:
        case str():
            return parse_number(value)
        case bool():
            pass
        case int():
            return Decimal(value)
        case float() if math.isfinite(value):
            return Decimal(repr(value))
        case _:
            pass
    raise ReadingError(
        f"{shown(value)} is no number",
        type=FieldType.NUMBER,
        remedy="Expected a stored number or a text such as 1,234.5.",
    )


def _integer(value: CellValue) -> int:
    number = _exact(value)
    # Size first: 1e999 as an integer would be a thousand digits long.
    if (number and number.adjusted() >= INTEGER_DIGITS) or abs(number) > _LARGEST_INTEGER:
        raise ReadingError(
            f"{shown(value)} is too large for an integer",
            type=FieldType.INTEGER,
            remedy="Declare the field as decimal.",
        )
    if number != number.to_integral_value():
        raise ReadingError(
            f"{shown(value)} is no whole number",
            type=FieldType.INTEGER,
            remedy="Declare the field as decimal or number.",
        )
    return int(number)


def _number(value: CellValue) -> float:
    number = float(_exact(value))
    if not math.isfinite(number):
        raise ReadingError(
            f"{shown(value)} is too large for a double", type=FieldType.NUMBER, remedy="Correct it in the document."
        )
    return number or 0.0


def _as_shown(value: CellValue) -> Decimal:
    """A stored number to the 15 digits that a workbook shows, where it has more decimals than a decimal can hold.

    A sum of cents is stored as 0.30000000000000004: what lies beyond the 15th digit is arithmetic's, not the author's.
    """
    exact = _exact(value)
    exponent = exact.as_tuple().exponent
    noisy = isinstance(value, float) and isinstance(exponent, int) and -exponent > DECIMAL_PLACES
    return Decimal(format(value, ".15g")) if noisy else exact


def _decimal(value: CellValue) -> str:
    number = _as_shown(value).normalize(EXACT)
    exponent = number.as_tuple().exponent
    if not number:
        return "0"
    if number.adjusted() >= INTEGER_DIGITS or not isinstance(exponent, int) or -exponent > DECIMAL_PLACES:
        raise ReadingError(
            f"{shown(value)} has more than {INTEGER_DIGITS} digits before or {DECIMAL_PLACES} after the decimal point",
            type=FieldType.DECIMAL,
            remedy="Declare the field as number, or round it in the document.",
        )
    return format(number, "f")


def _date(value: CellValue) -> date:
    if isinstance(value, datetime):
        if value.timetz() != time.min:
            raise ReadingError(
                f"{shown(value)} has a time of day", type=FieldType.DATE, remedy="Declare the field as datetime."
            )
        return value.date()
    if isinstance(value, date):
        return value
    return parse_date(_date_text(value, FieldType.DATE))


def _datetime(value: CellValue) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise ReadingError(
                f"{shown(value)} carries a time zone", type=FieldType.DATETIME, remedy="Give local time without a zone."
            )
        return _snapped(value)
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    return parse_datetime(_date_text(value, FieldType.DATETIME))


def _snapped(moment: datetime) -> datetime:
    """A workbook stores a moment as a fraction of days, which is off by microseconds; those are no content."""
    nearest = (
        (moment + timedelta(milliseconds=500)).replace(microsecond=0)
        if moment < datetime.max - timedelta(seconds=1)
        else moment
    )
    return nearest if abs(nearest - moment) < timedelta(milliseconds=1) else moment


def _date_text(value: CellValue, type: FieldType) -> str:
    text = text_of(value)
    if isinstance(value, str) or (
        not isinstance(value, bool) and isinstance(value, int | float) and value in _COMPACT_DATES
    ):
        return text
    raise ReadingError(
        f"{shown(value)} is no date",
        type=type,
        remedy="Expected a date cell or a text such as 2025-11-07; serial numbers are not guessed.",
    )


def _boolean(value: CellValue) -> bool:
    if isinstance(value, bool):
        return value
    text = plain(text_of(value)).casefold() if isinstance(value, str | int | float) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ReadingError(
        f"{shown(value)} is neither true nor false",
        type=FieldType.BOOLEAN,
        remedy="Expected TRUE or FALSE, Y or N, O or X, 1 or 0.",
    )
