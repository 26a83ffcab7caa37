"""Pages that stay whole while items come and go: a token names the last item that was seen, not a position."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from llm_convert.testing.emulators.google_api.errors import ApiError

T = TypeVar("T")


def page(
    items: Sequence[T],
    *,
    key: Callable[[T], list[Any]],
    scope: str,
    size: int,
    token: str,
    default_size: int = 100,
    newest_first: bool = False,
) -> tuple[list[T], str]:
    """One page of items, and the token of the next one; an empty token ends the list.

    Args:
        items: in any order.
        key: JSON scalars that order the items and tell each from the others.
        scope: of the request: a token of another one is refused.
        size: asked for; 0: ``default_size``.
        token: of the page before; empty: from the start.
        default_size: also the largest.
        newest_first: by descending key.

    Raises:
        ApiError: INVALID_ARGUMENT for a negative size or a token that is not ours.
    """
    if size < 0:
        raise ApiError("INVALID_ARGUMENT", f"page_size must not be negative, found {size}.")
    ordered = sorted(items, key=key, reverse=newest_first)
    if token:
        last = _read(token, scope)
        ordered = [item for item in ordered if (key(item) < last if newest_first else key(item) > last)]
    count = min(size or default_size, default_size)
    chosen = ordered[:count]
    return chosen, _write(scope, key(chosen[-1])) if len(ordered) > count else ""


def _write(scope: str, last: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([scope, last]).encode()).decode()


def _read(token: str, scope: str) -> list[Any]:
    try:
        found, last = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        raise ApiError("INVALID_ARGUMENT", "The page token is invalid.") from None
    if found != scope or not isinstance(last, list):
        raise ApiError("INVALID_ARGUMENT", "The page token is of another request.")
    return last
