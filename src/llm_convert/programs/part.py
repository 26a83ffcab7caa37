"""The base of every part of the language: closed to unknown keys, forgiving where only one thing can be meant."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args, get_origin

from pydantic import model_validator

from llm_convert.contracts.base import Contract


class Part(Contract):
    """A part of a program. Where a list is wanted, one thing may stand for itself."""

    @model_validator(mode="before")
    @classmethod
    def _one_for_a_list(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        alone = {name for name in _lists(cls) if name in data and _is_one(name, data[name])}
        return {name: [value] if name in alone else value for name, value in data.items()}


def _is_one(name: str, value: Any) -> bool:
    if name == "replace" and isinstance(value, list | tuple):
        # A pair of texts is one replacement, not two.
        return len(value) == 2 and all(isinstance(one, str) for one in value)
    return value is not None and not isinstance(value, list | tuple)


@cache
def _lists(model: type[Part]) -> frozenset[str]:
    """The keys whose value is a list and nothing else."""
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if any(get_origin(one) is tuple for one in (field.annotation, *get_args(field.annotation)))
    )
