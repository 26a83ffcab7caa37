"""Which labels are totals, which are to be left out, and which totals the checks of a prompt want to see."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from enum import Enum

from llm_convert.contracts.checks import SumCheck
from llm_convert.contracts.prompt import Prompt, folded
from llm_convert.layouts.matching import without_unit
from llm_convert.readings.remembered import remembered

_WORDS = frozenset(
    {
        "소계",
        "합계",
        "총계",
        "누계",
        "총합계",
        "총합",
        "합산",
        "계",
        "중계",
        "월계",
        "일계",
        "전체합계",
        "합계금액",
        "총액합계",
    }
    | {"total", "totals", "subtotal", "grandtotal", "totalsum"}
)
_ENDS = ("소계", "합계", "총계", "subtotal")
IN_EACH_TOTAL = re.compile("[계합총lL]")
"""Each word holds one of these: of long columns of other labels no more need be looked at."""
_MARKS = re.compile(r"^[\s<\[(【■▶*※]+|[\s>\])】:*]+$")


class Fate(Enum):
    """What becomes of a row or a column with a label."""

    KEPT = "kept"
    LEFT_OUT = "left_out"
    STATED_TOTAL = "stated_total"
    """A total that a check wants to compare."""


@remembered
def is_total(text: str) -> bool:
    """Whether a label says that its line is the sum of others. ``Median`` and ``Estimated total`` are none."""
    return IN_EACH_TOTAL.search(text) is not None and folded(_MARKS.sub("", text)) in _WORDS


@remembered
def closes_a_group(text: str) -> bool:
    """Whether a label reads like the last line of a group: a total, or such as ``Total Inflows`` or ``매출 소계``."""
    label = folded(text)
    return is_total(text) or label.startswith(("total", "subtotal", "systemtotal")) or label.endswith(_ENDS)


class Rules:
    """What a prompt says about labels: which to skip, and which totals its sum checks name."""

    def __init__(self, prompt: Prompt) -> None:
        self._skip = frozenset(map(folded, prompt.output.skip))
        self._checks = [check for check in prompt.checks if isinstance(check, SumCheck)]

    def skips(self, text: str) -> bool:
        """Whether a label is one that the prompt leaves out."""
        return folded(text) in self._skip or folded(without_unit(text)) in self._skip

    def fate(self, labels: Iterable[str], within: Container[str]) -> Fate:
        """What becomes of a line with these labels. What is to be skipped is skipped even if it is a total.

        Args:
            labels: the texts that say what the line is.
            within: the fields that can hold such a label; a total that a check expects elsewhere is none here.
        """
        fate = Fate.KEPT
        for text in labels:
            if self.skips(text):
                return Fate.LEFT_OUT
            if self.label_field(text, within) is not None:
                fate = Fate.STATED_TOTAL
            elif is_total(text) and fate is Fate.KEPT:
                fate = Fate.LEFT_OUT
        return fate

    def label_field(self, text: str, within: Container[str]) -> str | None:
        """The field that a sum check expects this total's label in; None when no check names it."""
        label = folded(text)
        found = (check.label for check in self._checks if label in map(folded, check.totals) and check.label in within)
        return next(found, None)

    def groups(self, label: str) -> frozenset[str]:
        """The fields that totals of this label field share with their parts."""
        return frozenset(name for check in self._checks if check.label == label for name in check.group)
