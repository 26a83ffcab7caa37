"""A real Airflow of its own: scheduler, triggerer, DAG processor and web page in one process group."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

READY_SECONDS = 120


class Standalone:
    def __init__(self, home: Path, dags: Path, environ: Mapping[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "standalone.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.process_environ = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **environ,
        }

    @contextlib.contextmanager
    def running(self) -> Iterator[Standalone]:
        with self.log.open("wb") as output:
            self.process_id = self._start(["standalone"], output).pid
        try:
            self.await_(lambda: self._healthy(), "Airflow did not come up")
            yield self
        finally:
            for process in self._processes:
                # Its children outlive it when it alone is told to stop.
                for number in (signal.SIGTERM, signal.SIGKILL):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=10)

    def start(self, component: str) -> None:
        """One more scheduler, triggerer or the like, which ends with this Airflow."""
        with self.log.open("ab") as output:
            self._start([component], output)

    def _start(self, words: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "airflow", *words]
        process = subprocess.Popen(
            command, env=self.process_environ, stdout=output, stderr=output, start_new_session=True
        )
        self._processes.append(process)
        return process

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        # Before 3.2 its page asks for a token although everybody is an administrator.
        with urllib.request.urlopen(f"{self.url}/auth/token", timeout=20) as answer:
            headers = {"Authorization": f"Bearer {json.load(answer)['access_token']}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}", data, headers={**headers, "Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def trigger(self, dag_id: str, conf: Any) -> str:
        """Start a run by hand; its id."""
        run = self.send("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        return dict(self.get(f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}"))

    def task_log(self, dag_id: str, run_id: str, task_id: str, *, attempt: int = 1) -> str:
        found = self.get(
            f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/logs/{attempt}?full_content=true"
        )
        return json.dumps(found["content"], ensure_ascii=False)

    def await_dag(self, dag_id: str) -> None:
        self.await_(lambda: self._knows(dag_id), f"{dag_id} was not parsed")

    def await_run(self, dag_id: str) -> dict[str, Any]:
        """The newest run of a DAG, once it has ended."""
        self.await_(lambda: self._newest(dag_id).get("state") in {"success", "failed"}, f"no run of {dag_id} ended")
        return self._newest(dag_id)

    def _newest(self, dag_id: str) -> dict[str, Any]:
        runs = self.get(f"dags/{dag_id}/dagRuns?order_by=-run_after")["dag_runs"]
        return dict(runs[0]) if runs else {}

    def _healthy(self) -> bool:
        health = self.get("monitor/health")
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def _knows(self, dag_id: str) -> bool:
        return any(dag["dag_id"] == dag_id for dag in self.get("dags")["dags"])

    def await_(self, holds: Any, said: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, KeyError):
                if holds():
                    return
            time.sleep(0.5)
        raise AssertionError(f"{said}; its log ends: {self.log.read_text(errors='replace')[-2000:]}")
