"""What reading one grid under a prompt gives: rows, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field

from llm_convert.layouts.claims import Row


class Ambiguous(Exception):  # noqa: N818 - a question to a person, not a fault; it leaves this room as one
    """A document can be read in two ways."""


@dataclass(slots=True, kw_only=True)
class Found:
    """Rows and remarks, gathered grid by grid."""

    rows: list[Row] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    """What only a person can settle; one is enough for no rows to be given."""
    misses: list[str] = field(default_factory=list)
    """Of each table that came near: which headers it has and which fields were not found."""

    def add(self, other: Found) -> None:
        """Take in what another grid gave."""
        self.rows += other.rows
        self.questions += other.questions
        self.misses += other.misses


def listed(texts: list[str], *, most: int = 12) -> str:
    """Texts for a message, cut to a bearable number and length."""
    shown = [text if len(text) <= 40 else f"{text[:39]}…" for text in texts[:most]]
    return ", ".join(shown) + (f" and {len(texts) - most} more" if len(texts) > most else "") if shown else "none"
