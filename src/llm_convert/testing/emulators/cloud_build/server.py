"""The emulator's life: two ports, one state, a folder, and no process left behind."""

from __future__ import annotations

import importlib.util
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llm_convert.errors import MissingExtraError
from llm_convert.testing.emulators.cloud_build.dials import Dials

if TYPE_CHECKING:
    from llm_convert.testing.emulators.google_api.front import Call


class CloudBuildEmulator:
    """Cloud Build's API on this machine, from ``start`` to ``stop``; also a context manager.

    Args:
        port: of REST; 0 takes any free one.
        grpc_port: of gRPC, likewise.
        storage_url: of a Cloud Storage emulator, for sources and logs; without it logs are kept here alone.
        dials: what differs or goes wrong; may be changed while it runs.
        base_env: variables of every step, beside PATH, LANG, PYTHONPATH, HOME and BUILDER_OUTPUT; a build's own win.
        folder: where workspaces and logs are kept; by default one that goes when the emulator stops.

    Raises:
        MissingExtraError: the vendor's packages are not installed.
        OSError: a port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        grpc_port: int = 0,
        storage_url: str | None = None,
        dials: Dials | None = None,
        base_env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        _check_packages()
        from llm_convert.testing.emulators.cloud_build.methods import methods
        from llm_convert.testing.emulators.cloud_build.state import State
        from llm_convert.testing.emulators.google_api.front import Front
        from llm_convert.testing.emulators.google_api.grpc_server import GrpcServer
        from llm_convert.testing.emulators.google_api.http import JsonServer
        from llm_convert.testing.emulators.processes import Alarms

        self.dials = dials or Dials()
        with ExitStack() as closing:
            if folder is None:
                folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="cloud-build-")))
            alarms = Alarms("cloud-build-alarms")
            closing.callback(alarms.stop)
            self._state = State(
                dials=self.dials,
                folder=folder.absolute(),
                alarms=alarms,
                base_env=dict(base_env or {}),
                storage_url=(storage_url or "").rstrip("/"),
                stopping=threading.Event(),
            )
            # A call that is being answered while the ports close may start one more process.
            closing.callback(self._kill_all)
            self._front = Front(methods(self._state), self.dials)
            self._rest = JsonServer("cloud-build-rest", port, self._front.rest)
            closing.callback(self._rest.stop)
            self._grpc = GrpcServer(self._front, grpc_port)
            closing.callback(self._grpc.stop)
            self._closing = closing.pop_all()

    def start(self) -> Self:
        """Answer from now on."""
        self._rest.start()
        self._grpc.start()
        return self

    def stop(self) -> None:
        """Kill what it started, end every call, close both ports."""
        self._front.stopping.set()
        self._state.stopping.set()
        self._kill_all()
        self._closing.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The endpoint: ``client_options={"api_endpoint": url}`` with ``transport="rest"``."""
        return f"http://127.0.0.1:{self._rest.port}"

    @property
    def grpc_target(self) -> str:
        """For ``grpc.insecure_channel`` and ``grpc.aio.insecure_channel``."""
        return f"127.0.0.1:{self._grpc.port}"

    def environment(self) -> dict[str, str]:
        """The variables that make this library use the emulator, in this or another process."""
        return {"LLM_CONVERT_CLOUD_BUILD_ENDPOINT": self.url}

    @property
    def builds(self) -> tuple[Any, ...]:
        """Every ``cloudbuild_v1.Build`` so far, oldest first."""
        from google.cloud.devtools import cloudbuild_v1

        with self._state.changed:
            records = tuple(self._state.builds.values())
            return tuple(cloudbuild_v1.Build.deserialize(r.message.SerializeToString()) for r in records)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call that was answered or lost, in the order in which they ended."""
        return self._front.calls

    def logs(self, build_id: str) -> str:
        """The text of ``log-BUILD_ID.txt``; it grows by a step at a time."""
        path = self._state.folder / "logs" / f"log-{build_id}.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _kill_all(self) -> None:
        with self._state.changed:
            records = [record for record in self._state.builds.values() if not record.over]
        for record in records:
            self._state.stop(record, "cancel")
            with self._state.changed:
                processes = tuple(record.processes)
            for process in processes:
                process.kill("cancel")
        with self._state.changed:
            self._state.changed.notify_all()
            self._state.changed.wait_for(lambda: all(record.over for record in records), timeout=10)


def _check_packages() -> None:
    for package, module in (("grpcio", "grpc"), ("google-cloud-build", "google.cloud.devtools.cloudbuild_v1")):
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise MissingExtraError(package, "emulators")
