"""A request and its answer as plain values, so that a call within a batch is served like one that came alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from llm_convert.testing.emulators.gcs.errors import invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    method: str
    path: str
    """As it was sent: percent-encoded, without the query."""
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    base_url: str
    """The emulator's own."""

    @staticmethod
    def of(method: str, target: str, headers: Mapping[str, str], body: bytes, base_url: str) -> Call:
        """From a request line's target, which may be a whole URL."""
        parts = urlsplit(target) if target.startswith("http") else urlsplit(f"http://host{target}")
        return Call(
            method=method,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            base_url=base_url,
        )

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, decoded one by one, so that ``%2F`` in a name parts nothing."""
        return tuple(unquote(part) for part in self.path.removeprefix("/").split("/"))

    def text(self, name: str, default: str = "") -> str:
        """A query parameter; the last one where it is repeated."""
        return self.query.get(name, [default])[-1]

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false."""
        return self.text(name).lower() in {"true", "1"}

    def number(self, name: str) -> int | None:
        """A query parameter that is a whole number; None when it isn't there.

        Raises:
            RefusedError: it is something else.
        """
        return whole(self.query[name][-1], name) if name in self.query else None

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty when there is none.

        Raises:
            RefusedError: it isn't one.
        """
        return json_object(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @staticmethod
    def of_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """A JSON document."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return Answer(
            status=status, headers={"Content-Type": "application/json; charset=UTF-8", **(headers or {})}, body=body
        )

    @staticmethod
    def of_xml(text: str, status: int = 200) -> Answer:
        """An XML document, given without its declaration."""
        body = f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode()
        return Answer(status=status, headers={"Content-Type": "application/xml; charset=UTF-8"}, body=body)


def whole(text: str, name: str) -> int:
    """The number that a text is, of 64 bits.

    Raises:
        RefusedError: it is none.
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise invalid(f"Invalid value for {name}: {text!r} is no whole number.", name)
    return int(text)


def json_object(data: bytes) -> dict[str, Any]:
    """A JSON object; empty for no bytes.

    Raises:
        RefusedError: it isn't one.
    """
    if not data.strip():
        return {}
    try:
        value = json.loads(data)
    except ValueError:
        raise invalid("Parse Error") from None
    if not isinstance(value, dict):
        raise invalid("Parse Error")
    return value
