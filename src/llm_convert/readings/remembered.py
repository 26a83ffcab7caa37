"""Answers about texts that documents repeat, such as their labels and marks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

LONGEST = 64
"""Longer texts are hardly ever repeated, and a job that reads 100,000 documents would keep a good part of them."""
MOST = 8_192


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """The function, which answers the same for the same text, with the answers for the latest short texts kept."""
    kept = lru_cache(maxsize=MOST)(function)

    @wraps(function)
    def answer(text: str) -> T:
        return kept(text) if len(text) <= LONGEST else function(text)

    return answer
