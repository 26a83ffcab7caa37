"""The unit that a title, a header or a note states for the numbers below it.

Only text that states a unit counts: ``(단위: 천원)``, ``매출액(백만원)``, ``in thousands``. Prose that happens to hold
such a word, as ``천원짜리 지폐`` does, states none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from llm_convert.readings.texts import THIN_SPACE, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a stated number counts, and what to multiply it with."""

    name: str
    """``KRW``, ``USD``, ``%``, ``EA`` or what the text says; empty where it names only a multiple: ``in thousands``."""
    scale: Decimal
    """Stated number times scale is the number of units: 1000 for ``천원``, 0.01 for ``%``."""


def _one_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_CURRENCIES = {
    **dict.fromkeys(("원", "krw", "won", "korean won", "₩"), "KRW"),
    **dict.fromkeys(
        ("달러", "불", "미불", "usd", "us$", "$", "dollar", "dollars", "us dollars", "u.s. dollars"), "USD"
    ),
    **dict.fromkeys(("엔", "엔화", "jpy", "yen", "japanese yen", "¥"), "JPY"),
    **dict.fromkeys(("유로", "eur", "euro", "euros", "€"), "EUR"),
    **dict.fromkeys(("위안", "cny", "rmb", "yuan"), "CNY"),
}
# Left out on purpose, since brackets give them other meanings: (일) is Sunday, (인) a seal.
_COUNTS = {
    "ea": "EA",
    "pcs": "PCS",
    "kg": "kg",
    "ton": "ton",
    **{word: word for word in ("개", "명", "건", "톤", "시간")},
}
_NAMES = _CURRENCIES | _COUNTS
_KOREAN = {
    "십": 1,
    "백": 2,
    "천": 3,
    "만": 4,
    "십만": 5,
    "백만": 6,
    "천만": 7,
    "억": 8,
    "십억": 9,
    "백억": 10,
    "천억": 11,
    "조": 12,
}
_ENGLISH = {"'000": 3, "000": 3, "thousand": 3, "mn": 6, "million": 6, "bn": 9, "billion": 9}
_SCALES = _KOREAN | _ENGLISH

_NAME, _CURRENCY = _one_of(_NAMES), _one_of(_CURRENCIES)
_GRAMMAR = (
    re.compile(rf"(?P<scale>{_one_of(_KOREAN)})? ?(?P<name>{_NAME})"),
    re.compile(rf"(?P<name>{_CURRENCY}) ?(?P<scale>{_one_of(_KOREAN)})"),
    re.compile(rf"(?P<name>{_CURRENCY}) ?(?:in )?(?P<scale>{_one_of(_ENGLISH)})s?"),
    re.compile(rf"(?P<alone>in )?(?:(?P<name>{_CURRENCY}) )?(?P<scale>{_one_of(_ENGLISH)})s?"),
    re.compile(rf"(?:in )?(?P<scale>{_one_of(_ENGLISH)})s? (?:of )?(?P<name>{_CURRENCY})"),
)
_BARE_SCALE = re.compile(rf"(?P<scale>{_one_of(_SCALES)})s?")

_MARKED = re.compile(
    r"(?P<lead>[가-힣A-Za-z]+ ?)?(?:단위|(?<![A-Za-z])units?) ?: ?(?P<unit>[^()\[\]<>{}|;]+)", re.IGNORECASE
)
_BRACKETED_MARK = re.compile(r"(?P<lead>)[(\[<] ?단위 (?P<unit>[^()\[\]<>]+)[)\]>]")
_BRACKETED = re.compile(r"[(\[](?P<unit>[^()\[\]]{1,40})[)\]]")
_TRAILING = re.compile(
    rf"[\s,](?P<unit>(?:{_CURRENCY}) ?(?:in )?(?:{_one_of(_ENGLISH)})s?|in (?:{_one_of(_ENGLISH)})s?)$", re.IGNORECASE
)
_UNKNOWN_NAME = re.compile(r"[^\s0-9A-Za-z]{1,6}|[A-Za-z]{1,4}")


def find_unit(text: str) -> Unit | None:
    """The unit that a text states, such as ``(단위: 천원)``; None where it states none.

    Of several, as in ``(단위: 천원, %)``, it is the first.
    """
    line = re.sub(r"\s+", " ", plain(text).replace(THIN_SPACE, " "))
    return _marked_unit(line) or next((unit for stated in _unmarked(line) if (unit := _known(stated))), None)


def _marked_unit(line: str) -> Unit | None:
    """The unit after a mark such as ``단위:``. There a bare multiple is one, and so is a name that nobody knows."""
    for match in (*_MARKED.finditer(line), *_BRACKETED_MARK.finditer(line)):
        first = re.split(r"[,/·]", match["unit"])[0].strip(" .")
        words = first.split()
        for count in range(len(words), 0, -1):
            said = " ".join(words[:count])
            unit = _known(said) or _multiple(said)
            if unit is not None:
                return unit
        # 'Business unit: Sales' names no unit; '(단위: 박스)' does.
        if not match["lead"] and _UNKNOWN_NAME.fullmatch(first):
            return Unit(name=first, scale=Decimal(1))
    return None


def _unmarked(line: str) -> Iterator[str]:
    """The places where a text may state a unit without saying that it is one."""
    for match in _BRACKETED.finditer(line):
        yield match["unit"]
        yield match["unit"].split(",")[0]
    yield line
    if line.casefold().startswith("in "):
        yield line.split(",")[0]
    if trailing := _TRAILING.search(line):
        yield trailing["unit"]


def _known(text: str) -> Unit | None:
    words = text.casefold().strip()
    if words == "%":
        return Unit(name="%", scale=Decimal("0.01"))
    for pattern in _GRAMMAR:
        match = pattern.fullmatch(words)
        if match is None:
            continue
        parts = match.groupdict()
        if parts["name"] or parts.get("alone"):
            return Unit(name=_NAMES.get(parts["name"] or "", ""), scale=_scale(parts["scale"]))
    return None


def _multiple(text: str) -> Unit | None:
    match = _BARE_SCALE.fullmatch(text.casefold())
    return Unit(name="", scale=_scale(match["scale"])) if match else None


def _scale(word: str | None) -> Decimal:
    return Decimal(10 ** _SCALES[word]) if word else Decimal(1)
