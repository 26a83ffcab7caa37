"""The base of every pydantic contract: frozen, closed to unknown keys, and with errors a person can act on."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from llm_convert.errors import ConfigurationError, unknown_name

Scalar = str | int | float | bool | None
"""A JSON scalar: what a value is once it has left its document."""


class Contract(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def to_json(self) -> bytes:
        """UTF-8 JSON, without the fields that were left at None."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """The model from its own JSON."""
        return cls.model_validate_json(data)


C = TypeVar("C", bound=BaseModel)


def parse(model: type[C], data: Any, *, where: str) -> C:
    """Validate what a person wrote.

    Args:
        model: the contract to fill.
        data: usually a dict from YAML or from a DAG file.
        where: what to call the place in an error, such as ``tenants.yaml`` or ``CONFIG``.

    Raises:
        ConfigurationError: with the first fault in plain words; an unknown key names the nearest known one.
    """
    if isinstance(data, model):
        return data
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _explain(model, error, where) from None


def _explain(model: type[BaseModel], error: ValidationError, where: str) -> ConfigurationError:
    faults = error.errors(include_url=False)
    # A mistyped key also leaves its right form missing: the typo is what the person must hear of.
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    path = ".".join(str(step) for step in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return unknown_name(
            "key", str(fault["loc"][-1]), _keys_at(model, fault["loc"][:-1]), where=_at(where, fault["loc"][:-1])
        )
    message = fault["msg"].removeprefix("Value error, ")
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if fault["type"] == "missing":
        return ConfigurationError(f"{where}: {path} is missing{more}", remedy=f"Add {path}.")
    found = "" if isinstance(fault["input"], dict | list) else f", found {fault['input']!r}"
    return ConfigurationError(f"{where}: {path or 'the whole'}: {message}{found}{more}")


def _at(where: str, loc: tuple[int | str, ...]) -> str:
    return ".".join([where, *(str(step) for step in loc)])


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """The keys that the model at a location knows, found by walking the annotations."""
    models = [model]
    for step in loc:
        if isinstance(step, int):
            continue
        nested = [
            m
            for current in models
            if step in current.model_fields
            for m in _models_in(current.model_fields[step].annotation)
        ]
        models = nested or models
    return {name for m in models for name in m.model_fields}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for argument in getattr(annotation, "__args__", ()) for m in _models_in(argument)]
