"""Plain tables for a terminal, in which a Korean character takes two columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from llm_convert.contracts.shown import one_line


def width(text: str) -> int:
    """How many terminal columns a text takes."""
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, limit: int) -> str:
    """The text in one line, cut with an ellipsis when it is wider than the limit."""
    text = " ".join(one_line(text).split())
    if width(text) <= limit:
        return text
    kept = ""
    for character in text:
        if width(kept + character) >= limit:
            break
        kept += character
    return kept + "…"


def format_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), limit: int = 40
) -> str:
    """Columns padded to their widest cell.

    Args:
        right: the columns to align to the right, from 0.
        limit: no cell is wider than this.
    """
    cells = [[clip(cell, limit) for cell in row] for row in [header, *rows]]
    widths = [max(width(row[column]) for row in cells) for column in range(len(header))]
    lines = ["  ".join(_pad(cell, widths[i], i in right) for i, cell in enumerate(row)).rstrip() for row in cells]
    lines.insert(1, "  ".join("─" * size for size in widths))
    return "\n".join(lines)


def _pad(cell: str, size: int, right: bool) -> str:
    space = " " * (size - width(cell))
    return space + cell if right else cell + space
