"""Which rows of a big sheet are shown in its view, and what is said of the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_convert.contracts.document import column_letters
from llm_convert.layouts.totals import closes_a_group
from llm_convert.programs.plane import Position
from llm_convert.programs.predicates import Content
from llm_convert.programs.row_kinds import Kinds
from llm_convert.programs.view_rows import quoted, raised, without_leaders

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
    """Kinds that are shown at all: half of them the commonest, then those at the beginning of the data."""
    label_chars: int
    """For the distinct texts of folded rows, as far as there is room."""
    text_chars: int


LEVELS = (
    Level(whole_kind=5, kinds=60, label_chars=2500, text_chars=90),
    Level(whole_kind=4, kinds=40, label_chars=1500, text_chars=70),
    Level(whole_kind=3, kinds=30, label_chars=900, text_chars=60),
    Level(whole_kind=2, kinds=20, label_chars=500, text_chars=50),
    Level(whole_kind=1, kinds=16, label_chars=350, text_chars=45),
    Level(whole_kind=1, kinds=12, label_chars=250, text_chars=40),
    Level(whole_kind=1, kinds=9, label_chars=150, text_chars=35),
    Level(whole_kind=1, kinds=6, label_chars=100, text_chars=30),
)


class Folded:
    """Which rows of a sheet are shown, and what is said of the others."""

    def __init__(self, kinds: Kinds, level: Level) -> None:
        self._kinds = kinds
        self._plane = kinds.plane
        self._filled = kinds.filled
        self._level = level
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
        # To say that one row is folded takes as much as to show it.
        return [one[0] if isinstance(one, list) and len(one) == 1 else one for one in found]

    def summary(self, rows: Sequence[int]) -> str:
        """How many rows are folded here, and like which."""
        kinds = dict.fromkeys(self._kinds.kind_of[row] for row in rows)
        like = [next((row + 1 for row in self._kinds.rows[kind] if row in self._shown), None) for kind in kinds]
        known = sorted({row for row in like if row is not None})
        said = [f"like {', '.join(map(str, known[:6]))}{', …' if len(known) > 6 else ''}"] if known else []
        rare = sum(row is None for row in like)
        if rare:
            said.append(f"of {rare} {'other ' if known else ''}kinds" if rare > 1 else "of another kind")
        return f"… {rows[0] + 1}-{rows[-1] + 1}: {len(rows)} rows {' and '.join(said)}"

    def labels(self, room: int) -> list[str]:
        """The distinct texts of each label column in folded rows, as far as the level and so many characters allow."""
        lines = []
        budget = min(room, self._level.label_chars)
        for column, texts in self._label_texts().items():
            budget -= len(_LABELS) + 24
            listed: list[str] = []
            left = sum(texts.values())
            for text, alike in texts.items():
                said = text + (f" ({alike} alike)" if alike > 1 else "")
                if budget < len(said) + 2:
                    break
                budget -= len(said) + 2
                left -= alike
                listed.append(said)
            if listed:
                more = f" … and {left} more" if left else ""
                lines.append(f"{_LABELS} {column_letters(column)}: {', '.join(listed)}{more}")
        return lines

    def marks(self) -> str:
        """Marks, errors and short texts among numbers, counted, with the first place of each."""
        counts: dict[str, tuple[int, Position]] = {}
        for row, columns in self._filled.items():
            if row < self._kinds.first_data:
                continue
            among = self._kinds.holds_numbers(row)
            for column in columns:
                at = row, column
                if not isinstance(self._plane.value(*at), str):
                    continue
                contents, text = self._plane.contents(at), self._plane.text(at)
                odd = among and column in self._kinds.numeric and Content.NUMBER not in contents and len(text) <= _SHORT
                if odd or not contents.isdisjoint(_MARKS):
                    count, first = counts.get(text, (0, at))
                    counts[text] = count + 1, first
        said = [
            f"{quoted(text)} x{count} first {self._plane.address(first).rpartition('!')[2]}"
            for text, (count, first) in sorted(counts.items(), key=lambda item: -item[1][0])[:12]
        ]
        return f"short texts among numbers: {', '.join(said)}" if said else ""

    def _chosen(self) -> frozenset[int]:
        """Rows of rare kinds; of the others the first two, one from the middle and the last."""
        shown: set[int] = set()
        limit = self._level.whole_kind
        for rows in self._ranked():
            if len(rows) <= limit:
                shown.update(rows)
            else:
                sample = [rows[0], rows[1], rows[len(rows) // 2], rows[-1]]
                shown.update(sample if limit > 2 else [rows[0], rows[-1]])
        return frozenset(shown)

    def _ranked(self) -> list[list[int]]:
        """The kinds that are shown: titles and headers alone would say nothing of the data."""
        kinds = self._kinds.rows.values()
        common = sorted(kinds, key=lambda rows: -len(rows))[: self._level.kinds // 2]
        ranked = [*common, *sorted(kinds, key=self._rank)]
        return list({rows[0]: rows for rows in ranked}.values())[: self._level.kinds]

    def _rank(self, rows: list[int]) -> tuple[int, int]:
        """The headers from the lowest up, the first rows of data, common kinds further down, and then the others."""
        first, data = rows[0], self._kinds.first_data
        if data - HEAD_ROWS <= first < data:
            return 0, -first
        return 1 if first < data + HEAD_ROWS else 2 if len(rows) >= _COMMON else 3, first

    def _label_texts(self) -> dict[int, dict[str, int]]:
        """For the first columns that hold words: the texts of rows that are not shown, and how many are alike.

        Texts that differ by digits alone are alike. Totals come first: they tell which checks can be declared.
        """
        found: dict[int, dict[str, list[str]]] = {}
        for row, columns in self._filled.items():
            if row in self._shown:
                continue
            for column, name in zip(columns[:3], self._kinds.types(row), strict=False):
                at = row, column
                if name == "text":
                    text = without_leaders(self._plane.text(at))[:60]
                    alike = found.setdefault(column, {}).setdefault(_DIGITS.sub("0", text), [])
                    said = quoted(text) + raised(self._plane, at)
                    if said not in alike[-1:]:
                        alike.append(said)
        return {column: _totals_first(texts) for column, texts in sorted(found.items())}


def _totals_first(groups: dict[str, list[str]]) -> dict[str, int]:
    ordered = sorted(groups, key=lambda text: not closes_a_group(text))
    return {groups[text][0]: len(set(groups[text])) for text in ordered}


_LABELS = "texts of folded rows in column"
_MARKS = frozenset({Content.MISSING, Content.ERROR})
