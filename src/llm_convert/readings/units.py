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
    """``KRW``, ``USD``, ``%``, ``EA`` or what the text says; empty where it names only a multiple
    (``in thousands``), or ``¥``, which is the sign of two currencies."""
    scale: Decimal
    """Stated number times scale is the number of units: 1000 for ``천원``, 0.01 for ``%``."""


def _one_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_WORDS_OF = {
    "KRW": ("원", "won", "korean won", "₩"),
    "USD": ("달러", "불", "미불", "us$", "$", "dollar", "dollars", "us dollars", "u.s. dollars"),
    "JPY": ("엔", "엔화", "yen", "japanese yen", "jp¥"),
    "CNY": ("위안", "rmb", "yuan", "cn¥"),
    "EUR": ("유로", "euro", "euros", "€"),
    "GBP": ("파운드화", "pound sterling", "pounds sterling", "sterling", "£"),
    "CHF": ("swiss franc", "swiss francs"),
    "CAD": ("c$", "ca$", "canadian dollars"),
    "AUD": ("a$", "au$", "australian dollars"),
    "NZD": ("nz$", "new zealand dollars"),
    "HKD": ("hk$", "hong kong dollars"),
    "SGD": ("s$", "singapore dollars"),
    "TWD": ("nt$",),
    "BRL": ("r$", "reais"),
    "INR": ("₹", "rupees"),
    "VND": ("₫",),
    "THB": ("฿", "baht"),
    "PHP": ("₱",),
    "TRY": ("₺",),
    "RUB": ("₽", "roubles"),
    "": ("¥",),
}
_NO_CODES = frozenset({"PHP", "RUB", "TRY"})
"""They are other words too, in the small letters that everything is read in."""
_CURRENCIES = {word: name for name, words in _WORDS_OF.items() for word in words}
_CURRENCIES |= {
    name.casefold(): name for name in {*_WORDS_OF, "SEK", "NOK", "DKK", "PLN", "MXN", "ZAR"} - _NO_CODES if name
}
CURRENCY_NAMES = frozenset(_CURRENCIES.values()) - {""}
"""The codes by which currencies are named here."""
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
_ENGLISH = {"'000": 3, "000": 3, "thousand": 3, "mn": 6, "million": 6, "bn": 9, "billion": 9, "trillion": 12}
_SHORT = {"k": 3, "m": 6}
"""Only right after a currency: m is a metre as well. ``$M`` is not read: in some trades M is a thousand."""
_SCALES = _KOREAN | _ENGLISH

_NAME, _CURRENCY = _one_of(_NAMES), _one_of(_CURRENCIES)
_GRAMMAR = (
    re.compile(rf"(?P<scale>{_one_of(_KOREAN)})? ?(?P<name>{_NAME})"),
    re.compile(rf"(?P<name>{_CURRENCY}) ?(?P<scale>{_one_of(_KOREAN)})"),
    re.compile(rf"(?:in )?(?P<name>{_CURRENCY}) ?(?P<scale>{_one_of(_SHORT)})"),
    re.compile(rf"(?P<name>{_CURRENCY}) ?(?:in )?(?P<scale>{_one_of(_ENGLISH)})s?"),
    re.compile(rf"(?P<alone>in )?(?:(?P<name>{_CURRENCY}) ?)?(?P<scale>{_one_of(_ENGLISH)})s?"),
    re.compile(rf"in (?P<name>{_CURRENCY})"),
    re.compile(rf"(?:in )?(?P<scale>{_one_of(_ENGLISH)})s? (?:of )?(?P<name>{_CURRENCY})"),
)
_BARE_SCALE = re.compile(rf"(?P<scale>{_one_of(_SCALES)})s?")
_ANY_SCALE = re.compile(
    rf"(?<![^\W_])(?<![0-9][., ])(?P<scale>{_one_of(_SCALES)})s?(?![^\W_])"
    r"|(?<![\w.,])(?P<digits>1(?:,?000)+|100?,?000)(?![\w]|[.,][0-9])"
)
_RATE = re.compile(r"\b(?:per|out of|every)\b|당(?![가-힣])|%|‰|/")
"""A number per thousand is no thousand."""
_FIGURES = re.compile(
    r"(?:all )?(?:figures?|amounts?|values?|data|numbers?)?(?: are| is)?"
    r"(?: ?(?:expressed|stated|shown|given|reported))? ?(?=in )"
)

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
    line = _line(text)
    return _marked_unit(line) or next((unit for stated in _unmarked(line) if (unit := _known(stated))), None)


def declared_unit(text: str) -> Unit | None:
    """The unit of a text that is known to state one: there a bare multiple counts too, as in ``Thousands of units``.

    Of two multiples none is taken, nor one that is part of a rate: ``per 1,000 persons``.
    """
    unit = find_unit(text)
    if unit is not None:
        return unit
    line = _line(text).casefold()
    if _RATE.search(line):
        return None
    scales = {
        _scale(match["scale"]) if match["scale"] else _digits(match["digits"]) for match in _ANY_SCALE.finditer(line)
    }
    return Unit(name="", scale=scales.pop()) if len(scales) == 1 else None


def _digits(number: str) -> Decimal:
    return Decimal(number.replace(",", ""))


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", plain(text).replace(THIN_SPACE, " ")).strip()


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
    for stated in (*(match["unit"] for match in _BRACKETED.finditer(line)), line):
        said = _figures_dropped(stated)
        yield said
        if stated is not line or said.casefold().startswith("in "):
            yield said.split(",")[0]
    if trailing := _TRAILING.search(line):
        yield trailing["unit"]


def _figures_dropped(text: str) -> str:
    """``figures in £ millions`` without its first word."""
    match = _FIGURES.match(text.strip().casefold())
    return text.strip()[match.end() :] if match else text


def _known(text: str) -> Unit | None:
    words = text.casefold().strip()
    if words == "%":
        return Unit(name="%", scale=Decimal("0.01"))
    for pattern in _GRAMMAR:
        match = pattern.fullmatch(words)
        if match is None:
            continue
        parts = match.groupdict(default="")
        if parts.get("scale") == "m" and "$" in parts["name"] and text.strip().endswith("M"):
            continue
        if parts["name"] or parts.get("alone"):
            return Unit(name=_NAMES.get(parts["name"], ""), scale=_scale(parts.get("scale", "")))
    return None


def _multiple(text: str) -> Unit | None:
    match = _BARE_SCALE.fullmatch(text.casefold())
    return Unit(name="", scale=_scale(match["scale"])) if match else None


def _scale(word: str) -> Decimal:
    return Decimal(10 ** (_SCALES | _SHORT)[word]) if word else Decimal(1)
