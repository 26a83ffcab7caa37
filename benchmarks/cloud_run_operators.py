"""Airflow's own Cloud Run operator and ours, side by side on one emulator of Cloud Run, with real processes.

    python benchmarks/cloud_run_operators.py

It makes an environment of its own with Airflow and its Google provider (a minute the first time), starts the emulators
on this machine, runs each try of a task in a process that is killed by its id, and prints a table. Three minutes.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from google_proxy import GoogleProxy

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator
from llm_convert.testing.emulators.gcs import GcsEmulator

HERE = Path(__file__).parent
ROOT = HERE.parent
AIRFLOW, PROVIDER = "apache-airflow==3.3.2", "apache-airflow-providers-google==22.8.0"
VENV = ROOT / ".llm_convert" / "benchmarks" / "operators"
TENANTS = """
customer_code: bench
sources: {drive: {id: s1, url: d, llm_transform: true}}
"""
JOB = "projects/p/locations/asia-northeast3/jobs/convert"
BODY = """
import os, runpy, sys, time
time.sleep(float(os.environ["BENCH_SECONDS"]))
if os.environ.get("BENCH_EXIT"):
    sys.exit(int(os.environ["BENCH_EXIT"]))
runpy.run_module("llm_convert.job", run_name="__main__", alter_sys=True)
"""


def environment() -> Path:
    """The interpreter of the operators' own environment."""
    python = VENV / "bin" / "python"
    if not python.exists():
        uv = str(ROOT / ".tools" / "bin" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--no-config", "--python", sys.executable, str(VENV)], check=True)
        install = [uv, "pip", "install", "--quiet", "--no-config", AIRFLOW, PROVIDER]
        subprocess.run(install, check=True, env={**os.environ, "VIRTUAL_ENV": str(VENV)})
    return python


def make_certificate(folder: Path) -> Path:
    """A certificate for Google's API hosts, its key in the same file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "googleapis on this machine")])
    now = datetime.datetime.now(datetime.UTC)
    hosts = x509.SubjectAlternativeName([x509.DNSName("*.googleapis.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(hosts, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "googleapis.pem"
    kept = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + kept)
    return path


class Bench:
    """One fresh pair of emulators and the processes that work on them."""

    def __init__(self, python: Path, folder: Path, *, seconds: float, exit_code: int | None = None) -> None:
        self._python, self._folder = python, folder
        self.gcs = GcsEmulator()
        self._job_env = {"BENCH_SECONDS": str(seconds), "PYTHONPATH": str(ROOT / "src")}
        if exit_code is not None:
            self._job_env["BENCH_EXIT"] = str(exit_code)

    @contextlib.contextmanager
    def running(self) -> Iterator[Bench]:
        with self.gcs:
            base = {**self._job_env, **self.gcs.environment(), "LLM_CONVERT_HOME": str(self._folder / "home")}
            tenants = self._folder / "tenants.yaml"
            tenants.write_text(TENANTS, encoding="utf-8")
            base["LLM_CONVERT_TENANTS"] = str(tenants)
            store = {"LLM_CONVERT_STORE": "gs://bench/x"}
            with CloudRunEmulator(base_env={**base, **store}) as self.cloud_run:
                self.cloud_run.deploy(JOB, command=[sys.executable, "-c", BODY], max_retries=0)
                self._bucket()
                target = urlsplit(self.cloud_run.url)
                proxy = GoogleProxy(make_certificate(self._folder), (target.hostname or "", target.port or 0))
                self._environ = self._worker_environment(proxy, store)
                try:
                    yield self
                finally:
                    proxy.close()

    def _bucket(self) -> None:
        import urllib.request

        body = json.dumps({"name": "bench"}).encode()
        url = f"{self.gcs.url}/storage/v1/b?project=p"
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).close()

    def _worker_environment(self, proxy: GoogleProxy, store: dict[str, str]) -> dict[str, str]:
        connection = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "project": "p"}}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LLM_CONVERT_", "AIRFLOW"))},
            **self.gcs.environment(),
            **store,
            **self.cloud_run.environment(),
            "PYTHONPATH": str(ROOT / "src"),
            "AIRFLOW_HOME": str(self._folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
            "HTTPS_PROXY": proxy.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": str(self._folder / "googleapis.pem"),
            "LLM_CONVERT_BACKEND": "cloud_run://p/asia-northeast3/convert",
            "LLM_CONVERT_HOME": str(self._folder / "home"),
            "LLM_CONVERT_POLL_SECONDS": "1",
            "GOOGLE_CLOUD_PROJECT": "p",
        }

    def start(self, which: str, **facts: object) -> subprocess.Popen[str]:
        """One try of the task."""
        settings = {
            f"LLM_CONVERT_{name[4:].upper()}": str(value) for name, value in facts.items() if name[:4] == "env_"
        }
        words = [f"{name}={value}" for name, value in facts.items() if name[:4] != "env_"]
        return subprocess.Popen(
            [str(self._python), str(HERE / "operator_worker.py"), which, *words],
            env={**self._environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def started(self) -> int:
        """Executions that were started, and are paid."""
        return len(self.cloud_run.executions)

    def running_now(self) -> int:
        """Executions that have not ended."""
        return sum(not execution.completion_time for execution in self.cloud_run.executions)

    def wait_for(self, count: int) -> None:
        """Until so many executions were started."""
        until = time.monotonic() + 60
        while self.started() < count:
            if time.monotonic() > until:
                raise SystemExit("no execution was started in a minute")
            time.sleep(0.1)


def told(worker: subprocess.Popen[str], *, seconds: float = 90) -> dict[str, Any]:
    """What a worker printed."""
    try:
        out, _ = worker.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.communicate()
        return {"ended": f"nothing after {seconds:g} s"}
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1])) if lines else {"ended": f"exit code {worker.returncode}"}


def crash_and_retry(bench: Bench, which: str) -> str:
    """A worker is killed while it waits; the task is retried."""
    worker = bench.start(which)
    bench.wait_for(1)
    time.sleep(2)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    again = told(bench.start(which))
    return f"{bench.started()} executions; retry: {again['ended']}"


def lost_answer_and_retry(bench: Bench, which: str) -> str:
    """The service starts the job, the answer is lost; the task is retried."""
    bench.cloud_run.dials.lose_run_response = True
    first = told(bench.start(which))
    bench.cloud_run.dials.lose_run_response = False
    if first["ended"] == "success":
        return f"{bench.started()} executions; no retry was needed"
    again = told(bench.start(which))
    return f"{bench.started()} executions; retry: {again['ended']}"


def deadline(bench: Bench, which: str) -> str:
    """Four seconds are allowed for a job of thirty; deferred, so that nobody but the trigger can keep it."""
    facts: dict[str, object] = {"deferrable": 1, "timeout": 4, "watch": 12}
    if which == "ours":
        facts = {"env_job_timeout_seconds": 4, "watch": 12}
        bench._environ["AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"] = "True"
    said = told(bench.start(which, **facts))
    time.sleep(1)
    return f"{said['ended']} after {said.get('seconds', '?')} s; {bench.running_now()} still running"


def killed(bench: Bench, which: str) -> str:
    """The task is killed, as by marking it failed."""
    worker = bench.start(which)
    bench.wait_for(1)
    time.sleep(3)
    worker.send_signal(signal.SIGTERM)
    told(worker)
    until = time.monotonic() + 12
    while bench.running_now() and time.monotonic() < until:
        time.sleep(0.2)
    return f"{bench.running_now()} still running"


def exit_65(bench: Bench, which: str) -> str:
    """The container ends with exit code 65."""
    said = told(bench.start(which))
    return " ".join(str(said.get("error", said)).split())[:230]


def import_cost(bench: Bench, which: str) -> str:
    """CPU seconds until the operator stands."""
    said = told(bench.start(which))
    return f"{said.get('import_cpu_seconds', '?')} s CPU"


SCENES = (
    ("worker killed with SIGKILL, task retried", crash_and_retry, 8.0, None),
    ("answer of run_job lost, task retried", lost_answer_and_retry, 2.0, None),
    ("4 s allowed, deferred, job takes 30 s", deadline, 30.0, None),
    ("task killed (on_kill), job takes 30 s", killed, 30.0, None),
    ("import and set-up of the operator", import_cost, 0.1, None),
    ("what the error says of exit code 65", exit_65, 0.1, 65),
)


def main() -> int:
    """Run all scenes and print the table."""
    python = environment()
    print(f"Airflow's operator: {AIRFLOW}, {PROVIDER}; ours: this checkout\n")
    for name, scene, seconds, exit_code in SCENES:
        print(name)
        for which in ("theirs", "ours"):
            with tempfile.TemporaryDirectory() as folder:
                bench = Bench(python, Path(folder), seconds=seconds, exit_code=exit_code)
                with bench.running():
                    print(f"  {which:7}{scene(bench, which)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
