"""What Cloud Build refuses before it queues a build, with the limits of its documentation."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from typing import Any

from llm_convert.testing.emulators.cloud_build import messages as m
from llm_convert.testing.emulators.google_api.errors import ApiError

_MOST_STEPS = 300
_MOST_ARGS = 100
_LONGEST_ARG = 10_000
_MOST_ENV = 100
_LONGEST_ENV = 65_536
_MOST_TAGS = 64
_LEAST_USES = 2
_TAG = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}\Z")
_LONGEST_SECONDS = 24 * 3600


def check_build(build: Any) -> None:
    """Raises ApiError: INVALID_ARGUMENT."""
    if not build.steps:
        raise _invalid("no build steps are specified")
    if len(build.steps) > _MOST_STEPS:
        raise _invalid(f"a build may have at most {_MOST_STEPS} steps")
    if not 0 <= build.timeout.ToTimedelta().total_seconds() <= _LONGEST_SECONDS:
        raise _invalid("build.timeout must not be negative and at most 24 hours")
    if len(build.tags) > _MOST_TAGS or any(not _TAG.match(tag) for tag in build.tags if "$" not in tag):
        raise _invalid(f"build.tags: at most {_MOST_TAGS}, each of the form [A-Za-z0-9_][A-Za-z0-9_.-]*")
    if build.service_account and not _logs_are_settled(build):
        raise _invalid(
            "if 'build.service_account' is specified, the build must either (a) specify 'build.logs_bucket', (b) use "
            "the REGIONAL_USER_OWNED_BUCKET build.options.default_logs_bucket_behavior option, or (c) use either "
            "CLOUD_LOGGING_ONLY / NONE logging options"
        )
    known = {secret.env for secret in build.available_secrets.secret_manager}
    _check_secrets("build.options", build.options.secret_env, known)
    earlier: set[str] = set()
    for index, step in enumerate(build.steps):
        _check_step(index, step, earlier)
        _check_secrets(f"build step {index}", step.secret_env, known)
        earlier.add(step.id)
    check_volumes(build)


def _logs_are_settled(build: Any) -> bool:
    silent = build.options.logging in {m.Logging.NONE, m.Logging.CLOUD_LOGGING_ONLY}
    return bool(build.logs_bucket or silent or build.options.default_logs_bucket_behavior)


def _check_step(index: int, step: Any, earlier: set[str]) -> None:
    if not step.name:
        raise _invalid(f"build step {index} must specify a name")
    if step.script and (step.args or step.entrypoint):
        raise _invalid(f"build step {index}: script cannot be used with args or entrypoint")
    if len(step.args) > _MOST_ARGS:
        raise _invalid(f"build step {index} has too many arguments: at most {_MOST_ARGS}")
    if any(len(argument) > _LONGEST_ARG for argument in step.args):
        raise _invalid(f"build step {index} arg is too long: at most {_LONGEST_ARG} characters")
    if len(step.env) > _MOST_ENV or any(len(entry) > _LONGEST_ENV for entry in step.env):
        raise _invalid(f"build step {index} env: at most {_MOST_ENV} entries of {_LONGEST_ENV} characters")
    if step.timeout.ToTimedelta().total_seconds() < 0:
        raise _invalid(f"build step {index}: timeout must not be negative")
    if ".." in step.dir_.split("/"):
        raise _invalid(f'build step {index}: dir "{step.dir_}" must not leave the workspace')
    for entry in step.env:
        if "=" not in entry:
            raise _invalid(f'build step {index}: env "{entry}" must be of the form KEY=VALUE')
    if step.id and step.id in earlier:
        raise _invalid(f'build step {index}: id "{step.id}" is not unique')
    for other in step.wait_for:
        if other != "-" and other not in earlier:
            raise _invalid(f'build step {index} waits for "{other}", which is no earlier step')


def check_volumes(build: Any) -> None:
    """Each has a name and an absolute path, and is used by two steps at least. Raises ApiError: INVALID_ARGUMENT."""
    uses: Counter[str] = Counter()
    for index, step in enumerate(build.steps):
        volumes = (*build.options.volumes, *step.volumes)
        paths = [posixpath.normpath(volume.path) for volume in volumes]
        for volume, path in zip(volumes, paths, strict=True):
            if not volume.name or not path.startswith("/") or path in {"/", "/workspace"} or paths.count(path) > 1:
                said = f'volume "{volume.name}" has the path "{volume.path}"; expected an absolute one of its own'
                raise _invalid(f"build step {index}: {said}")
        uses.update({volume.name for volume in step.volumes})
    alone = [name for name, count in uses.items() if count < _LEAST_USES]
    if alone:
        raise _invalid(f'volume "{alone[0]}" is only used by one step: a volume is for sharing')


def _check_secrets(where: str, names: Any, known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise _invalid(f'{where}: secretEnv "{name}" is not defined in availableSecrets')


def _invalid(text: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", f"invalid build: {text}")
