"""Dates and periods as statistics write them: months in several languages, quarters, halves, years.

A text is read only when all of it is understood: what is left over must be marks, brackets or filler words.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from llm_convert.contracts.tables import FieldType
from llm_convert.programs.picks import DateForm, DateOrder
from llm_convert.readings import ReadingError, parse_date

_NAMES = {
    1: "january jan enero ene 1월 janvier januar gennaio janeiro",
    2: "february feb febrero février fevrier februar febbraio fevereiro",
    3: "march mar marzo mars märz maerz mrz março marco",
    4: "april apr abril abr avril aprile",
    5: "may mayo mai maggio maio",
    6: "june jun junio juin juni giugno junho",
    7: "july jul julio juillet juli luglio julho",
    8: "august aug agosto ago août aout",
    9: "september sept sep septiembre setiembre set septembre settembre setembro",
    10: "october oct octubre octobre oktober okt ottobre outubro out",
    11: "november nov noviembre novembre novembro",
    12: "december dec diciembre dic décembre decembre dezember dez dicembre dezembro",
}
MONTHS = {name: month for month, names in _NAMES.items() for name in names.split()}
_ORDINALS = {
    **{"first": 1, "second": 2, "third": 3, "fourth": 4},
    **{"primer": 1, "primero": 1, "segundo": 2, "tercer": 3, "tercero": 3, "cuarto": 4},
}
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_NUMERAL = r"(?P<n>[1-4]|iv|i{1,3}|first|second|third|fourth|primero?|segundo|tercero?|cuarto)"
_ENDING = r"(?: ?(?:st|nd|rd|th|er|ro|do|to|[º°ªo.]))?"
_QUARTER_WORD = r"(?:quarters?|qtr|trimestre|trimester|trim|quartal|[qt]|분기|/ ?4 ?분기)"
_QUARTERS = (
    re.compile(rf"(?<![\w]){_NUMERAL}{_ENDING} ?(?:de )?{_QUARTER_WORD}(?![a-z])\.?"),
    re.compile(rf"(?<![a-z])(?:quarter|qtr|trim(?:estre)?|quartal|q|t)\.? ?{_NUMERAL}(?![\w])"),
)
_HALF = re.compile(
    r"(?P<k>상|하) ?반기|(?<!\w)(?P<n>[12]|i{1,2}|first|second|primer|segundo)(?:st|nd|er|[º°])? ?"
    r"(?:half|semestre|semester|반기)|(?<!\w)(?:h|s)(?P<m>[12])(?!\w)"
)
_ROMAN_SIGNS = str.maketrans(
    {chr(0x2160 + n): text for n, text in enumerate(("i", "ii", "iii", "iv"))}
    | {chr(0x2170 + n): text for n, text in enumerate(("i", "ii", "iii", "iv"))}
)
_OF_FOUR = re.compile(r"(?<![\d/])(?P<n>[1-4]|iv|i{1,3}) ?/ ?4(?![\d/])")
"""``2020 1/4`` is a quarter in Korea; it counts only beside a year."""
_LONE_NUMERAL = re.compile(r"(?<!\w)(?P<n>iv|i{1,3})(?!\w)")
_MONTH_NAME = re.compile(r"(?<![^\W\d_])(?P<name>[^\W\d_]{3,10})(?![^\W\d_])\.?")
_MONTH_NUMBER = re.compile(r"(?<!\d)(?P<n>1[0-2]|0?[1-9]) ?월|(?<!\w)m(?P<m>1[0-2]|0?[1-9])(?!\w)")
_YEAR = re.compile(r"(?<!\d)(?P<y>(?:1[89]|20|21)\d{2})(?!\d)(?: ?(?:년도?|年))?")
_SHORT_YEAR = re.compile(r"(?<![\d.])'?(?P<y>\d{2})(?!\d)(?: ?년)?")
_YEAR_MONTH = re.compile(r"(?<!\d)(?P<y>(?:1[89]|20|21)\d{2}) ?[-./] ?(?P<m>1[0-2]|0?[1-9])(?![\d.])\.?")
_MONTH_YEAR = re.compile(r"(?<!\d)(?P<m>1[0-2]|0?[1-9]) ?[-/.] ?(?P<y>(?:1[89]|20|21)\d{2})(?!\d)")
_COMPACT = re.compile(r"(?<!\d)(?P<y>(?:19|20)\d{2})(?P<m>0[1-9]|1[0-2])(?!\d)")
_DIGIT_DAY = re.compile(r"(?<!\d)(?P<a>\d{1,2}) ?[-/.] ?(?P<b>\d{1,2}) ?[-/.] ?(?P<y>\d{4}|\d{2})(?!\d)")
_DAY = re.compile(r"(?<!\d)(?P<d>[0-3]?\d)(?:st|nd|rd|th|[º°.])?(?!\d)(?: ?일)?")
_TWO_YEARS = re.compile(r"(?<!\d)(?P<a>(?:1[89]|20|21)\d{2}) ?[-/\u2013] ?(?P<b>(?:1[89]|20|21)\d{2}|\d{1,2})(?!\d)")
_YEAR_WORDS = re.compile(r"school|academic|fiscal|financial|ay|학|회계|연도|도")
_TAKEN = " \x1f "
"""Stands where a part was taken out, so that what follows it can be told from what precedes."""
_FILLER = re.compile(
    r"\b(?:of|de|del|the|year|yr|fy|cy|año|ano|ending|ended|end|as|at|to|since|in|month|el|al|für|im|p|r|e|rev|prov|prel)\b"
    r"|[\W_]|[년월일]"
)


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last day."""

    first: date
    last: date
    form: DateForm
    """How exact it is: START for a day, else MONTH, QUARTER or YEAR; a half-year counts as YEAR's END."""


