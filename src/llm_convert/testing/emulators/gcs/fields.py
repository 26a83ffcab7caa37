"""Partial answers: ``fields=items(name,metadata/owner),nextPageToken`` leaves out all else."""

from __future__ import annotations

from typing import Any

from llm_convert.testing.emulators.gcs.errors import invalid

Mask = dict[str, "Mask"]
"""Wanted names and what is wanted within; an empty one wants all."""


def selected(value: Any, fields: str) -> Any:
    """The wanted parts of a JSON value; all of it without fields.

    Raises:
        RefusedError: the fields can't be read.
    """
    if not fields:
        return value
    mask, rest = _parse(fields)
    if rest:
        raise invalid(f"Invalid field selection {fields}", "fields")
    return _select(value, mask)


def _select(value: Any, mask: Mask) -> Any:
    if not mask or ("*" in mask and not mask["*"]):
        return value
    if isinstance(value, list):
        return [_select(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    wanted = {name: mask.get(name, mask.get("*")) for name in value}
    return {name: _select(value[name], inner) for name, inner in wanted.items() if inner is not None}


def _parse(text: str) -> tuple[Mask, str]:
    """A comma-separated list, up to its end or a closing bracket, and what comes after."""
    mask: Mask = {}
    while True:
        text = _parse_path(text, mask)
        if not text.startswith(","):
            return mask, text
        text = text[1:]


def _parse_path(text: str, mask: Mask) -> str:
    """One ``a/b(c,d)`` into the mask; what comes after."""
    end = next((at for at, sign in enumerate(text) if sign in ",/()"), len(text))
    name, rest = text[:end].strip(), text[end:]
    if not name:
        raise invalid("Invalid field selection", "fields")
    inner = mask.setdefault(name, {})
    if rest.startswith("/"):
        return _parse_path(rest[1:], inner)
    if rest.startswith("("):
        within, rest = _parse(rest[1:])
        if not rest.startswith(")"):
            raise invalid("Invalid field selection", "fields")
        inner.update(within)
        return rest[1:]
    return rest
