"""Dockerfile, cloudbuild.yaml, the job's specification and its pinned packages, by the vendors' own readers."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.devtools import cloudbuild_v1
from google.protobuf import json_format
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from llm_convert.contracts.tenant import TenantConfig
from llm_convert.settings import Settings

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
CLOUDBUILD = REPOSITORY / "cloudbuild.yaml"
LOCK = (REPOSITORY / "jobs" / "requirements.lock").read_text(encoding="utf-8")
PINNED = {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE)}
EXTRAS_OF_THE_JOB = ("documents", "vertex", "gcp")
FOR_PEOPLE = {"TENANT_CODE", "BSDA", "FILE_ID", "PROMPT_ID"}
OF_VERTEX = {"ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION", "ANTHROPIC_VERTEX_BASE_URL"}


def build() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CLOUDBUILD.read_text(encoding="utf-8"))
    return found


def job() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "jobs" / "job.yaml").read_text(encoding="utf-8"))
    return found


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = Path(sys.prefix) / "bin" / name
    if not path.exists():
        pytest.skip(f"{name} is not installed beside the tests")
    return subprocess.run(
        [str(path), *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_dockerfile_is_clean_by_hadolint_and_hadolint_can_fail(tmp_path: Path) -> None:
    ended = tool("hadolint", "Dockerfile")
    assert ended.returncode == 0, ended.stdout
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN cd /x && apt-get install python\n")
    assert tool("hadolint", str(tmp_path / "Dockerfile")).returncode == 1


def test_python_gets_the_platforms_signals_as_a_user_without_rights() -> None:
    assert re.search(r'^ENTRYPOINT \["python", "-m", "llm_convert\.job"\]$', DOCKERFILE, re.MULTILINE)
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (\d+):\1$", last_stage, re.MULTILINE)
    assert last_stage.index("USER ") < last_stage.index("ENTRYPOINT")
    assert "PYTHONUNBUFFERED=1" in last_stage


def test_its_variables_are_known_to_the_settings() -> None:
    variables = dict(re.findall(r"(LLM_CONVERT_\w+)=(\S+)", DOCKERFILE))
    settings = Settings.from_environment(variables)
    assert str(settings.prompts_folder) == "/app/prompts"


def test_what_it_copies_is_sent_to_the_builder_and_nothing_private_is() -> None:
    lines = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] not in {"", "#"}]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert copied
    for source in [*copied, "jobs/prompts/weekly_summary.yaml", "src/llm_convert/errors.py"]:
        assert sent(source, lines), source
        assert (REPOSITORY / source).exists(), source
    for private in (".git/config", ".venv/bin/python", "jobs/deploy/project.env", ".llm_convert/store/x", "key.json"):
        assert not sent(private, lines), private


def sent(path: str, lines: list[str]) -> bool:
    """Whether a path is in the build context: the last line that matches it or a folder above it decides."""
    found = True
    parts = path.rstrip("/").split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    for line in lines:
        pattern = line.lstrip("!").rstrip("/")
        if any(fnmatch.fnmatch(one, pattern) for one in above):
            found = line.startswith("!")
    return found


def test_every_pinned_package_has_hashes_and_no_address() -> None:
    for file in ("requirements.lock", "build-requirements.lock"):
        text = (REPOSITORY / "jobs" / file).read_text(encoding="utf-8")
        blocks = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
        assert blocks
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in text
        assert "--index" not in text


def test_the_pins_are_what_the_jobs_extras_ask_for_and_no_more() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for x in EXTRAS_OF_THE_JOB for one in project["optional-dependencies"][x])]
    for text in asked:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        assert name in PINNED, f"{name} is not in jobs/requirements.lock; run make lock"
        assert PINNED[name] in requirement.specifier, f"{name} {PINNED[name]} is not {requirement.specifier}"
    for unwanted in ("apache-airflow", "apache-airflow-task-sdk", "duckdb", "pyarrow", "pytest", "pandas"):
        assert unwanted not in PINNED


def test_cloudbuild_is_a_build_by_googles_own_message_and_schema() -> None:
    read = json_format.ParseDict(build(), cloudbuild_v1.Build.pb()())
    assert [step.id for step in read.steps] == ["test", "build", "smoke", "push", "deploy"]
    ended = tool("check-jsonschema", "--builtin-schema", "vendor.cloudbuild", str(CLOUDBUILD))
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_wrong_field_is_no_build() -> None:
    with pytest.raises(json_format.ParseError, match="timeOut"):
        json_format.ParseDict({**build(), "timeOut": "1s"}, cloudbuild_v1.Build.pb()())


def test_every_substitution_is_declared_and_every_declared_one_is_used() -> None:
    text = CLOUDBUILD.read_text(encoding="utf-8")
    body = "\n".join(line for line in text.splitlines() if not line.strip().startswith("#"))
    declared = set(build()["substitutions"])
    used = set(re.findall(r"\$\{?(_[A-Z_]+)", body))
    assert used == declared
    values = build()["substitutions"]
    config = TenantConfig.model_fields
    assert values["_JOB"] == config["llm_job_name"].default
    assert values["_REGION"] == config["llm_job_region"].default
    scripts = (REPOSITORY / "jobs" / "deploy" / "image.sh").read_text(encoding="utf-8")
    assert set(re.findall(r'"(_[A-Z_]+)=', scripts)) <= declared
    assert "BUILD_REGION:=asia-northeast3" in (REPOSITORY / "jobs" / "deploy" / "lib.sh").read_text(encoding="utf-8")


def test_the_steps_wait_for_what_they_need() -> None:
    steps = {step["id"]: step for step in build()["steps"]}
    assert steps["push"]["waitFor"] == ["test", "smoke"]
    assert steps["deploy"]["waitFor"] == ["push"]
    for step in steps.values():
        if "script" in step:
            ended = subprocess.run(["bash", "-n"], input=step["script"], text=True, capture_output=True, check=False)
            assert ended.returncode == 0, ended.stderr


def test_the_job_has_its_limits_and_only_variables_that_are_known() -> None:
    spec = job()
    assert (spec["apiVersion"], spec["kind"]) == ("run.googleapis.com/v1", "Job")
    task = spec["spec"]["template"]["spec"]["template"]["spec"]
    assert task["timeoutSeconds"] == "3600"
    assert float(task["timeoutSeconds"]) == Settings().job_timeout_seconds
    assert task["maxRetries"] == 1
    (container,) = task["containers"]
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    values = {entry["name"]: entry["value"] for entry in container["env"]}
    Settings.from_environment({name: text.replace("${", "").replace("}", "") for name, text in values.items()})
    assert {name for name in values if not name.startswith("LLM_CONVERT_")} <= OF_VERTEX
    # What a launch says must not stand here: a forgotten value would narrow every night.
    assert not FOR_PEOPLE & set(values)


def test_markers_leave_the_pins_installable_here() -> None:
    assert default_environment()["python_full_version"] >= "3.11"
    lines = re.findall(r"^([\w.-]+==\S+(?: ; [^\\]+)?) \\$", LOCK, re.MULTILINE)
    assert len(lines) == len(PINNED)
    for line in lines:
        Requirement(line)
