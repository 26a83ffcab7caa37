"""The prompt cache: which prefixes were written, who may read them, and for how long."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llm_convert.testing.model_server.dials import Dials
from llm_convert.testing.model_server.prompts import IMAGE_TOKENS, blocks_of, has_marks, lives_long

LOOKS_BACK = 20
"""Blocks before a mark at whose ends an earlier request's mark is found."""
_LONG_LIFE_SECONDS = 3600.0

_Key = tuple[tuple[str, ...], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """What a request reads of the cache and writes to it, in tokens of its prompt."""

    read: int = 0
    write: int = 0
    write_long: int = 0
    """Of what is written, what lives for an hour."""
    keeps: tuple[tuple[_Key, float], ...] = ()
    """Entries, with their lives, that begin or begin anew with the response."""


NOTHING_CACHED = Cached()


class PromptCache:
    """Prefixes by capacity, that is by service, project, region and model.

    A prefix is tools, system and messages up to a mark. Other choices of a tool, or of thinking, make other messages
    of it, but the same tools and system.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: dict[_Key, float] = {}

    def look(self, capacity: tuple[str, ...], body: dict[str, Any], dials: Dials) -> Cached:
        """What a request that arrives now will read and write. It changes nothing yet."""
        try:
            if not has_marks(body):
                return NOTHING_CACHED
            prefixes = _prefixes(capacity, body)
        except (AttributeError, KeyError, TypeError):
            # The request has no form; it will be refused for that.
            return NOTHING_CACHED
        marks = [index for index, found in enumerate(prefixes) if found.is_mark]
        marks = [index for index in marks if prefixes[index].tokens >= dials.cache_minimum_tokens]
        if not marks:
            return NOTHING_CACHED
        hit = self._hit(prefixes, marks)
        read = 0 if hit is None else prefixes[hit].tokens
        done, long = read, 0
        for index in marks:
            if prefixes[index].tokens > done:
                long += (prefixes[index].tokens - done) * prefixes[index].is_long
                done = prefixes[index].tokens
        lives = [(prefixes[index].key, _life(prefixes[index], dials)) for index in marks]
        if hit is not None and hit not in marks:
            lives.append((prefixes[hit].key, dials.cache_life_seconds))
        return Cached(read=read, write=done - read, write_long=long, keeps=tuple(lives))

    def begin(self, cached: Cached) -> None:
        """The response begins: what it wrote can be read, and what it read lives on."""
        now = self._clock()
        for key, life in cached.keeps:
            self._ends[key] = max(now + life, self._ends.get(key, 0.0))

    def _hit(self, prefixes: list[_Prefix], marks: list[int]) -> int | None:
        """The longest prefix that can be read."""
        now = self._clock()
        for mark in reversed(marks):
            for index in range(mark, max(-1, mark - LOOKS_BACK), -1):
                if self._ends.get(prefixes[index].key, -1.0) > now:
                    return index
        return None


@dataclass(frozen=True, slots=True)
class _Prefix:
    key: _Key
    tokens: int
    is_mark: bool
    is_long: bool


def _life(prefix: _Prefix, dials: Dials) -> float:
    return _LONG_LIFE_SECONDS if prefix.is_long else dials.cache_life_seconds


def _prefixes(capacity: tuple[str, ...], body: dict[str, Any]) -> list[_Prefix]:
    """The request's prefix at the end of each of its blocks."""
    settings = json.dumps([body.get("tool_choice"), body.get("thinking")], sort_keys=True).encode()
    blocks = list(blocks_of(body))
    digest = hashlib.sha256()
    found, characters, images, in_messages = [], 0, 0, False
    for number, block in enumerate(blocks, start=1):
        if block.level in {"user", "assistant"} and not in_messages:
            in_messages = True
            digest.update(settings)
        digest.update(block.identity())
        characters += block.characters
        images += block.images
        mark = block.mark or (body.get("cache_control") if number == len(blocks) else None)
        tokens = characters // 4 + images * IMAGE_TOKENS
        is_long = isinstance(mark, dict) and lives_long(mark)
        found.append(_Prefix((capacity, digest.digest()), tokens, bool(mark), is_long))
    return found
