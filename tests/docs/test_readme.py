"""The README is run as a newcomer would: every shell block in order, and what it says is printed is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDED = (
    ".venv",
    ".tools",
    ".uv-version",
    "Makefile",
    "dags",
    "jobs",
    "pyproject.toml",
    "requirements.lock",
    "src",
    "README.md",
)


def blocks() -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in BLOCK.finditer(README.read_text(encoding="utf-8"))]


def normal(line: str) -> str:
    return " ".join(line.split())


def stands_in(expected: str, output: str) -> bool:
    """Whether a line is printed; ``…`` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in normal(expected).split("…"))
    return any(re.search(pattern, line) for line in map(normal, output.splitlines()))


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the shell blocks print, run in a fresh copy of the checkout."""
    if not (REPOSITORY / ".venv" / ".ready").exists() or Path(sys.prefix) != REPOSITORY / ".venv":
        pytest.skip("the README starts from 'make'; run the tests by 'make test'")
    folder = tmp_path_factory.mktemp("newcomer")
    for name in NEEDED:
        (folder / name).symlink_to(REPOSITORY / name)
    script = "set -e\n" + "".join(text for language, text in blocks() if language == "sh")
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:]
    return ended.stdout


def test_what_it_says_is_printed_is_printed(printed: str) -> None:
    expected = [line for language, text in blocks() if language == "text" for line in text.splitlines() if line.strip()]
    assert len(expected) > 20
    missing = [line for line in expected if not stands_in(line, printed)]
    assert missing == []


def test_python_blocks_compile() -> None:
    for language, text in blocks():
        if language == "python":
            compile(text, str(README), "exec")


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README.read_text(encoding="utf-8")):
        assert (REPOSITORY / target).exists(), target


def test_it_has_its_order() -> None:
    titles = re.findall(r"^## (.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert titles == ["The demo", "A tenant of your own in five minutes", "Airflow", "Google Cloud", "Links"]
