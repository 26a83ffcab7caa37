"""Typed objects over an object store: the few verbs that every room needs, written once."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel

from llm_convert.contracts.base import Contract
from llm_convert.errors import ObjectNotFoundError, PreconditionFailedError
from llm_convert.ports import ObjectStore

M = TypeVar("M", bound=Contract)


def read_model(store: ObjectStore, key: str, model: type[M]) -> M:
    """The model stored at a key. Raises ObjectNotFoundError."""
    return model.from_json(store.read(key).data)


def find_model(store: ObjectStore, key: str, model: type[M]) -> M | None:
    """The model stored at a key, or None when there is no such object."""
    try:
        return read_model(store, key, model)
    except ObjectNotFoundError:
        return None


def create_model(store: ObjectStore, key: str, value: Contract) -> bool:
    """Write a model if the key is free; False when somebody else was first."""
    try:
        store.create(key, value.to_json())
    except PreconditionFailedError:
        return False
    return True


def overwrite(store: ObjectStore, key: str, data: bytes) -> bool:
    """Make the key hold exactly this, whatever it held; False when it held it already.

    For derived state alone: two writers of the same inputs write the same bytes, so it does not matter who is last.
    """
    while True:
        try:
            held = store.read(key)
        except ObjectNotFoundError:
            try:
                store.create(key, data)
            except PreconditionFailedError:
                continue
            return True
        if held.data == data:
            return False
        try:
            store.replace(key, data, if_version=held.version)
        except PreconditionFailedError:
            continue
        return True


def remove(store: ObjectStore, key: str) -> None:
    """Delete the object if it is there."""
    while True:
        try:
            store.delete(key, if_version=store.read(key).version)
        except ObjectNotFoundError:
            return
        except PreconditionFailedError:
            continue
        return


def seconds_between_writes(store: ObjectStore) -> float:
    """How far apart writes of one and the same object should be: Cloud Storage takes about one a second.

    0 where the store is on this machine.
    """
    return 0.0 if store.url.startswith("file:") else 1.25


def to_jsonl(rows: list[Any]) -> bytes:
    """One JSON document a line; pydantic models and plain values alike."""
    lines = [
        row.model_dump_json(exclude_none=True) if isinstance(row, BaseModel) else json.dumps(row, ensure_ascii=False)
        for row in rows
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def from_jsonl(data: bytes, model: type[M]) -> list[M]:
    """The models of a JSON-lines object."""
    return [model.from_json(line) for line in data.splitlines() if line.strip()]
