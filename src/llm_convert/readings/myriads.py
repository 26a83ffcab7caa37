"""Amounts with multipliers, and how several make one number: ``1억 2,345만`` is one, ``5천 3만`` are two."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal

EXACT = Context(prec=200)
"""Wide enough that nothing here rounds: the default context would round to 28 digits."""

_SMALL = {"십": 1, "백": 2, "천": 3}
_LARGE = {"만": 4, "억": 8, "조": 12}
_WORDS = {"thousand": 3, "million": 6, "billion": 9}
_OPEN_END = 40

DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:\u00a0[0-9]{3})+|[0-9]+)"
AMOUNT = rf"(?:{DIGITS}(?:\.[0-9]+)?|\.[0-9]+)"
MULTIPLIER = r"(?:[십백천]?[조억만]|[십백천]|(?i:thousand|million|billion)(?![A-Za-z]))"
_TERM = re.compile(rf"(?P<gap>[ \u00a0])?(?P<amount>{AMOUNT})[ \u00a0]?(?P<times>{MULTIPLIER})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """An amount and its multiplier: ``2천만`` has the amount 2, ``small`` 3 and ``large`` 4 (powers of ten)."""

    amount: Decimal
    small: int
    large: int
    apart: bool
    """Whether a blank stands before it."""


def terms_of(body: str) -> tuple[Term, ...]:
    """The terms of a text that consists of amounts and multipliers."""
    return tuple(_term(match) for match in _TERM.finditer(body))


def _term(match: re.Match[str]) -> Term:
    times = (match["times"] or "").lower()
    return Term(
        amount=Decimal(re.sub(r"[,\u00a0]", "", match["amount"])),
        small=_WORDS.get(times, _SMALL.get(times[:1], 0)),
        large=_LARGE.get(times[-1:], 0),
        apart=match["gap"] is not None,
    )


def values_of(body: str) -> tuple[Decimal, ...]:
    """The numbers that a chain of terms makes: one, or more where the terms cannot belong together."""
    sums: list[_Sum] = []
    for term in terms_of(body):
        if not sums or not sums[-1].takes(term):
            sums.append(_Sum())
        sums[-1].add(term)
    return tuple(total.value for total in sums)


class _Sum:
    """A number while its terms are read: whole myriads in ``total``, and what waits for its 만, 억 or 조."""

    def __init__(self) -> None:
        self.total = self.waiting = Decimal(0)
        self.large = self.small = _OPEN_END
        self.closed = False

    def takes(self, term: Term) -> bool:
        """Whether a term continues this number: each must fit below the multiplier before it."""
        if self.closed or term.large >= self.large or term.small >= self.small:
            return False
        if self.waiting and term.large and term.apart:
            return False
        amount = term.amount.scaleb(term.small, EXACT)
        below_small = amount.adjusted() < self.small
        return below_small and EXACT.add(self.waiting, amount).adjusted() + term.large < self.large

    def add(self, term: Term) -> None:
        """Take a term in."""
        self.waiting = EXACT.add(self.waiting, term.amount.scaleb(term.small, EXACT))
        self.small = term.small
        # A fraction and a term without a Korean multiplier can only be the last: nothing fits below them.
        self.closed = term.amount != term.amount.to_integral_value() or (
            term.large == 0 and term.small not in _SMALL.values()
        )
        if term.large:
            self.total = EXACT.add(self.total, self.waiting.scaleb(term.large, EXACT))
            self.waiting, self.large, self.small = Decimal(0), term.large, _OPEN_END

    @property
    def value(self) -> Decimal:
        return EXACT.add(self.total, self.waiting)
