"""The emulator's life: two ports, one state, a folder, and no process left behind."""

from __future__ import annotations

import importlib.util
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llm_convert.errors import MissingExtraError
from llm_convert.testing.emulators.cloud_run.dials import Dials

if TYPE_CHECKING:
    from llm_convert.testing.emulators.google_api.front import Call


class CloudRunEmulator:
    """Cloud Run's API for jobs on this machine, from ``start`` to ``stop``; also a context manager.

    Args:
        port: of REST; 0 takes any free one.
        grpc_port: of gRPC, likewise.
        dials: what differs or goes wrong; may be changed while it runs.
        base_env: variables of every container, beside PATH, HOME, LANG and PYTHONPATH; a job's own win over them.
        working_directory: where containers without a working directory stand; by default an empty folder for each.
        folder: where logs and working folders are kept; by default one that goes when the emulator stops.

    Raises:
        MissingExtraError: the vendor's packages are not installed.
        OSError: a port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        grpc_port: int = 0,
        dials: Dials | None = None,
        base_env: Mapping[str, str] | None = None,
        working_directory: Path | None = None,
        folder: Path | None = None,
    ) -> None:
        _check_packages()
        from llm_convert.testing.emulators.cloud_run.methods import methods
        from llm_convert.testing.emulators.cloud_run.state import State
        from llm_convert.testing.emulators.google_api.front import Front
        from llm_convert.testing.emulators.google_api.grpc_server import GrpcServer
        from llm_convert.testing.emulators.google_api.http import JsonServer
        from llm_convert.testing.emulators.processes import Alarms

        self.dials = dials or Dials()
        with ExitStack() as closing:
            if folder is None:
                folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="cloud-run-")))
            alarms = Alarms("cloud-run-alarms")
            closing.callback(alarms.stop)
            self._state = State(
                dials=self.dials,
                folder=folder.absolute(),
                alarms=alarms,
                base_env=dict(base_env or {}),
                working_directory=working_directory.absolute() if working_directory else None,
                stopping=threading.Event(),
            )
            # A call that is being answered while the ports close may start one more process.
            closing.callback(self._kill_all)
            self._front = Front(methods(self._state), self.dials)
            self._rest = JsonServer("cloud-run-rest", port, self._front.rest)
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
        """The REST endpoint: ``client_options={"api_endpoint": url}`` with ``transport="rest"``."""
        return f"http://127.0.0.1:{self._rest.port}"

    @property
    def grpc_target(self) -> str:
        """For ``grpc.insecure_channel`` and ``grpc.aio.insecure_channel``."""
        return f"127.0.0.1:{self._grpc.port}"

    def environment(self) -> dict[str, str]:
        """The variables that make this library use the emulator, in this or another process."""
        return {"LLM_CONVERT_CLOUD_RUN_ENDPOINT": self.url}

    def deploy(
        self,
        name: str,
        *,
        command: Sequence[str] = (),
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        image: str = "local/job:latest",
        task_count: int = 1,
        parallelism: int = 0,
        max_retries: int = 3,
        timeout_seconds: float = 600.0,
    ) -> Any:
        """Create a job, or replace the one of this name, without the API's detours.

        Args:
            name: full, ``projects/p/locations/l/jobs/j``.
            command: what runs in place of the image's entrypoint.
            args: its arguments.
            env: variables of the container.
            image: only a name, unless the dial ``images`` says which exist.
            task_count: tasks of an execution.
            parallelism: how many of them at once; 0: all.
            max_retries: of each task.
            timeout_seconds: of each attempt.

        Returns:
            The ``run_v2.Job``.

        Raises:
            ApiError: a value is refused, as the API would.
        """
        from google.cloud import run_v2

        from llm_convert.testing.emulators.cloud_run.jobs import Jobs, job_of

        job = job_of(image=image, command=command, args=args, env=env or {})
        job.name = name
        job.template.task_count, job.template.parallelism = task_count, parallelism
        job.template.template.max_retries = max_retries
        job.template.template.timeout.FromMilliseconds(round(timeout_seconds * 1000))
        jobs = Jobs(self._state)
        jobs.update_job(run_v2.UpdateJobRequest.pb()(job=job, allow_missing=True))
        return run_v2.Job(jobs.get_job(run_v2.GetJobRequest.pb()(name=name)))

    def run(self, name: str) -> Any:
        """Start an execution of a job without overrides, as its owner would by hand; the ``run_v2.Execution``."""
        from google.cloud import run_v2

        from llm_convert.testing.emulators.cloud_run.runs import run_job

        operation = run_job(self._state, run_v2.RunJobRequest.pb()(name=name))
        return run_v2.Execution.deserialize(operation.metadata.value)

    @property
    def executions(self) -> tuple[Any, ...]:
        """Every ``run_v2.Execution`` ever started, oldest first, whatever the dials hide."""
        from google.cloud import run_v2

        with self._state.changed:
            return tuple(run_v2.Execution.deserialize(r.message.SerializeToString()) for r in self._state.started)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call that was answered or lost, in the order in which they ended."""
        return self._front.calls

    def logs(self, execution: str) -> str:
        """What an execution's containers wrote, task by task and attempt by attempt; by its short or full name."""
        folder = self._state.folder / "executions" / execution.rpartition("/")[2]
        paths = sorted(folder.glob("task-*/attempt-*/log.txt"), key=_task_and_attempt)
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)

    def _kill_all(self) -> None:
        from llm_convert.testing.emulators.cloud_run import messages as m

        with self._state.changed:
            records = [record for record in self._state.started if not record.over]
            for record in records:
                # Without a reason it would be one that failed, and no task of a pending one did.
                record.stop_reason = record.stop_reason or m.ExecutionReason.CANCELLED
                record.stopping.set()
            self._state.changed.notify_all()
        with self._state.changed:
            processes = [process for record in records for process in record.processes]
        for process in processes:
            process.kill("cancel")
        with self._state.changed:
            self._state.changed.wait_for(lambda: all(record.over for record in records), timeout=10)


def _task_and_attempt(path: Path) -> tuple[int, int]:
    return int(path.parent.parent.name.removeprefix("task-")), int(path.parent.name.removeprefix("attempt-"))


def _check_packages() -> None:
    for package, module in (("grpcio", "grpc"), ("google-cloud-run", "google.cloud.run_v2")):
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise MissingExtraError(package, "emulators")
