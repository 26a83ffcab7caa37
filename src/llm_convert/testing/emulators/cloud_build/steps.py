"""One build step as a process in the build's workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_convert.testing.emulators.cloud_build import messages as m
from llm_convert.testing.emulators.cloud_build.places import placed, places_of
from llm_convert.testing.emulators.cloud_build.state import BuildRecord, State
from llm_convert.testing.emulators.processes import LocalProcess, base_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """How a step ended."""

    status: Any
    exit_code: int = 0
    fault: str = ""
    """In the service's words; empty: none."""
    output: bytes = b""
    """What it wrote to ``$BUILDER_OUTPUT/output``, cut."""


def run_step(state: State, record: BuildRecord, index: int, log: Path) -> StepOutcome:
    """Run it to its end; waits."""
    step = record.message.steps[index]
    folder = record.folder / f"step-{index}"
    outputs = folder / "outputs"
    outputs.mkdir(parents=True)
    where = record.workspace / step.dir_.removeprefix("/workspace").lstrip("/")
    if missing := _missing_secret(state, record, step):
        fault = f"failed to access secret version for secret {missing}: rpc error: code = NotFound"
        return StepOutcome(status=m.Status.FAILURE, exit_code=1, fault=fault)
    if state.dials.entrypoint(step.name) is None:
        return StepOutcome(
            status=m.Status.FAILURE, exit_code=1, fault=f'error pulling build step {index} "{step.name}"'
        )
    try:
        where.mkdir(parents=True, exist_ok=True)
        places = places_of(record, step)
        process = LocalProcess(
            command_of(state, step, folder, places),
            environment=environment_of(state, record, step, folder, places),
            folder=where,
            log=log,
            alarms=state.alarms,
        )
    except (OSError, ValueError) as error:
        fault = f'build step {index} "{step.name}" failed: starting step container failed: {error}'
        return StepOutcome(status=m.Status.FAILURE, exit_code=127, fault=fault)
    code = _watch(state, record, step, process)
    written = outputs / "output"
    output = written.read_bytes()[: state.dials.output_limit_bytes] if written.is_file() else b""
    return _outcome(index, step, code, process.cause, output)


def _missing_secret(state: State, record: BuildRecord, step: Any) -> str:
    build = record.message
    for secret in build.available_secrets.secret_manager:
        wanted = secret.env in (*build.options.secret_env, *step.secret_env)
        if wanted and secret.version_name not in state.dials.secrets:
            return str(secret.version_name)
    return ""


def _watch(state: State, record: BuildRecord, step: Any, process: LocalProcess) -> int:
    with state.changed:
        record.processes.add(process)
    # Whoever stops the build sets this first and then ends the process: one of the two sees the other.
    if record.stopping.is_set() or record.halted:
        process.end(
            record.cause or "cancel", grace_seconds=0.0 if state.stopping.is_set() else state.dials.grace_seconds
        )
    if step.HasField("timeout"):
        seconds = step.timeout.ToTimedelta().total_seconds()
        process.limit_time(seconds, grace_seconds=state.dials.grace_seconds, cause="step timeout")
    code = process.wait()
    with state.changed:
        record.processes.discard(process)
    return code if code >= 0 else 128 - code


def _outcome(index: int, step: Any, code: int, cause: str, output: bytes) -> StepOutcome:
    if cause == "cancel":
        return StepOutcome(status=m.Status.CANCELLED, exit_code=code, fault="context canceled", output=output)
    if cause:
        return StepOutcome(status=m.Status.TIMEOUT, exit_code=code, fault="context deadline exceeded", output=output)
    if code == 0:
        return StepOutcome(status=m.Status.SUCCESS, output=output)
    fault = f'build step {index} "{step.name}" failed: step exited with non-zero status: {code}'
    return StepOutcome(status=m.Status.FAILURE, exit_code=code, fault=fault, output=output)


def command_of(state: State, step: Any, folder: Path, places: dict[str, Path]) -> list[str]:
    """A script by its own first line or by sh; else the entrypoint, the step's or the image's, and the arguments."""
    if step.script:
        script = folder / "script"
        script.write_text(placed(step.script, places), encoding="utf-8")
        script.chmod(0o755)
        return [str(script)] if step.script.startswith("#!") else ["sh", str(script)]
    entrypoint = [step.entrypoint] if step.entrypoint else list(state.dials.entrypoint(step.name) or ())
    command = [*entrypoint, *step.args]
    if not command:
        raise FileNotFoundError(f'no command specified: image "{step.name}" has no known entrypoint, the step no args')
    return [placed(word, places) for word in command]


def environment_of(
    state: State, record: BuildRecord, step: Any, folder: Path, places: dict[str, Path]
) -> dict[str, str]:
    """What the step's process sees; a step's own variables win over the build's."""
    build = record.message
    home = record.folder / "home"
    home.mkdir(exist_ok=True)
    environment = base_environment() | {"HOME": str(home), "BUILDER_OUTPUT": str(folder / "outputs")} | state.base_env
    if build.options.automap_substitutions or step.automap_substitutions:
        environment |= record.substitutions
    for entry in (*build.options.env, *step.env):
        name, _, value = entry.partition("=")
        environment[name] = placed(value, places)
    versions = {secret.env: secret.version_name for secret in build.available_secrets.secret_manager}
    for name in (*build.options.secret_env, *step.secret_env):
        environment[name] = state.dials.secrets.get(versions[name], "")
    return environment
