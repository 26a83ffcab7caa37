"""A request as the API's methods see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from llm_convert.testing.emulators.bigquery.faults import ApiError, invalid

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, with its body read."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    data: bytes = field(repr=False)
    parts: Mapping[str, str] = field(default_factory=dict)
    """What the path names."""

    def json(self) -> dict[str, Any]:
        """The body. Raises ApiError when it is no JSON object."""
        try:
            body = json.loads(self.data or b"{}")
        except ValueError as error:
            raise ApiError(400, "Invalid JSON payload received.", reason="parseError") from error
        if not isinstance(body, dict):
            raise invalid("Invalid JSON payload received: an object was expected")
        return body

    def number(self, name: str) -> int | None:
        """A query parameter that is a number. Raises ApiError when it is none."""
        said = self.query.get(name)
        if said in {None, ""}:
            return None
        try:
            return int(str(said))
        except ValueError:
            raise invalid(f"Invalid value for {name}: {said}", location=name) from None

    def check_etag(self, etag: str) -> None:
        """Raises ApiError 412 when the caller expects another version."""
        wanted = self.headers.get("if-match")
        if wanted not in {None, "*", etag}:
            raise ApiError(412, "Precondition check failed.", reason="conditionNotMet")

    def page(self, items: list[Item]) -> tuple[list[Item], str | None]:
        """The part of a list that is asked for, and the token of the next."""
        start = offset_of(self.query.get("pageToken"))
        size = self.number("maxResults") or 1000
        token = token_of(start + size) if start + size < len(items) else None
        return items[start : start + size], token


def token_of(offset: int) -> str:
    """The page token of a position."""
    return f"offset-{offset}"


def offset_of(token: str | None) -> int:
    """The position of a page token. Raises ApiError when it is none of ours."""
    if not token:
        return 0
    prefix, _, number = token.partition("-")
    if prefix != "offset" or not number.isdigit():
        raise invalid(f"Invalid page token: {token}", location="pageToken")
    return int(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is answered."""

    body: Any = None
    """JSON, or None for no content."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def changed(resource: dict[str, Any], wanted: dict[str, Any], fixed: set[str], *, whole: bool) -> dict[str, Any]:
    """A resource after an update.

    Args:
        fixed: names that no update changes.
        whole: what is not named goes, as PUT has it; else it stays, as PATCH has it, and null removes.
    """
    result = {name: value for name, value in resource.items() if not whole or name in fixed}
    for name, value in wanted.items():
        if name in fixed:
            continue
        if name == "labels" and isinstance(value, dict) and not whole:
            merged = {**(resource.get("labels") or {}), **value}
            result["labels"] = {key: said for key, said in merged.items() if said is not None}
        elif value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result
