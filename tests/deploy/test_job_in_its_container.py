"""The job where its container puts it: with its pinned packages alone, as process 1, and, opt-in, in its image."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from llm_convert.testing.model_server import ModelServer
from night import Night

REPOSITORY = Path(__file__).parents[2]
SALES = "품목,판매일,금액\n샴푸,2025-11-03,1\n"
BUILD_IMAGE = bool(os.environ.get("LLM_CONVERT_TEST_IMAGE"))
# A base of python3 with its venv module; the default one comes from a registry.
IMAGE_BASE = os.environ.get("LLM_CONVERT_TEST_IMAGE_BASE", "")
UNSHARE = shutil.which("unshare") or ""
IMAGE_VOLUMES = os.environ.get("LLM_CONVERT_TEST_IMAGE_VOLUMES", "")

ONLY_PINNED = """
import sys
ALLOWED = set({allowed!r})
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if path is None and name in {known!r} and name not in ALLOWED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
from llm_convert.job.main import main
sys.exit(main())
"""


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def mapped(night: Night) -> Night:
    """A night with documents, crawled and mapped."""
    for number in range(8):
        night.drop(f"매출 {number}.csv", f"{SALES}비누,2025-11-04,{number}\n".encode())
    night.crawl()
    return night


def variables(night: Night, **more: str) -> dict[str, str]:
    return {**night.settings.to_environment(), "TENANT_CODE": "t1", "BSDA": night.bsda, **more}


def test_the_job_runs_with_its_pinned_packages_alone(mapped: Night) -> None:
    lock = (REPOSITORY / "jobs" / "requirements.lock").read_text(encoding="utf-8")
    pinned = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    modules = packages_distributions()
    allowed = {
        module
        for module, owners in modules.items()
        if {owner.lower().replace("_", "-") for owner in owners} & (pinned | {"airflow-provider-llm-convert"})
    }
    assert "airflow" in modules.keys() - allowed
    code = ONLY_PINNED.format(allowed=sorted(allowed | {"llm_convert"}), known=sorted(modules))
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables(mapped)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "8 succeeded, 0 failed" in ended.stdout
    refused = subprocess.run(
        [sys.executable, "-c", code.replace("from llm_convert.job.main import main", "import airflow")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "No module named 'airflow'" in refused.stderr


def wait_for(there: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def is_interrupted_well(started: subprocess.Popen[str], server: ModelServer) -> None:
    """SIGTERM to the process that is number 1 in its own space of process numbers: it ends itself, with 75."""
    try:
        wait_for(lambda: server.received or started.poll() is not None, "the job made no call")
        first = child_of(started.pid)
        inside = re.search(r"^NSpid:.*\s(\d+)$", Path(f"/proc/{first}/status").read_text(), re.MULTILINE)
        assert inside is not None and inside[1] == "1"
        os.kill(first, signal.SIGTERM)
        out, _ = started.communicate(timeout=20)
        assert started.returncode == 75, out
        assert "asked the job to stop (SIGTERM)" in out
    finally:
        if started.poll() is None:
            started.kill()


def slow(night: Night, server: ModelServer) -> dict[str, str]:
    server.dials.latency_seconds = 0.5
    return variables(night, **server.environment(), LLM_CONVERT_CONCURRENCY="1", LLM_CONVERT_RUN_ID="shell-a-01")


def can_unshare() -> bool:
    tried = subprocess.run(
        [UNSHARE, "--user", "--map-root-user", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not UNSHARE or not can_unshare(), reason="no process spaces may be made here")
def test_as_process_1_it_obeys_sigterm(mapped: Night, server: ModelServer) -> None:
    command = [UNSHARE, "--user", "--map-root-user", "--pid", "--fork", "--kill-child", sys.executable]
    started = subprocess.Popen(
        [*command, "-m", "llm_convert.job"],
        env={**os.environ, **slow(mapped, server)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    is_interrupted_well(started, server)


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    name = "localhost/llm-convert-job-test"
    base = ["--build-arg", f"BASE={IMAGE_BASE}"] if IMAGE_BASE else []
    volumes = [word for volume in IMAGE_VOLUMES.split(",") if volume for word in ("--volume", volume)]
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")
    environ = {**os.environ, **proxies, "BUILDAH_ISOLATION": "chroot"}

    def buildah(*arguments: str) -> str:
        ended = subprocess.run(
            ["buildah", *arguments], env=environ, capture_output=True, text=True, timeout=900, check=False
        )
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
        return ended.stdout.strip()

    buildah("build", "--format", "docker", "--layers", *base, *volumes, "--tag", name, str(REPOSITORY))
    container = buildah("from", name)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


@pytest.mark.skipif(not BUILD_IMAGE, reason="set LLM_CONVERT_TEST_IMAGE=1 where buildah is installed and run as root")
class TestTheImage:
    """Built once by buildah with chroot isolation; then run from its own root folder, as its own user."""

    def command(self, root: Path) -> list[str]:
        dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
        user = re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)[-1]
        entry = re.findall(r'"([^"]+)"', re.findall(r"^ENTRYPOINT (.*)$", dockerfile, re.MULTILINE)[-1])
        chroot = shutil.which("chroot") or "/usr/sbin/chroot"
        return [UNSHARE, "--pid", "--fork", "--kill-child", chroot, f"--userspec={user}", str(root), *entry]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/venv/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONUNBUFFERED": "1",
            "LLM_CONVERT_HOME": "/tmp/llm_convert",
            "LLM_CONVERT_PROMPTS": "/app/prompts",
        }

    def test_it_has_what_the_job_needs_and_no_more(self, root: Path) -> None:
        packages = {path.name for path in root.glob("venv/lib/python3*/site-packages/*")}
        assert {"llm_convert", "anthropic", "openpyxl"} <= packages
        assert not {"airflow", "duckdb", "pyarrow", "pip", "pytest"} & packages
        assert {path.name for path in (root / "app" / "prompts").iterdir()} == {
            path.name for path in (REPOSITORY / "jobs" / "prompts").iterdir()
        }
        private = [path for name in (".git", "tests", "build", "src") for path in root.glob(f"app/{name}")]
        assert private == []

    def test_without_variables_it_ends_with_78_and_says_which(self, root: Path) -> None:
        ended = subprocess.run(
            self.command(root), env=self.environment(), capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 78
        assert "TENANT_CODE is not set" in ended.stdout + ended.stderr

    def test_it_works_as_its_user_and_obeys_sigterm_as_process_1(
        self, root: Path, mapped: Night, server: ModelServer
    ) -> None:
        # The image's root has its own /tmp: the night is moved in, and belongs to the image's user.
        inside = root / "tmp" / "llm_convert"
        shutil.rmtree(inside, ignore_errors=True)
        shutil.copytree(mapped.home, inside)
        for path in (inside, *inside.rglob("*")):
            os.chown(path, 10001, 10001)
        asked = slow(mapped, server) | self.environment() | {"LLM_CONVERT_PROMPTS": "/tmp/llm_convert/prompts"}
        started = subprocess.Popen(
            self.command(root), env=asked, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        is_interrupted_well(started, server)
        written = [path for path in inside.rglob("reply.json") if path.stat().st_uid == 10001]
        assert written
