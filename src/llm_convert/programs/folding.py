"""Which rows of a big sheet are shown in its view, and what is said of the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llm_convert.contracts.document import column_letters
from llm_convert.layouts.totals import closes_a_group
from llm_convert.programs.plane import Plane, Position
from llm_convert.programs.predicates import Content
from llm_convert.programs.view_rows import RowKind, quoted, row_kind, type_name

HEAD_ROWS = 12
_DIGITS = re.compile(r"[0-9]+")
_COMMON = 20
"""Rows of a kind from which on it is shown before rarer ones further up."""
_SHORT = 14
"""Characters of a text among numbers that may be a mark or a flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How much of a sheet is shown; tried from the fullest on until the view is short enough."""

    whole_kind: int
    """Kinds with at most so many rows are shown whole."""
    kinds: int
    """Kinds that are shown at all, those with the earliest rows first."""
    label_chars: int
    """For the distinct texts of folded rows."""
    text_chars: int


LEVELS = (
    Level(whole_kind=5, kinds=60, label_chars=2500, text_chars=90),
    Level(whole_kind=4, kinds=40, label_chars=1500, text_chars=70),
    Level(whole_kind=3, kinds=30, label_chars=900, text_chars=60),
    Level(whole_kind=2, kinds=20, label_chars=500, text_chars=50),
    Level(whole_kind=1, kinds=12, label_chars=250, text_chars=40),
    Level(whole_kind=1, kinds=6, label_chars=100, text_chars=30),
)


class Folded:
    """Which rows of a sheet are shown, and what is said of the others."""

    def __init__(self, plane: Plane, filled: dict[int, list[int]], level: Level) -> None:
        self._plane = plane
        self._filled = filled
        self._level = level
        self._kinds: dict[RowKind, list[int]] = {}
        self._kind_of: dict[int, RowKind] = {}
        for row, columns in filled.items():
            kind = row_kind(plane, row, columns)
            self._kinds.setdefault(kind, []).append(row)
            self._kind_of[row] = kind
        self._shown = self._chosen()

    def stretches(self) -> list[int | list[int]]:
        """Shown rows, and between them lists of folded ones, top down."""
        found: list[int | list[int]] = []
        for row in self._filled:
            if row in self._shown:
                found.append(row)
            elif found and isinstance(found[-1], list):
                found[-1].append(row)
            else:
                found.append([row])
        return found

    def summary(self, rows: Sequence[int]) -> str:
        """How many rows are folded here, and like which."""
        kinds = list(dict.fromkeys(self._kind_of[row] for row in rows))
        like = [next((row + 1 for row in self._kinds[kind] if row in self._shown), None) for kind in kinds]
        known = sorted({row for row in like if row is not None})
        said = ", ".join(map(str, known[:6])) + (", …" if len(known) > 6 else "")
        rare = sum(row is None for row in like)
        other = f"{' and' if known else ''} {rare} other kinds" if rare else ""
        return f"… {rows[0] + 1}-{rows[-1] + 1}: {len(rows)} rows like {said}{other}"

    def labels(self) -> list[str]:
        """The distinct texts of each label column in folded rows, as far as the budget lasts."""
        budget = self._level.label_chars
        lines = []
        for column, texts in self._label_texts().items():
            listed: list[str] = []
            left = sum(texts.values())
            for text, alike in texts.items():
                said = quoted(text) + (f" ({alike} alike)" if alike > 1 else "")
                if budget < len(said) + 2:
                    break
                budget -= len(said) + 2
                left -= alike
                listed.append(said)
            if listed:
                more = f" … and {left} more" if left else ""
                lines.append(f"texts of folded rows in column {column_letters(column)}: {', '.join(listed)}{more}")
        return lines

    def marks(self) -> str:
        """Marks, errors and short texts among numbers, counted, with the first place of each."""
        numeric = _numeric_columns(self._plane, self._filled)
        counts: dict[str, tuple[int, Position]] = {}
        for row, columns in self._filled.items():
            for column in columns:
                at = row, column
                if not isinstance(self._plane.value(*at), str) or row < self._first_data:
                    continue
                contents, text = self._plane.contents(at), self._plane.text(at)
                odd = column in numeric and Content.NUMBER not in contents and len(text) <= _SHORT
                if odd or not contents.isdisjoint(_MARKS):
                    count, first = counts.get(text, (0, at))
                    counts[text] = count + 1, first
        said = [
            f"{quoted(text)} x{count} first {self._plane.address(first).rpartition('!')[2]}"
            for text, (count, first) in sorted(counts.items(), key=lambda item: -item[1][0])[:12]
        ]
        return f"short texts among numbers: {', '.join(said)}" if said else ""

    @property
    def _first_data(self) -> int:
        """The first row of the commonest kind: what stands above are titles and headers."""
        return max(self._kinds.values(), key=len)[0] if self._kinds else 0

    def _chosen(self) -> frozenset[int]:
        """Rows of rare kinds; of the others the first two, one from the middle and the last."""
        shown: set[int] = set()
        limit = self._level.whole_kind
        head = list(self._filled)[:HEAD_ROWS]
        ranked = sorted(self._kinds.values(), key=lambda rows: (rows[0] not in head and len(rows) < _COMMON, rows[0]))
        for rows in ranked[: self._level.kinds]:
            if len(rows) <= limit:
                shown.update(rows)
            else:
                sample = [rows[0], rows[1], rows[len(rows) // 2], rows[-1]]
                shown.update(sample if limit > 2 else [rows[0], rows[-1]])
        return frozenset(shown)

    def _label_texts(self) -> dict[int, dict[str, int]]:
        """For the first columns that hold words: the texts of rows that are not shown, and how many are alike.

        Texts that differ by digits alone are alike. Totals come first: they tell which checks can be declared.
        """
        found: dict[int, dict[str, list[str]]] = {}
        for row, columns in self._filled.items():
            if row in self._shown:
                continue
            for column in columns[:3]:
                if type_name(self._plane, (row, column)) == "text":
                    text = self._plane.text((row, column))[:60]
                    alike = found.setdefault(column, {}).setdefault(_DIGITS.sub("0", text), [])
                    if text not in alike[-1:]:
                        alike.append(text)
        return {column: _totals_first(texts.values()) for column, texts in sorted(found.items())}


def _totals_first(groups: Iterable[list[str]]) -> dict[str, int]:
    ordered = sorted(groups, key=lambda alike: not closes_a_group(alike[0]))
    return {alike[0]: len(set(alike)) for alike in ordered}


def _numeric_columns(plane: Plane, filled: dict[int, list[int]]) -> frozenset[int]:
    """The columns of which most filled cells are numbers."""
    counts: Counter[int] = Counter()
    for row, columns in filled.items():
        for column in columns:
            counts[column] += 1 if Content.NUMBER in plane.contents((row, column)) else -1
    return frozenset(column for column, more in counts.items() if more > 0)


_MARKS = frozenset({Content.MISSING, Content.ERROR})
