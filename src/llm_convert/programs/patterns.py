r"""Patterns that come from a model: always linear in practice, never evaluated on unbounded text.

Where the package ``google-re2`` is installed its engine runs them, in time linear to the text. Otherwise ``re`` does,
on at most ``LONGEST_TEXT`` characters and only for patterns that can't backtrack without end. Both refuse the same
constructs, so that a program means the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

LONGEST_TEXT = 1000
"""Characters of a cell that a pattern sees; longer texts are prose and are cut."""
LONGEST_PATTERN = 300
_MAX_REPEATS = 12
_MAX_WIDE_REPEATS = 2
"""Repeats of a class that matches nearly anything, such as ``.*``: each of them multiplies the work by the length."""
_SMALL_COUNT = 60

_parser: Any = import_module("re._parser")


class Found(Protocol):
    """What a search gives: as ``re.Match``, as far as it is used."""

    def group(self, index: int = 0, /) -> str | None:
        """The text of a group."""
        ...

    def span(self, index: int = 0, /) -> tuple[int, int]:
        """Where a group begins and ends."""
        ...


def _engine() -> Any:
    try:
        return import_module("re2")
    except ImportError:
        return re


ENGINE = _engine()


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_finditer", "_search", "_seen", "groups", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        compiled = ENGINE.compile(text)
        self.groups: int = compiled.groups
        self._search = compiled.search
        self._finditer = compiled.finditer
        self._seen: dict[str, bool] = {}

    def find(self, text: str) -> Found | None:
        """The first place where it matches."""
        found: Found | None = self._search(text[:LONGEST_TEXT])
        return found

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it matches something, from left to right."""
        return [match.span() for match in self._finditer(text[:LONGEST_TEXT]) if match.end() > match.start()]

    def matches(self, text: str) -> bool:
        """Whether it matches anywhere in the text. Remembered: the cells of a sheet repeat."""
        known = self._seen.get(text)
        if known is None:
            if len(self._seen) > 50_000:
                self._seen.clear()
            known = self._seen[text] = self._search(text[:LONGEST_TEXT]) is not None
        return known


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """The compiled pattern of a checked text."""
    return Pattern(text)


def check_pattern(text: str) -> str:
    """The text itself, when it is a pattern that may be used.

    Raises:
        ValueError: with what to write instead.
    """
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"the pattern has {len(text)} characters; at most {LONGEST_PATTERN}")
    try:
        parsed = _parser.parse(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text!r} is no regular expression ({error})") from None
    fault = next(_faults(parsed), None)
    if fault is None:
        repeats = list(_unbounded(parsed))
        if len(repeats) > _MAX_REPEATS or sum(repeats) > _MAX_WIDE_REPEATS:
            fault = "it repeats too much; use at most two of .* .+ \\S+ \\w+ [^x]*, or two plain conditions"
    if fault is not None:
        raise ValueError(f"the pattern {text!r} is refused: {fault}")
    pattern(text)
    return text


def _name(operation: Any) -> str:
    return str(operation)


def _faults(parsed: Any, *, repeated: bool = False) -> Iterator[str]:
    """What is refused, in words, anywhere in a parsed pattern."""
    for operation, argument in parsed:
        name = _name(operation)
        if name in {"GROUPREF", "GROUPREF_EXISTS"}:
            yield "back-references are not supported"
        elif name in {"ASSERT", "ASSERT_NOT"}:
            yield "look-ahead and look-behind are not supported; use two conditions, or 'not'"
        elif name in {"POSSESSIVE_REPEAT", "ATOMIC_GROUP"}:
            yield "possessive and atomic groups are not supported"
        elif name in {"MAX_REPEAT", "MIN_REPEAT"}:
            low, high, inner = argument
            if repeated and low != high:
                yield "a repeat inside a repeated group can take for ever; write the group out"
            if high != _parser.MAXREPEAT and high > _SMALL_COUNT:
                yield f"a count above {_SMALL_COUNT}"
            yield from _faults(inner, repeated=repeated or high > 1)
            continue
        for inner in _inner(name, argument):
            yield from _faults(inner, repeated=repeated)


def _unbounded(parsed: Any) -> Iterator[bool]:
    """For each repeat without a small bound, whether it is wide."""
    for operation, argument in parsed:
        name = _name(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            if argument[1] > 1 and argument[0] != argument[1]:
                yield any(_wide(*one) for one in argument[2])
            yield from _unbounded(argument[2])
        for inner in _inner(name, argument):
            yield from _unbounded(inner)


def _wide(operation: Any, argument: Any) -> bool:
    name = _name(operation)
    if name in {"ANY", "NOT_LITERAL"}:
        return True
    if name == "IN":
        first = argument[0]
        wide = {"CATEGORY_NOT_SPACE", "CATEGORY_WORD", "CATEGORY_NOT_DIGIT", "CATEGORY_NOT_WORD"}
        return _name(first[0]) == "NEGATE" or any(str(what) in wide for _, what in argument)
    return False


def _inner(name: str, argument: Any) -> list[Any]:
    if name == "SUBPATTERN":
        return [argument[-1]]
    if name == "BRANCH":
        return list(argument[1])
    return []