def given_as(period: Period, form: DateForm) -> str:
    """A period in the form that a program asks for.

    Raises:
        ReadingError: for the month of a year, or the quarter of one.
    """
    months = (period.last.year - period.first.year) * 12 + period.last.month - period.first.month + 1
    match form:
        case DateForm.START:
            return period.first.isoformat()
        case DateForm.END:
            return period.last.isoformat()
        case DateForm.MONTH if months == 1:
            return f"{period.first:%Y-%m}"
        case DateForm.QUARTER if months <= 3:
            return f"{period.first.year}-Q{(period.first.month + 2) // 3}"
        case DateForm.YEAR:
            return str(period.first.year)
    raise ReadingError(
        f"{period.first} to {period.last} is longer than a {form.value}",
        type=FieldType.DATE,
        remedy="Use start or end.",
    )


@lru_cache(maxsize=4_096)
def parse_period(text: str, order: DateOrder = DateOrder.YMD, years_from: int | None = None) -> Period:
    """The period that a text names and nothing else.

    Args:
        text: as a cell has it.
        order: of days in digits.
        years_from: the month in which years of two numbers begin; without it 2016/17 is no period, and 2010/11 a month.

    Raises:
        ReadingError: where it is none, or where some of it is not understood.
    """
    line = " ".join(unicodedata.normalize("NFC", text).translate(_ROMAN_SIGNS).casefold().split())[:80]
    if years_from is not None and (year := _year_of_two(line, years_from)):
        return year
    day = _digits(line, order)
    if day is None:
        try:
            day = parse_date(text)
        except ReadingError:
            found = _composed(line)
            if found is None:
                raise _none(text) from None
            return found
    return Period(day, day, DateForm.START)


def _none(text: str) -> ReadingError:
    return ReadingError(
        f"{text[:60]!r} is no date or period",
        type=FieldType.DATE,
        remedy="Expected such as 1986 1st quarter, 2014-03, marzo 2001, 2020년 3월; join the parts that stand apart.",
    )


def _year_of_two(line: str, begins: int) -> Period | None:
    match = _TWO_YEARS.search(line)
    if match is None or _YEAR_WORDS.sub("", _rest(line, match)):
        return None
    first, second = int(match["a"]), match["b"]
    if str(first + 1)[-len(second) :] != second:
        return None
    return Period(date(first, begins, 1), date(first + 1, begins, 1) - timedelta(days=1), DateForm.YEAR)


