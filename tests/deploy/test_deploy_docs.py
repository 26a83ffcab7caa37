"""What the pages say can be done is done: their Python runs, their links, scripts and variables are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from llm_convert.settings import Settings

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = ("deploy.md", "operations.md", "moving.md", "programs.md", "prompts.md", "testing.md")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_TESTS = {
    "LLM_CONVERT_TEST_IMAGE",
    "LLM_CONVERT_TEST_GCLOUD",
    "LLM_CONVERT_TEST_RESOLVE",
    "LLM_CONVERT_REAL_PROJECT",
}


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def run(code: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    return subprocess.run(code, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_scripts_are_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)h][^)]*)\)", text(page)):
        assert (DOCS / target).exists(), target
    for script in re.findall(r"\b([a-z]+\.sh)\b", text(page)):
        assert (REPOSITORY / "jobs" / "deploy" / script).exists(), script
    for path in re.findall(r"`((?:jobs|docs)/[\w./-]+)`", text(page)):
        assert (REPOSITORY / path.rstrip("/")).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_it_names_is_one(page: str) -> None:
    known = {"LLM_CONVERT_" + name.upper() for name in Settings.model_fields} | OF_TESTS
    assert set(re.findall(r"\bLLM_CONVERT_[A-Z_]*[A-Z]\b", text(page))) <= known


def test_moving_over_step_by_step_runs(tmp_path: Path) -> None:
    blocks = BLOCK.findall(text("moving.md"))
    assert len(blocks) == 4
    # The first three are steps of a person's own DAG: each stands in the body of one.
    code = "from airflow.sdk import DAG\n"
    for number, block in enumerate(blocks[:3]):
        code += f"with DAG('step-{number}', schedule=None):\n" + textwrap.indent(block, "    ")
    code += blocks[3]
    code += "\nprint(sorted(dag.task_ids), convert.task_id, dag.dag_id)\n"
    ended = run([sys.executable, "-c", code], tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.rstrip().endswith("llm-convert-batch c8cd3500-20240517-1")


def test_moving_over_speaks_of_every_key_that_is_read() -> None:
    source = (REPOSITORY / "src" / "llm_convert" / "airflow" / "task_functions.py").read_text(encoding="utf-8")
    (places,) = re.findall(r"^PLACE_KEYS = \((.*?)\)", source, re.MULTILINE | re.DOTALL)
    (others,) = re.findall(r"^READ_KEYS = \((.*?)\)", source, re.MULTILINE | re.DOTALL)
    # Read as text: importing it would start Airflow in this process.
    keys = re.findall(r'"(\w+)"', places + others)
    assert len(keys) == 9
    for key in keys:
        assert f"`{key}`" in text("moving.md"), key


def test_the_fixtures_work_as_their_page_shows(tmp_path: Path) -> None:
    conftest, tests, of_the_model_server = BLOCK.findall(text("testing.md"))
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(tests, encoding="utf-8")
    (tmp_path / "test_the_model_server.py").write_text(of_the_model_server, encoding="utf-8")
    ended = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)], tmp_path)
    assert "5 passed" in ended.stdout, ended.stdout[-3000:]


def test_the_testing_page_names_every_port_option_and_fixture() -> None:
    from llm_convert.cli.emulators import PORTS
    from llm_convert.testing import fixtures

    for name in PORTS:
        assert f"`--{name}-port`" in text("testing.md")
    for name in fixtures.__all__:
        assert f"`{name}`" in text("testing.md")
