"""What is installed: the wheel, its metadata, its extras, and what Airflow finds of it by its entry points."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

import llm_convert
from llm_convert.provider_info import get_provider_info

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "src"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
UV = REPOSITORY / ".tools" / "bin" / "uv"
# Airflow versions to resolve beside, such as "3.1.8,3.3.2". It asks a package index, so it is not in every run.
RESOLVE_BESIDE = os.environ.get("LLM_CONVERT_TEST_RESOLVE", "")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    ended = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (found,) = folder.glob("*.whl")
    return found


def read(wheel: Path, suffix: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(suffix))
        return archive.read(name)


def test_its_metadata_is_valid_and_complete(wheel: Path) -> None:
    raw = read(wheel, ".dist-info/METADATA")
    metadata = Metadata.from_email(raw, validate=True)
    name, version, _, tags = parse_wheel_filename(wheel.name)
    assert (metadata.name, str(metadata.version)) == (PROJECT["name"], llm_convert.__version__)
    assert (name, str(version)) == (canonicalize_name(PROJECT["name"]), llm_convert.__version__)
    assert {str(tag) for tag in tags} == {"py3-none-any"}
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.description_content_type == "text/markdown"
    assert "3.11" in (metadata.requires_python or "") and "3.10" not in (metadata.requires_python or "")
    # What indexes refuse: unknown headers, and a description that is not there.
    message = BytesParser().parsebytes(raw)
    assert "UNKNOWN" not in message.values()
    assert len(str(message.get_payload())) > 1000


def test_extras_go_by_need(wheel: Path) -> None:
    metadata = Metadata.from_email(read(wheel, ".dist-info/METADATA"))
    assert set(metadata.provides_extra or ()) == set(PROJECT["optional-dependencies"])

    def needed(extra: str) -> set[str]:
        return {
            canonicalize_name(one.name)
            for one in metadata.requires_dist or ()
            if one.marker is None or one.marker.evaluate({"extra": extra})
        }

    assert needed("") == {"pydantic", "pyyaml"}
    assert "apache-airflow" in needed("airflow")
    for extra in set(PROJECT["optional-dependencies"]) - {"airflow"}:
        assert "apache-airflow" not in needed(extra), extra
    assert needed("gcp") >= {"google-cloud-run", "google-cloud-storage", "google-cloud-bigquery", "google-cloud-build"}
    assert "anthropic" not in needed("gcp") | needed("airflow")


def test_no_range_is_pinned_tight(wheel: Path) -> None:
    metadata = Metadata.from_email(read(wheel, ".dist-info/METADATA"))
    for one in metadata.requires_dist or ():
        assert not {s.operator for s in one.specifier} & {"==", "===", "~="}, one


def test_it_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "llm_convert").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == wanted
    assert "llm_convert/py.typed" in held


def test_its_entry_points(wheel: Path) -> None:
    text = read(wheel, ".dist-info/entry_points.txt").decode()
    assert re.search(r"\[console_scripts\]\nllm-convert = llm_convert\.cli\.main:main", text)
    assert "provider_info = llm_convert.provider_info:get_provider_info" in text
    assert "llm_convert = llm_convert.airflow.plugin:LlmConvertPlugin" in text


def test_airflow_lists_the_provider_and_the_plugin(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }

    def listed(*arguments: str) -> list[dict[str, object]]:
        ended = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments, "--output", "json"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
        found: list[dict[str, object]] = json.loads(ended.stdout[ended.stdout.index("[{") :])
        return found

    providers = {row["package_name"]: row for row in listed("providers", "list")}
    assert providers["airflow-provider-llm-convert"]["version"] == llm_convert.__version__
    assert get_provider_info()["description"].rstrip(".") in str(
        providers["airflow-provider-llm-convert"]["description"]
    )
    plugins = {row["name"]: row for row in listed("plugins")}
    assert "llm_convert" in str(plugins["llm_convert"]["source"])


def test_composers_requirements_are_extras_that_exist_and_hold_no_airflow() -> None:
    (line,) = (REPOSITORY / "jobs" / "deploy" / "composer-requirements.txt").read_text(encoding="utf-8").splitlines()
    requirement = Requirement(line)
    assert requirement.name == PROJECT["name"]
    assert requirement.extras <= set(PROJECT["optional-dependencies"])
    assert "airflow" not in requirement.extras
    assert "gcp" in requirement.extras


@pytest.mark.skipif(not RESOLVE_BESIDE, reason="set LLM_CONVERT_TEST_RESOLVE=3.1.8,3.3.2 where an index can be asked")
@pytest.mark.parametrize("airflow", RESOLVE_BESIDE.split(",") if RESOLVE_BESIDE else ["none"])
def test_the_ranges_resolve_beside_airflows_own_pins(airflow: str, tmp_path: Path) -> None:
    asked = tmp_path / "asked.in"
    asked.write_text(
        f"apache-airflow=={airflow}\n{PROJECT['name']}[airflow,gcp,documents,duckdb] @ {REPOSITORY.as_uri()}\n"
    )
    proxies = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ended = subprocess.run(
        [str(UV), "pip", "compile", "--no-config", "--quiet", "--python-version", "3.11", str(asked)],
        env=proxies,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    for name in ("google-cloud-run", "google-cloud-bigquery", "pydantic", "pyarrow"):
        assert re.search(rf"^{name}==", ended.stdout, re.MULTILINE), name
