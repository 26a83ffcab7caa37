"""``$_NAME``, ``${_NAME}`` and the built-in ones: where they are replaced, and which are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from llm_convert.testing.emulators.google_api.errors import ApiError

_USER_KEY = re.compile(r"_[A-Z0-9_]+\Z")
_EXPANSION = re.compile(r"(?<!\$)\$\{_[A-Z0-9_]+[^}A-Z0-9_][^}]*\}")
_USE = re.compile(r"\$(?:\$|\{(\w+)\}|([A-Za-z_]\w*))")
_EMPTY_UNLESS_TRIGGERED = (
    "TRIGGER_NAME",
    "TRIGGER_BUILD_CONFIG_PATH",
    "COMMIT_SHA",
    "REVISION_ID",
    "SHORT_SHA",
    "REPO_NAME",
    "REPO_FULL_NAME",
    "BRANCH_NAME",
    "TAG_NAME",
    "REF_NAME",
    "SERVICE_ACCOUNT",
    "SERVICE_ACCOUNT_EMAIL",
)
"""Built-in substitutions that are known everywhere and have a value only in a triggered build."""
ALLOW_LOOSE = 1
_MOST_BYTES = 4000


def substitute(build: Any, *, location: str, project_number: int) -> dict[str, str]:
    """Replace them all in a build, in place; all their values by name.

    A step's ``script`` is left alone, as the service does: it reads variables of the environment.

    Raises:
        ApiError: INVALID_ARGUMENT for a key of a wrong form, one that nothing uses, or a use without a value.
    """
    for key, value in build.substitutions.items():
        if not _USER_KEY.match(key) and key not in _EMPTY_UNLESS_TRIGGERED:
            raise _invalid(f'substitution key "{key}" does not match format "^_[A-Z0-9_]+$"')
        if len(value.encode()) > _MOST_BYTES:
            raise _invalid(f'substitution value of "{key}" is longer than {_MOST_BYTES} bytes')
    values = {
        **dict.fromkeys(_EMPTY_UNLESS_TRIGGERED, ""),
        "PROJECT_ID": build.project_id,
        "PROJECT_NUMBER": str(project_number),
        "LOCATION": location,
        "BUILD_ID": build.id,
        **build.substitutions,
    }
    loose = build.options.substitution_option == ALLOW_LOOSE
    used: set[str] = set()
    if build.options.dynamic_substitutions:
        _resolve(build, values, used, loose=loose)
    _replace_in(build, lambda text: _replace(text, values, used, loose=loose))
    unused = build.substitutions.keys() - used
    automapped = build.options.automap_substitutions or any(step.automap_substitutions for step in build.steps)
    if unused and not loose and not automapped:
        raise _invalid(f'key "{min(unused)}" in the substitution data is not matched in the template')
    return values


def _resolve(build: Any, values: dict[str, str], used: set[str], *, loose: bool) -> None:
    """Values that use other values, in place. Raises ApiError for a circle, and for what a shell would expand."""
    for text in (*build.substitutions.values(), *(arg for step in build.steps for arg in (*step.args, *step.env))):
        if found := _EXPANSION.search(text):
            raise ApiError("UNIMPLEMENTED", f"This emulator does not implement parameter expansions: {found[0]}")

    def resolved(key: str, within: frozenset[str]) -> str:
        if key in within:
            raise _invalid(f'the substitutions use each other in a circle: "{key}"')
        text = build.substitutions[key]
        inner = {match[1] or match[2] for match in _USE.finditer(text)} & set(build.substitutions)
        known = {**values, **{name: resolved(name, within | {key}) for name in inner}}
        return _replace(text, known, used, loose=loose)

    values.update({key: resolved(key, frozenset()) for key in build.substitutions})


def _replace_in(build: Any, replaced: Callable[[str], str]) -> None:
    for step in build.steps:
        for field in ("name", "dir_", "entrypoint", "id"):
            setattr(step, field, replaced(getattr(step, field)))
        step.args[:] = [replaced(text) for text in step.args]
        step.env[:] = [replaced(text) for text in step.env]
    build.options.env[:] = [replaced(text) for text in build.options.env]
    build.tags[:] = [replaced(text) for text in build.tags]
    build.images[:] = [replaced(text) for text in build.images]
    build.logs_bucket = replaced(build.logs_bucket)
    for secret in build.available_secrets.secret_manager:
        secret.version_name = replaced(secret.version_name)


def _replace(text: str, values: Mapping[str, str], used: set[str], *, loose: bool) -> str:
    def value_of(match: re.Match[str]) -> str:
        key = match[1] or match[2]
        if key is None:
            return "$"
        used.add(key)
        if key in values:
            return values[key]
        if not key.startswith("_"):
            raise _invalid(f'invalid value for \'build.substitutions\': key in the template "{key}" is not a valid '
                           "built-in substitution")  # fmt: skip
        if not loose:
            raise _invalid(f'key in the template "{key}" is not matched in the substitution data')
        return ""

    return _USE.sub(value_of, text)


def _invalid(text: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", f"generic::invalid_argument: {text}")
