"""Which found row is which expected one. The order of rows means nothing."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

from llm_convert.contracts.base import Scalar

Tokens = tuple[str | None, ...]
"""A row's cells as texts that are equal exactly when the values are; None where nothing stands."""

MOST_COMPARED = 250_000
"""Pairs of rows that are compared cell by cell; beyond that, rows that neither are the same nor share a key are told
as missing and extra."""


def token(value: Scalar) -> str | None:
    """A canonical value as a text; numbers without trailing zeros, text by NFC with white space collapsed."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int() | float():
            return format(Decimal(repr(value)).normalize(), "f")
        case _:
            return " ".join(unicodedata.normalize("NFC", value).split()) or None


def pairs_of(expected: Sequence[Tokens], found: Sequence[Tokens], key: Sequence[int]) -> list[tuple[int, int]]:
    """Positions of rows that belong together: the same ones, those of one key, then the most alike.

    Args:
        key: the columns that tell two rows of one document apart; empty where none do.
    """
    pairing = _Pairing(expected, found)
    pairing.take_same()
    if key:
        pairing.take_by_key(key)
    pairing.take_alike()
    return pairing.pairs


class _Pairing:
    def __init__(self, expected: Sequence[Tokens], found: Sequence[Tokens]) -> None:
        self.pairs: list[tuple[int, int]] = []
        self._expected, self._found = expected, found
        # Sorted, so that rows in another order are paired alike.
        self._left = sorted(range(len(expected)), key=lambda position: _sortable(expected[position]))
        self._right = sorted(range(len(found)), key=lambda position: _sortable(found[position]))

    def take_same(self) -> None:
        """Rows whose every cell is equal."""
        places: dict[Tokens, list[int]] = defaultdict(list)
        for right in reversed(self._right):
            places[self._found[right]].append(right)
        self._take([(left, same.pop()) for left in self._left if (same := places.get(self._expected[left]))])

    def take_by_key(self, key: Sequence[int]) -> None:
        """Rows whose key is equal and stands once on either side."""

        def keyed(rows: Sequence[Tokens], positions: list[int]) -> dict[Tokens, int]:
            keys = {position: tuple(rows[position][column] for column in key) for position in positions}
            once = Counter(keys.values())
            return {found: position for position, found in keys.items() if once[found] == 1 and any(found)}

        left, right = keyed(self._expected, self._left), keyed(self._found, self._right)
        self._take([(position, right[found]) for found, position in left.items() if found in right])

    def take_alike(self) -> None:
        """Rows that share a filled cell, those first that share most."""
        if len(self._left) * len(self._right) > MOST_COMPARED:
            return
        alike = [
            (-_shared(self._expected[left], self._found[right]), place, other, left, right)
            for place, left in enumerate(self._left)
            for other, right in enumerate(self._right)
        ]
        taken_left: set[int] = set()
        taken_right: set[int] = set()
        taken = []
        for shared, _, _, left, right in sorted(alike):
            if shared and left not in taken_left and right not in taken_right:
                taken_left.add(left)
                taken_right.add(right)
                taken.append((left, right))
        self._take(taken)

    def _take(self, pairs: list[tuple[int, int]]) -> None:
        self.pairs += pairs
        lefts, rights = {left for left, _ in pairs}, {right for _, right in pairs}
        self._left = [left for left in self._left if left not in lefts]
        self._right = [right for right in self._right if right not in rights]


def _shared(one: Tokens, other: Tokens) -> int:
    return sum(a is not None and a == b for a, b in zip(one, other, strict=True))


def _sortable(row: Tokens) -> tuple[tuple[bool, str], ...]:
    return tuple((cell is not None, cell or "") for cell in row)
