"""The filter of ``ListBuilds``: comparisons joined by AND and OR, the latter binding tighter, and NOT."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from llm_convert.testing.emulators.cloud_build import messages as m
from llm_convert.testing.emulators.google_api.errors import ApiError

_TERM = re.compile(r'\s*(-|NOT\s+)?([a-z_.]+)\s*(!=|<=|>=|=|<|>|:)\s*(?:"([^"]*)"|([^\s"()]+))\s*')
_TIMES = {"create_time", "start_time", "finish_time"}
_TEXTS: dict[str, Callable[[Any], list[str]]] = {
    "build_id": lambda build: [build.id],
    "id": lambda build: [build.id],
    "images": lambda build: list(build.images),
    "logs_bucket": lambda build: [build.logs_bucket],
    "options.machine_type": lambda build: [str(build.options.machine_type)],
    "project_id": lambda build: [build.project_id],
    "service_account": lambda build: [build.service_account],
    "source.storage_source.bucket": lambda build: [build.source.storage_source.bucket],
    "source.storage_source.object": lambda build: [build.source.storage_source.object_],
    "status": lambda build: [m.Status(build.status).name],
    "tags": lambda build: list(build.tags),
    "trigger_id": lambda build: [build.build_trigger_id],
}
_ORDER: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": lambda found, asked: found == asked,
    "!=": lambda found, asked: found != asked,
    "<": lambda found, asked: found < asked,
    "<=": lambda found, asked: found <= asked,
    ">": lambda found, asked: found > asked,
    ">=": lambda found, asked: found >= asked,
}

Test = Callable[[Any], bool]


def build_filter(text: str) -> Test:
    """Whether a Build meets a filter; every one meets an empty one (a message is true).

    Raises:
        ApiError: INVALID_ARGUMENT for what can't be read, parentheses among it.
    """
    if not text.strip():
        return bool
    every = [[_term(part) for part in re.split(r"\sOR\s", alternatives)] for alternatives in re.split(r"\sAND\s", text)]
    return lambda build: all(any(test(build) for test in tests) for tests in every)


def _term(text: str) -> Test:
    match = _TERM.fullmatch(text)
    if match is None:
        raise _refused(text)
    negated, name, sign, quoted, bare = match.groups()
    value = bare if quoted is None else quoted
    test = _timed(name, sign, value, text) if name in _TIMES else _worded(name, sign, value, text)
    return (lambda build: not test(build)) if negated else test


def _timed(name: str, sign: str, value: str, text: str) -> Test:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _refused(text) from None
    asked = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    compared = _ORDER.get(sign)
    if compared is None:
        raise _refused(text)
    return lambda build: build.HasField(name) and compared(getattr(build, name).ToDatetime(UTC), asked)


def _worded(name: str, sign: str, value: str, text: str) -> Test:
    if name not in _TEXTS or sign not in {"=", "!=", ":"}:
        raise _refused(text)
    facts, wanted = _TEXTS[name], sign != "!="
    return lambda build: (value in facts(build)) == wanted


def _refused(text: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", f"Invalid list filter: {text.strip()!r} is not supported here.")
