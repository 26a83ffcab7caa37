"""``llm-convert emulators``: Google's services on this machine, for any client on the real wire, until interrupted.

It prints the lines to export and then stays in the foreground. The processes that the Cloud Run and Cloud Build
emulators start have the same variables, so that a job they run finds the other services.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, Self

from llm_convert.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from types import FrameType, TracebackType

NAME = "emulators"
HELP = "Run Cloud Storage, BigQuery, Cloud Run, Cloud Build and Claude's wire on this machine, without cloud or key."

PORTS = {
    "gcs": "Cloud Storage's JSON API",
    "bigquery": "BigQuery's REST API",
    "cloud-run": "Cloud Run's REST API",
    "cloud-run-grpc": "Cloud Run's gRPC API",
    "cloud-build": "Cloud Build's REST API",
    "cloud-build-grpc": "Cloud Build's gRPC API",
    "model": "Claude on Vertex AI",
}
"""Port options, ``--<name>-port``, and what listens there."""
LOOK_SECONDS = 0.25
"""How often the main thread looks whether it was asked to stop."""
GRPC_VARIABLE = "CLOUD_RUN_EMULATOR_GRPC_HOST"
"""Our own name, for ``grpc.insecure_channel``: Google's clients have no variable for it."""
BUILD_GRPC_VARIABLE = "CLOUD_BUILD_EMULATOR_GRPC_HOST"
"""The same for Cloud Build."""


class Emulator(Protocol):
    """What every emulator offers."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""

    def environment(self) -> dict[str, str]:
        """What its clients must have exported."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    for name, what in PORTS.items():
        parser.add_argument(
            f"--{name}-port", type=_port, default=0, metavar="PORT", help=f"{what}; 0, the default, takes any free port"
        )
    parser.add_argument("--project", default="local-project", help="told to clients as GOOGLE_CLOUD_PROJECT")


def execute(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; 0."""
    stop = threading.Event()
    with _stopping_on_signals(stop), contextlib.ExitStack() as running:
        environment = start_all(arguments, running)
        for name, value in sorted(environment.items()):
            print(f"export {name}={shlex.quote(value)}")
        print(f"# Cloud Run over gRPC: export LLM_CONVERT_CLOUD_RUN_ENDPOINT=grpc://{environment[GRPC_VARIABLE]}")
        print("# Serving until Ctrl-C.", flush=True)
        # Not one long wait: a signal that another thread happens to receive does not interrupt it.
        while not stop.wait(LOOK_SECONDS):
            continue
    print("llm-convert: the emulators have stopped", file=sys.stderr)
    return 0


def start_all(arguments: argparse.Namespace, running: contextlib.ExitStack) -> dict[str, str]:
    """Start every emulator; what clients must have exported.

    Args:
        arguments: the verb's.
        running: what stops them, the last first.

    Raises:
        ConfigurationError: a port is taken.
        MissingExtraError: a package of the extra ``emulators`` is not installed.
    """
    environment = {"GOOGLE_CLOUD_PROJECT": arguments.project}

    def start(port_name: str, make: Callable[[], Emulator]) -> Emulator:
        with _told(port_name, arguments):
            emulator = running.enter_context(make())
        environment.update(emulator.environment())
        return emulator

    gcs = start("gcs", lambda: _gcs(arguments))
    storage_url = str(getattr(gcs, "url", ""))
    start("bigquery", lambda: _bigquery(arguments, storage_url))
    start("model", lambda: _model(arguments))
    # These two start processes, which are told where the others are.
    cloud_run = start("cloud-run", lambda: _cloud_run(arguments, environment))
    environment[GRPC_VARIABLE] = str(getattr(cloud_run, "grpc_target", ""))
    cloud_build = start("cloud-build", lambda: _cloud_build(arguments, storage_url, environment))
    environment[BUILD_GRPC_VARIABLE] = str(getattr(cloud_build, "grpc_target", ""))
    return environment


def _gcs(arguments: argparse.Namespace) -> Emulator:
    from llm_convert.testing.emulators.gcs import GcsEmulator

    return GcsEmulator(port=arguments.gcs_port, project=arguments.project)


def _bigquery(arguments: argparse.Namespace, storage_url: str) -> Emulator:
    from llm_convert.testing.emulators.bigquery import BigQueryEmulator

    return BigQueryEmulator(port=arguments.bigquery_port, storage_url=storage_url, project=arguments.project)


def _model(arguments: argparse.Namespace) -> Emulator:
    from llm_convert.testing.model_server import ModelServer

    return ModelServer(port=arguments.model_port, project=arguments.project)


def _cloud_run(arguments: argparse.Namespace, environment: dict[str, str]) -> Emulator:
    from llm_convert.testing.emulators.cloud_run import CloudRunEmulator

    return CloudRunEmulator(
        port=arguments.cloud_run_port, grpc_port=arguments.cloud_run_grpc_port, base_env=environment
    )


def _cloud_build(arguments: argparse.Namespace, storage_url: str, environment: dict[str, str]) -> Emulator:
    from llm_convert.testing.emulators.cloud_build import CloudBuildEmulator

    return CloudBuildEmulator(
        port=arguments.cloud_build_port,
        grpc_port=arguments.cloud_build_grpc_port,
        storage_url=storage_url,
        base_env=environment,
    )


@contextlib.contextmanager
def _told(port_name: str, arguments: argparse.Namespace) -> Iterator[None]:
    """Turn what keeps an emulator from starting into words of ours."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "emulators") from None
    except (OSError, RuntimeError) as error:
        # grpcio raises RuntimeError for an address in use.
        if isinstance(error, OSError) and error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        ports = {name: vars(arguments)[f"{name}_port".replace("-", "_")] for name in PORTS}
        mine = [name for name in ports if ports[name] and name.startswith(port_name)]
        asked = ", ".join(f"--{name}-port {ports[name]}" for name in mine)
        raise ConfigurationError(
            f"{PORTS[mine[0] if len(mine) == 1 else port_name]} can't listen at {asked or 'any port'}: {error}",
            remedy="Give another port, or 0 for any free one.",
        ) from error


@contextlib.contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    def asked(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{number} is no port; give 0 to 65535")
    return number
