"""Sheets of one layout, such as one for each month or branch: the second and later ones are shown by what differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from llm_convert.programs.folding import HEAD_ROWS
from llm_convert.programs.row_kinds import MARK_CHARS, Kinds

LEAST_SHARE = 0.75
"""Of the texts in the first rows, of those of headers, and of the columns of numbers: so many must be the same."""
_MOST_KINDS = 8
"""Kinds of rows that the other sheet has not; more are another layout."""
_DIGITS = re.compile(r"[0-9]+")


class Shown:
    """A sheet as others are compared with it.

    Args:
        name: the sheet's.
        kinds: its rows.
        whole: every row counts, since the sheet is short enough to be shown whole; else the first ones and the kinds.
    """

    def __init__(self, name: str, kinds: Kinds, *, whole: bool) -> None:
        self.name, self.kinds, self.whole = name, kinds, whole
        rows = list(kinds.filled)
        self._head = rows if whole else rows[:HEAD_ROWS]
        self._texts = {row: self._texts_of(row) for row in self._head}
        self._folded = {
            (row, column): _DIGITS.sub("0", text) for row, own in self._texts.items() for column, text in own.items()
        }

    def differing(self, other: Shown) -> list[int] | None:
        """The rows that tell this sheet from another of the same layout; None where the layout is another."""
        if self.whole is not other.whole or not self._alike(other):
            return None
        differing = {row for row in self._head if self._differs(row, other)}
        known = set(other.kinds.rows)
        new = [rows for kind, rows in self.kinds.rows.items() if kind not in known]
        if len(new) > _MOST_KINDS:
            return None
        return sorted(differing.union(*(rows if self.whole else rows[:2] for rows in new)))

    def _texts_of(self, row: int) -> dict[int, str]:
        """What a row says, by column: in headers its numbers too; marks among the data of long sheets say nothing."""
        plane, data = self.kinds.plane, row >= self.kinds.first_data
        said = [at for at in self.kinds.filled[row] if not data or isinstance(plane.value(row, at), str)]
        texts = {column: plane.text((row, column)) for column in said}
        return {column: text for column, text in texts.items() if self.whole or not data or len(text) > MARK_CHARS}

    def _alike(self, other: Shown) -> bool:
        """Labels of the data may well agree where the columns do not: headers and numbers must agree by themselves."""
        shares = (
            _share(self._folded.items(), other._folded.items()),
            _share(self._headers, other._headers),
            _share(self.kinds.numeric, other.kinds.numeric),
        )
        return len(self._folded) > 1 and min(shares) >= LEAST_SHARE

    @cached_property
    def _headers(self) -> set[tuple[tuple[int, int], str]]:
        """The texts above the data, but for titles, which stand alone in their rows."""
        return {
            (at, text)
            for at, text in self._folded.items()
            if at[0] < self.kinds.first_data and len(self.kinds.filled[at[0]]) > 1
        }

    def _differs(self, row: int, other: Shown) -> bool:
        """Above the data and in short sheets other digits count as well: another year, another unit."""
        if self.whole or row < self.kinds.first_data:
            return self._texts[row] != other._texts.get(row)
        return {at: text for at, text in self._folded.items() if at[0] == row} != {
            at: text for at, text in other._folded.items() if at[0] == row
        }


def _share(one: Iterable[object], other: Iterable[object]) -> float:
    """Which part of two collections is in both; 1 where both are empty."""
    ours, theirs = set(one), set(other)
    return len(ours & theirs) / max(len(ours), len(theirs), 1) if ours or theirs else 1.0


def nearest(one: Shown, others: Sequence[Shown]) -> tuple[Shown, list[int]] | None:
    """The sheet from which another differs in the fewest rows, and these rows; None where none is of its layout."""
    found = [(other, rows) for other in others if (rows := one.differing(other)) is not None]
    return min(found, key=lambda pair: len(pair[1]), default=None)
