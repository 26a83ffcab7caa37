"""Sheets of one layout, such as one for each month or branch: the second and later ones are shown by what differs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_convert.programs.folding import HEAD_ROWS
from llm_convert.programs.row_kinds import MARK_CHARS, Kinds

LEAST_SHARE = 0.75
"""Of the texts in the first rows, that must stand at the same places with the same words."""
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
        """Texts by column. Of long sheets marks among numbers say nothing of the layout."""
        plane, data = self.kinds.plane, not self.whole and row >= self.kinds.first_data
        columns = (column for column in self.kinds.filled[row] if isinstance(plane.value(row, column), str))
        texts = {column: plane.text((row, column)) for column in columns}
        return {column: text for column, text in texts.items() if not data or len(text) > MARK_CHARS}

    def _alike(self, other: Shown) -> bool:
        shared = sum(other._folded.get(at) == text for at, text in self._folded.items())
        return shared > 1 and shared >= LEAST_SHARE * max(len(self._folded), len(other._folded))

    def _differs(self, row: int, other: Shown) -> bool:
        """Above the data and in short sheets other digits count as well: another year, another unit."""
        if self.whole or row < self.kinds.first_data:
            return self._texts[row] != other._texts.get(row)
        return {at: text for at, text in self._folded.items() if at[0] == row} != {
            at: text for at, text in other._folded.items() if at[0] == row
        }


def nearest(one: Shown, others: Sequence[Shown]) -> tuple[Shown, list[int]] | None:
    """The sheet from which another differs in the fewest rows, and these rows; None where none is of its layout."""
    found = [(other, rows) for other in others if (rows := one.differing(other)) is not None]
    return min(found, key=lambda pair: len(pair[1]), default=None)
