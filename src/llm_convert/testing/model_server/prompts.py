"""A request of Claude's as the blocks that make its prompt, in their order: tools, system, messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llm_convert.testing.model_server.faults import Fault, RefusedError

IMAGE_TOKENS = 1_500
"""What any image counts as; the real count follows from its size."""
MOST_MARKS = 4
_LIVES = {"5m": False, "1h": True}


@dataclass(frozen=True, slots=True)
class Block:
    """A tool, or a block of content."""

    level: str
    """``tools``, ``system``, or the role of a message."""
    content: dict[str, Any]
    place: str
    """In the request, as errors name it."""

    @property
    def mark(self) -> Any:
        """Its cache_control."""
        return self.content.get("cache_control")

    @property
    def characters(self) -> int:
        """That count as its tokens."""
        if self.level == "tools":
            return len(json.dumps(self._unmarked(), ensure_ascii=False))
        return _characters(self.content)

    @property
    def images(self) -> int:
        """How many images it is."""
        return int(self.content.get("type") == "image")

    def identity(self) -> bytes:
        """What makes it another block; the mark does not."""
        return json.dumps([self.level, self._unmarked()], ensure_ascii=False, sort_keys=True).encode()

    def _unmarked(self) -> dict[str, Any]:
        if "cache_control" not in self.content:
            return self.content
        return {name: value for name, value in self.content.items() if name != "cache_control"}


def blocks_of(body: dict[str, Any]) -> Iterator[Block]:
    """The blocks of a request that was checked."""
    for index, tool in enumerate(body.get("tools") or ()):
        yield Block("tools", tool, f"tools.{index}")
    for index, block in enumerate(_blocks(body.get("system") or [])):
        yield Block("system", block, f"system.{index}")
    for number, message in enumerate(body["messages"]):
        for index, block in enumerate(_blocks(message["content"])):
            yield Block(message["role"], block, f"messages.{number}.content.{index}")


def count_tokens(body: dict[str, Any]) -> int:
    """Tokens of a prompt: a quarter of its characters, and a fixed number for each image. The same always."""
    characters = images = 0
    for block in blocks_of(body):
        characters += block.characters
        images += block.images
    return max(1, characters // 4) + images * IMAGE_TOKENS


def has_marks(body: dict[str, Any]) -> bool:
    """Whether anything is to be cached."""
    return bool(body.get("cache_control")) or any(block.mark for block in blocks_of(body))


def check_marks(body: dict[str, Any]) -> None:
    """Raises RefusedError for cache_control that the service does not take."""
    marks = [(block.place, block.mark) for block in blocks_of(body) if block.mark is not None]
    if body.get("cache_control") is not None:
        marks.append(("", body["cache_control"]))
    long_before = True
    for place, mark in marks:
        where = f"{place}.cache_control".lstrip(".")
        known = isinstance(mark, dict) and mark.get("type") == "ephemeral"
        _require(known, f"{where}.type: Input should be 'ephemeral'")
        _require(mark.get("ttl", "5m") in _LIVES, f"{where}.ttl: Input should be '5m' or '1h'")
        said = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"
        _require(long_before or not lives_long(mark), f"{where}.ttl: {said}")
        long_before = lives_long(mark)
    said = f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
    _require(len(marks) <= MOST_MARKS, said)


def lives_long(mark: dict[str, Any]) -> bool:
    """Whether what is marked is kept for an hour and not for five minutes."""
    return _LIVES[mark.get("ttl", "5m")]


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _characters(block: dict[str, Any]) -> int:
    match block.get("type"):
        case "tool_use":
            return len(json.dumps(block.get("input"), ensure_ascii=False))
        case "tool_result":
            return sum(_characters(part) for part in _blocks(block.get("content") or []))
        case _:
            return len(str(block.get("text", "")))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise RefusedError(Fault.invalid(message))
