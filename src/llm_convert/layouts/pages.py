"""Lines of text as columns: split at tabs, bars or two and more blanks, and aligned by order or by position.

Nothing here knows what a header is. Lines that stand together (few single pieces between them) share their columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_SPLIT = re.compile(r"\S+(?: \S+)*")
_RULE = re.compile(r"[\s|+\-=─━_:*]*")
_APART = 2
"""Lines of fewer than two pieces that may stand between two rows of one table."""


_SLACK = 2
"""Positions by which a piece may miss its column, and by which it must lie closer to it than to any other."""


class Piece(NamedTuple):
    """A part of a line, and where it lies: ``start`` and ``end`` count characters, ``wide_`` columns of a terminal."""

    text: str
    start: int
    end: int
    wide_start: int
    wide_end: int


def columns_of(lines: Sequence[str]) -> tuple[list[dict[int, Piece]], frozenset[int]]:
    """For each line its pieces by column, and the lines whose pieces line up with no columns or with several.

    Which of its columns such a line leaves blank is not for code to guess.
    """
    rows = [_pieces(line) for line in lines]
    found: list[dict[int, Piece]] = [{column: piece for column, piece in enumerate(row) if piece} for row in rows]
    unclear: set[int] = set()
    for first, last in _stretches(found):
        ruled = [index for index in range(first, last + 1) if "\t" in lines[index] or lines[index].count("|") > 1]
        if 2 * len(ruled) > last - first + 1:
            continue  # Tabs and bars number their columns themselves.
        stretch = [list(found[index].values()) for index in range(first, last + 1)]
        aligned, unsure = _aligned(stretch, lines[first : last + 1])
        found[first : last + 1] = aligned
        unclear |= {first + index for index in unsure}
    return found, frozenset(unclear)


def _pieces(line: str) -> list[Piece | None]:
    if _RULE.fullmatch(line):
        return []
    separator = "\t" if "\t" in line else "|" if line.count("|") > 1 else ""
    if not separator:
        return [_piece(line, match.start(), match.end()) for match in _SPLIT.finditer(line)]
    spans, start = [], 0
    for text in line.split(separator):
        spans.append((start, start + len(text)))
        start += len(text) + 1
    if separator == "|" and line.strip().startswith("|"):
        spans = spans[1:]
    return [_piece(line, start, end) if line[start:end].strip() else None for start, end in spans]


def _piece(line: str, start: int, end: int) -> Piece:
    text = line[start:end].strip()
    start = line.index(text, start)
    wide = _width(line[:start])
    return Piece(text, start, start + len(text), wide, wide + _width(text))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _stretches(rows: Sequence[dict[int, Piece]]) -> list[tuple[int, int]]:
    """First and last line of each stretch of lines with two pieces and more."""
    found: list[tuple[int, int]] = []
    for index, row in enumerate(rows):
        if len(row) < 2:
            continue
        if found and index - found[-1][1] <= _APART + 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def _aligned(rows: list[list[Piece]], lines: Sequence[str]) -> tuple[list[dict[int, Piece]], list[int]]:
    """Lines with the usual number of pieces in order, shorter ones by where their pieces lie; and those unclear."""
    counts = Counter(len(row) for row in rows if len(row) > 1)
    count = max(counts.most_common(1)[0][0], len(next(row for row in rows if len(row) > 1)))
    full = [row for row in rows if len(row) == count]
    wide = _spread(full, count, wide=True) < _spread(full, count, wide=False)
    spans = [_span([row[column] for row in full], wide=wide) for column in range(count)]
    placed = [_placed(row, spans, line, wide=wide) for row, line in zip(rows, lines, strict=True)]
    unclear = [i for i, row in enumerate(rows) if 1 < len(row) < count and not _is_clear(placed[i], spans, wide=wide)]
    return placed, unclear


def _spread(full: list[list[Piece]], count: int, *, wide: bool) -> int:
    """How badly columns line up when positions are counted in this way."""
    total = 0
    for column in range(count):
        sides = [_ends(row[column], wide=wide) for row in full]
        total += min(max(side) - min(side) for side in zip(*sides, strict=True))
    return total


def _ends(piece: Piece, *, wide: bool) -> tuple[int, int]:
    return (piece.wide_start, piece.wide_end) if wide else (piece.start, piece.end)


def _span(pieces: list[Piece], *, wide: bool) -> tuple[int, int]:
    ends = [_ends(piece, wide=wide) for piece in pieces]
    return min(start for start, _ in ends), max(end for _, end in ends)


def _placed(row: list[Piece], spans: list[tuple[int, int]], line: str, *, wide: bool) -> dict[int, Piece]:
    if len(row) >= len(spans):
        last = len(spans) - 1
        # What is too much stays together as it stands, so that it can be found in its line again.
        rest = row[last]._replace(text=line[row[last].start : row[-1].end], end=row[-1].end, wide_end=row[-1].wide_end)
        return {**dict(enumerate(row[:last])), last: rest}
    placed: dict[int, Piece] = {}
    lowest = 0
    for index, piece in enumerate(row):
        # Enough columns must be left for the pieces that follow.
        choices = range(lowest, len(spans) - (len(row) - index) + 1)
        column = max(choices, key=lambda c: _closeness(_ends(piece, wide=wide), spans[c]))
        placed[column] = piece
        lowest = column + 1
    return placed


def _is_clear(row: dict[int, Piece], spans: list[tuple[int, int]], *, wide: bool) -> bool:
    """Whether each piece lies at its column and clearly not at another."""
    for column, piece in row.items():
        near = [_closeness(_ends(piece, wide=wide), span) for span in spans]
        others = [closeness for other, closeness in enumerate(near) if other != column]
        if near[column] < -_SLACK or max(others) > min(near[column] - _SLACK, 0):
            return False
    return True


def _closeness(piece: tuple[int, int], span: tuple[int, int]) -> int:
    """Positions shared; below zero, the distance between the two."""
    return min(piece[1], span[1]) - max(piece[0], span[0])
