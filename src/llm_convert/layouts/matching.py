"""Declared fields and the headers of a document: which header means which field, and how surely."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from llm_convert.contracts.prompt import OutputField, folded
from llm_convert.readings import find_unit
from llm_convert.readings.remembered import remembered

EXACT = 6
"""The level of a header whose whole path is a field's name or alias; lower levels needed something stripped."""

_BRACKETED = re.compile(r"[(\[<（［].{0,40}?[)\]>）］]")
_FOOTNOTE = re.compile(r"^\s*(?:[*†‡※]+|주\d*\))\s*|\s*(?:[*†‡§¶※¹²³⁰-⁹]+|주?\d{1,2}\))+\s*$")
_FOOTNOTE_DIGITS = re.compile(r"(?<=[^\W\d])\d{1,2}(?:\s*,\s*\d{1,2})*\s*$")


def names_of(field: OutputField) -> frozenset[str]:
    """The folded names that a header may have for a field."""
    return frozenset(filter(None, map(folded, (field.name, *field.aliases))))


@remembered
def without_unit(text: str) -> str:
    """A header without its footnote marks and the unit in brackets."""
    bare = _FOOTNOTE.sub("", text)
    return _BRACKETED.sub(lambda match: "" if find_unit(match[0]) else match[0], bare)


@remembered
def bare(text: str) -> str:
    """A header without anything in brackets and without footnote digits such as in ``Population2``."""
    stripped = _BRACKETED.sub("", _FOOTNOTE.sub("", text))
    return _FOOTNOTE_DIGITS.sub("", stripped)


def forms(parts: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Folded forms of a header path with their level, surest first; each begins at some part and ends at the last."""
    level = EXACT
    for strip in (str, without_unit, bare):
        texts = [folded(strip(part)) for part in parts]
        for start in range(len(texts)):
            yield (level if start == 0 else level - 1), "".join(texts[start:])
        level -= 2


@lru_cache(maxsize=4_096)
def level_of(parts: tuple[str, ...], names: frozenset[str]) -> int:
    """How surely a header path means one of the names; 0: not at all."""
    return next((level for level, text in forms(parts) if text in names), 0)


def canonical(text: str, values: Iterable[str]) -> str | None:
    """The value of a closed list that a text is, in the list's spelling; None when it is none of them."""
    known = {folded(value): value for value in values}
    for strip in (str, without_unit, bare):
        found = known.get(folded(strip(text)))
        if found is not None:
            return found
    return None
