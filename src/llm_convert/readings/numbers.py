"""Numbers as people write them, in Korean and English documents.

``parse_number`` reads a text that is nothing but a number; ``find_numbers`` finds numbers inside prose by the same
grammar. Values are exact ``Decimal``. Neither guesses: ``1,23`` or ``1.2.3`` is no number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from llm_convert.contracts.tables import FieldType
from llm_convert.readings.faults import ReadingError, shown
from llm_convert.readings.myriads import AMOUNT, EXACT, MULTIPLIER, values_of
from llm_convert.readings.texts import is_spreadsheet_error, plain

_LONGEST = 64
"""Characters of the longest text that is read as a number; it bounds the work and the precision."""

_BLANK = r"[ \u00a0]?"
# A multiplier after a blank counts only where no other word begins: "2 천안점" is 2, "1.2 억원" is not.
_TIMES = rf"(?:{MULTIPLIER}|[ \u00a0]{MULTIPLIER}(?=원|[^가-힣]|$))"
_TERMS = rf"{AMOUNT}{_TIMES}(?:{_BLANK}{AMOUNT}{_TIMES})*"
_CURRENCY_CODES = ("USD", "KRW", "EUR", "JPY", "CNY", "GBP")
_CURRENCY = rf"(?:US\$|[₩$€£¥\\]|(?:{'|'.join(_CURRENCY_CODES)}))"
_NEGATIVE = "-△▲▽▼"
_COUNTER = r"(?:원정?|달러|유로|엔|위안|명|인|건|개|회|대|매|장|세트|박스|EA|ea|PCS|pcs|KRW|USD|EUR|JPY|CNY)"

_WHOLE = re.compile(
    rf"(?P<open>\()?{_BLANK}(?P<sign>[-+△▲▽▼])?{_BLANK}{_CURRENCY}?{_BLANK}(?P<inner>[-△▲▽▼(])?{_BLANK}"
    rf"(?P<body>{_TERMS}(?:{_BLANK}{AMOUNT})?|{AMOUNT}(?:[eE][-+]?[0-9]{{1,3}})?)"
    rf"{_BLANK}(?P<percent>%p?)?{_BLANK}{_COUNTER}?{_BLANK}(?P<after>-)?{_BLANK}(?P<close>\){{1,2}})?"
)
_PHONE = re.compile(r"0[0-9]{8,}")
_TERM = re.compile(rf"(?P<gap>[ \u00a0])?(?P<amount>{AMOUNT})[ \u00a0]?(?P<times>{MULTIPLIER})?")

# Dates, times, telephone and version numbers: one separator used twice or more between digits.
_CHAINED = re.compile(r"(?<![0-9])[0-9]+([-./:])[0-9]+(?:\1[0-9]+)+")
_INSIDE = re.compile(
    r"(?<![0-9])(?<![0-9][.,])(?:(?<![A-Za-z_])(?<![A-Za-z]-)|(?<=USD)|(?<=KRW)|(?<=EUR)|(?<=JPY)|(?<=CNY)|(?<=GBP))"
    rf"(?P<body>{_TERMS}(?:{AMOUNT}|[ \u00a0]{AMOUNT}(?={_BLANK}원))?|{AMOUNT})(?![0-9]|[.,][0-9])"
)
_BEFORE = re.compile(
    rf"(?P<open>(?<!\S)\()?(?:(?P<sign>(?<![\w)])-|[△▲▽▼][ \u00a0]?){_CURRENCY}?"
    rf"|{_CURRENCY}[ \u00a0]?(?P<inner>[-△▲▽▼])?)?$"
)
_AFTER = re.compile(rf"{_BLANK}(?P<percent>%)?{_COUNTER}?(?:(?P<close>\)(?!\S))|(?P<after>-(?=\s\s|\s*$)))?")
_WINDOW = 12


def parse_number(text: str) -> Decimal:
    """The exact value of a text that is a number and nothing else.

    Reads separators of thousands (comma, no-break or thin space), ``(1,234)``, ``△1,234``, ``1,234-`` as negative,
    ``12.5%`` as 0.125, currencies, ``1억 2,345만``, full-width digits and common counters such as ``명``.

    Raises:
        ReadingError: for anything else, such as ``1,23``, ``12-34``, a date, a telephone number or an empty text.
    """
    read = plain(text)
    match = _WHOLE.fullmatch(read) if len(read) <= _LONGEST else None
    value = None if match is None else _signed(match)
    if value is None or _PHONE.fullmatch(read):
        raise _no_number(text, read)
    return value


def find_numbers(text: str) -> tuple[Decimal, ...]:
    """Every number inside a line of prose, in order, by the grammar of ``parse_number``.

    Dates, times and telephone numbers with two separators or more are left out, and so are the digits of a word such
    as ``W45``; a range such as ``3-5`` gives both ends. A number is negative by parentheses only where they stand
    alone: ``합계 (1,234)``, but not ``직원(35)``.
    """
    line = _CHAINED.sub(lambda match: "\ufffc" * len(match[0]), plain(text))
    return tuple(value for match in _INSIDE.finditer(line) for value in _in_context(line, match))


def _no_number(text: str, read: str) -> ReadingError:
    if is_spreadsheet_error(read):
        return ReadingError(
            f"{shown(text)} is the error of a formula, no number",
            type=FieldType.NUMBER,
            remedy="Mend the formula in the document.",
        )
    return ReadingError(
        f"{shown(text)} is no number",
        type=FieldType.NUMBER,
        remedy="Expected such as 1,234.5, (1,234), 12.5% or 1억 2,345만.",
    )


def _signed(match: re.Match[str]) -> Decimal | None:
    """The value of a whole match; None where parentheses or signs contradict each other."""
    opened = bool(match["open"]) + (match["inner"] == "(")
    if opened != len(match["close"] or ""):
        return None
    signs = [match["sign"], match["inner"] if match["inner"] != "(" else None, match["after"]]
    given = [sign for sign in signs if sign]
    if len(given) > 1 or opened > 1 or (opened and "+" in given) or (match["sign"] and match["inner"] == "("):
        return None
    values = _values(match["body"])
    if len(values) != 1:
        return None
    negative = opened == 1 or (given and given[0] != "+")
    return _with_percent(-values[0] if negative else values[0], match["percent"])


def _in_context(line: str, match: re.Match[str]) -> Iterator[Decimal]:
    """The values of one place of a line, with the signs that stand around it."""
    if len(match["body"]) > _LONGEST:
        return
    before = _BEFORE.search(line[max(0, match.start() - _WINDOW) : match.start()])
    after = _AFTER.match(line, match.end())
    enclosed = before is not None and after is not None and before["open"] and after["close"]
    negative = enclosed or (before and (before["sign"] or before["inner"])) or (after and after["after"])
    *leading, last = values_of(match["body"])
    yield from leading
    last = _with_percent(last, after["percent"] if after else None)
    yield -last if negative else last


def _with_percent(value: Decimal, percent: str | None) -> Decimal:
    return value.scaleb(-2, EXACT) if percent else value


def _values(body: str) -> tuple[Decimal, ...]:
    if re.search(r"[eE][-+]?[0-9]", body):
        return (Decimal(re.sub(r"[,\u00a0]", "", body)),)
    return values_of(body)