def _digits(line: str, order: DateOrder) -> date | None:
    """A day in digits whose order the program tells."""
    match = _DIGIT_DAY.fullmatch(line.strip(" .()*"))
    if match is None or order is DateOrder.YMD:
        return None
    a, b = int(match["a"]), int(match["b"])
    day, month = (a, b) if order is DateOrder.DMY else (b, a)
    try:
        return date(_year(match["y"]), month, day)
    except ValueError:
        raise ReadingError(
            f"{line!r} is no day in the order {order.value}", type=FieldType.DATE, remedy="Change order."
        ) from None


def _year(digits: str) -> int:
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 69 else 1900)


def _composed(line: str) -> Period | None:
    """A year with a quarter, a half, a month, or a month and a day; each part is taken out, little may remain."""
    for form in (_YEAR_MONTH, _MONTH_YEAR, _COMPACT):
        if (match := form.search(line)) and _rest(line, match) == "":
            return _month(int(match["y"]), int(match["m"]))
    month, line = _take_month(line)
    length = 1
    if month is None:
        month, length, line = _take_part(line)
    year, line = _take_year(line, short=month is not None)
    if year is None:
        return None
    day, rest = None, _FILLER.sub("", line)
    if rest and month is not None and length == 1 and (match := _DAY.search(line)):
        day, rest = int(match["d"]), _rest(line, match)
    if rest:
        return None
    return _period(year, month, length, day)


def _period(year: int, month: int | None, length: int, day: int | None) -> Period | None:
    if month is None:
        return Period(date(year, 1, 1), date(year, 12, 31), DateForm.YEAR)
    if day is not None:
        if not 1 <= day <= monthrange(year, month)[1]:
            return None
        return Period(date(year, month, day), date(year, month, day), DateForm.START)
    if length == 1:
        return _month(year, month)
    last = month + length - 1
    form = DateForm.QUARTER if length == 3 else DateForm.END
    return Period(date(year, month, 1), date(year, last, monthrange(year, last)[1]), form)


def _month(year: int, month: int) -> Period:
    return Period(date(year, month, 1), date(year, month, monthrange(year, month)[1]), DateForm.MONTH)


def _rest(line: str, match: re.Match[str]) -> str:
    return _FILLER.sub("", line[: match.start()] + " " + line[match.end() :])


def _cut(line: str, match: re.Match[str]) -> str:
    return line[: match.start()] + _TAKEN + line[match.end() :]


def _take_month(line: str) -> tuple[int | None, str]:
    for named in _MONTH_NAME.finditer(line):
        month = MONTHS.get(named["name"])
        if month is not None:
            return month, _cut(line, named)
    if match := _MONTH_NUMBER.search(line):
        return int(match["n"] or match["m"]), _cut(line, match)
    return None, line


def _take_part(line: str) -> tuple[int | None, int, str]:
    """The first month and the length of a quarter or a half-year."""
    for form in _QUARTERS:
        if quarter := form.search(line):
            return 3 * _numeral(quarter["n"]) - 2, 3, _cut(line, quarter)
    if half := _HALF.search(line):
        second = half["k"] == "하" or (half["n"] or half["m"]) in {"2", "ii", "second", "segundo"}
        return 7 if second else 1, 6, _cut(line, half)
    # Only a numeral beside a year: 1998 IV, 2020 1/4
    if (alone := _OF_FOUR.search(line) or _LONE_NUMERAL.search(line)) and _YEAR.search(line):
        return 3 * _numeral(alone["n"]) - 2, 3, _cut(line, alone)
    return None, 1, line


def _numeral(text: str) -> int:
    return int(text) if text.isdigit() else _ROMAN.get(text) or _ORDINALS[text]


def _take_year(line: str, *, short: bool) -> tuple[int | None, str]:
    if match := _YEAR.search(line):
        return int(match["y"]), _cut(line, match)
    # Mar-93 and '93 3월 name a year by two digits, but 19-Dec may as well be a day.
    found = list(_SHORT_YEAR.finditer(line)) if short else []
    sure = [match for match in found if _TAKEN in line[: match.start()] or match[0][0] == "'" or "년" in match[0]]
    return (_year(sure[-1]["y"]), _cut(line, sure[-1])) if sure else (None, line)
