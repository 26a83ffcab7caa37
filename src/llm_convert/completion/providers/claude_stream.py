"""A streamed message put together again from its events.

The SDK can do that too, but it parses the whole answer anew at each event, and quotes the document when that fails.
"""

from __future__ import annotations

import json
from typing import Any

from llm_convert.completion.providers.claude_reply import NotUnderstoodError


class Assembly:
    """Collects a stream's events, in linear time, into the message they make."""

    def __init__(self) -> None:
        self._message: dict[str, Any] | None = None
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, list[str]] = {}

    def add(self, event: dict[str, Any]) -> None:
        """Take the next event.

        Raises:
            NotUnderstoodError: it is out of order or has another form.
        """
        try:
            self._add(event)
        except (KeyError, TypeError, AttributeError) as error:
            raise NotUnderstoodError(f"a stream's event without its form ({type(error).__name__})") from None

    def message(self) -> dict[str, Any]:
        """The message so far; its ``stop_reason`` is None as long as the stream has not come to its end.

        Raises:
            NotUnderstoodError: the stream was empty.
        """
        if self._message is None:
            raise NotUnderstoodError("an empty stream")
        return {**self._message, "content": [self._finished(index) for index in sorted(self._blocks)]}

    def _add(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "message_start":
                self._message = {**event["message"]}
            case "content_block_start":
                self._blocks[_index(event)] = {**event["content_block"]}
            case "content_block_delta":
                self._pieces.setdefault(_index(event), []).append(_piece(event["delta"]))
            case "message_delta":
                self._end(event)

    def _end(self, event: dict[str, Any]) -> None:
        if self._message is None:
            raise NotUnderstoodError("a stream that does not begin with a message")
        self._message["stop_reason"] = event["delta"].get("stop_reason")
        self._message["stop_details"] = event["delta"].get("stop_details")
        # Counts are totals so far; those that are left out keep their value from the start.
        counts = {name: count for name, count in event["usage"].items() if count is not None}
        self._message["usage"] = {**self._message["usage"], **counts}

    def _finished(self, index: int) -> dict[str, Any]:
        block, text = self._blocks[index], "".join(self._pieces.get(index, ()))
        if block.get("type") == "text":
            return {**block, "text": str(block.get("text", "")) + text}
        if block.get("type") == "tool_use" and text:
            try:
                return {**block, "input": json.loads(text)}
            except ValueError:
                # Cut off in the middle: kept as it came, for whoever looks at what was paid for.
                return {**block, "input": text}
        return block


def piece_of(event: dict[str, Any]) -> str:
    """The piece of the answer that an event brings; empty for every other event."""
    delta = event.get("delta")
    return _piece(delta) if event.get("type") == "content_block_delta" and isinstance(delta, dict) else ""


def _piece(delta: dict[str, Any]) -> str:
    return str(delta.get("text") or delta.get("partial_json") or "")


def _index(event: dict[str, Any]) -> int:
    index = event["index"]
    if not isinstance(index, int):
        raise TypeError("an index that is no number")
    return index
