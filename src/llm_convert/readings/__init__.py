"""From what stands in a document to a typed value: numbers, dates and units as people write them.

Pure functions without state, configuration or I/O; this room imports ``contracts`` and ``errors`` alone. It never
guesses: what has two readings, such as ``01/02/2025``, raises ``ReadingError``.

    read("△1,234", FieldType.DECIMAL)         # "-1234"
    read("2025. 11. 7.(금)", FieldType.DATE)  # "2025-11-07"
    find_unit("(단위: 천원)")                  # Unit(name="KRW", scale=Decimal("1000"))
"""

from __future__ import annotations

from llm_convert.readings.dates import find_dates, parse_date
from llm_convert.readings.faults import ReadingError
from llm_convert.readings.numbers import find_numbers, parse_number
from llm_convert.readings.texts import is_missing, text_of
from llm_convert.readings.times import parse_datetime
from llm_convert.readings.units import CURRENCY_NAMES, Unit, declared_unit, find_unit
from llm_convert.readings.values import read, same, scaled

__all__ = [
    "CURRENCY_NAMES",
    "ReadingError",
    "Unit",
    "declared_unit",
    "find_dates",
    "find_numbers",
    "find_unit",
    "is_missing",
    "parse_date",
    "parse_datetime",
    "parse_number",
    "read",
    "same",
    "scaled",
    "text_of",
]
