"""Runs tests/airflow on each Airflow that this package supports, in environments of their own, and prints a table.

    python tests/airflow_matrix.py [3.1 3.2 3.3] [-- arguments for pytest]

Not a test: it needs PyPI and minutes. Packages are resolved as of a day soon after each release, as whoever installed
it then has them: later packages break older Airflows. The wheel is built once and installed; the source tree is not.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
UV = str(REPOSITORY / ".tools" / "bin" / "uv")
ENVIRONMENTS = Path(os.environ.get("LLM_CONVERT_MATRIX", REPOSITORY / ".tools" / "airflow_matrix"))
EXTRAS = "airflow,documents,duckdb,gcp,samples"
"""What runs inside Airflow."""
BESIDE = "vertex,emulators"
"""The job's and the tests' own, newer than an old Airflow: what is there stays."""
TESTS = ("pytest>=8.4", "pytest-xdist>=3.8", "hypothesis>=6.140", "xlwt>=1.3", "selenium>=4.35", "jsonschema>=4.25")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An Airflow and the newest day of the packages beside it; None: today."""

    airflow: str
    until: str | None = None


VERSIONS = {
    "3.1": Version(airflow="3.1.7", until="2026-03-15"),
    "3.2": Version(airflow="3.2.2", until="2026-06-01"),
    "3.3": Version(airflow="3.3.2"),
}


def main(arguments: list[str]) -> int:
    names, pytest_arguments = split(arguments)
    unknown = set(names) - VERSIONS.keys()
    if unknown:
        sys.exit(f"unknown Airflow {', '.join(sorted(unknown))}; known: {', '.join(VERSIONS)}")
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        rows = [tried(name, wheel, pytest_arguments) for name in names or VERSIONS]
    table = [("Airflow", "Python", "packages", "result", "seconds"), ("---",) * 5, *rows]
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in table))
    return 0 if all(re.match(r"\d+ passed", row[3]) and "failed" not in row[3] for row in rows) else 1


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Versions, and what goes to pytest."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def build_wheel(folder: Path) -> Path:
    run(UV, "build", "--quiet", "--no-config", "--wheel", "--out-dir", str(folder), str(REPOSITORY))
    return next(folder.glob("*.whl"))


def tried(name: str, wheel: Path, pytest_arguments: list[str]) -> tuple[str, ...]:
    version, began = VERSIONS[name], time.monotonic()
    environment = ENVIRONMENTS / name
    python = environment / "bin" / "python"
    until = f"as of {version.until}" if version.until else "newest"
    try:
        install(version, environment, wheel)
    except subprocess.CalledProcessError as error:
        return version.airflow, "", until, f"not installed: {error.stderr.strip()[-300:]}", _since(began)
    found = run(str(python), "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])").strip()
    # Warnings are the newest Airflow's affair, where they are errors: an old one speaks of its own past.
    command = [str(python), "-m", "pytest", "-q", "-o", "filterwarnings=", "-p", "no:cacheprovider", "tests/airflow"]
    done = subprocess.run(
        [*command, *pytest_arguments], cwd=REPOSITORY, env=plain_environment(), capture_output=True, text=True
    )
    log = ENVIRONMENTS / f"{name}.log"
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), f"see {log}")
    return version.airflow, found, until, re.sub(r" in [\d.]+s.*", "", last.strip("= ")), _since(began)


def install(version: Version, environment: Path, wheel: Path) -> None:
    run(UV, "venv", "--quiet", "--no-config", "--clear", "--python", sys.executable, str(environment))
    cut_off = ["--exclude-newer", version.until] if version.until else []
    into = (UV, "pip", "install", "--quiet", "--no-config", "--python", str(environment / "bin" / "python"))
    run(
        *(*into, *cut_off),
        *(f"apache-airflow=={version.airflow}", f"airflow-provider-llm-convert[{EXTRAS}] @ {wheel.as_uri()}", *TESTS),
    )
    run(*into, f"apache-airflow=={version.airflow}", f"airflow-provider-llm-convert[{BESIDE}] @ {wheel.as_uri()}")


def plain_environment() -> dict[str, str]:
    """This process's environment without what speaks of another Airflow or Python."""
    foreign = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV", "LLM_CONVERT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.0f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
