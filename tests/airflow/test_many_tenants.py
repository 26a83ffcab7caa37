import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.sdk import DAG

from llm_convert.airflow.factory import tenant_dags
from llm_convert.airflow.faults import AirflowFailException
from llm_convert.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
HEADER = """
defaults:
  transform_schedule: ["23"]
  sources:
    shared_drive: {id: s1, url: drive, llm_transform: true}
    email: {id: s2, results_of: shared_drive}
tenants:
"""
DAG_FILE = """
from llm_convert.airflow.factory import tenant_dags

globals().update(tenant_dags("tenants.yaml"))
"""
HEAVY = [
    "google", "anthropic", "duckdb", "pyarrow", "openpyxl", "python_calamine", "pypdf", "olefile", "charset_normalizer",
    *(f"llm_convert.{room}" for room in (
        "documents", "conversion", "completion", "claims", "pipeline", "prompts", "programs", "stores", "warehouses",
        "execution", "job", "wiring",
    )),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    codes = [f"c{number:03d}" for number in range(20)]
    (tmp_path / "tenants.yaml").write_text(HEADER + "".join(f"  - customer_code: {code}\n" for code in codes))
    (tmp_path / "tenants_dags.py").write_text(DAG_FILE)
    return tmp_path


def loaded(folder):
    """The DAG file as Airflow imports it."""
    spec = importlib.util.spec_from_file_location("tenants_dags", folder / "tenants_dags.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {value.dag_id: value for value in vars(module).values() if isinstance(value, DAG)}


def add(folder, text):
    with (folder / "tenants.yaml").open("a") as file:
        file.write(text)


def test_one_file_many_dags_found_beside_the_dag_file(folder):
    dags = loaded(folder)
    assert sorted(dags) == [f"c{number:03d}" for number in range(20)]
    assert {len(dag.tasks) for dag in dags.values()} == {11}


def test_a_worker_builds_only_the_dag_of_its_task(folder, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "c007")
    assert list(loaded(folder)) == ["c007"]


def test_a_wrong_tenant_harms_no_other_and_says_what_is_wrong(folder):
    add(folder, "  - {customer_code: bad, transform_schedul: ['9'], timezone: America/New_York, day_of_week: '1-5'}\n")
    dags = loaded(folder)
    assert len(dags) == 21
    bad = dags["bad"]
    assert "Did you mean 'transform_schedule'" in bad.doc_md
    assert bad.timetable.summary == "0 23 * * 1,2,3,4,5"
    assert bad.timetable.description.endswith("(America/New_York)")
    with pytest.raises(AirflowFailException, match=r"unknown key 'transform_schedul' in .*tenant bad"):
        bad.get_task("check").execute({})


@pytest.mark.parametrize("fault", ["transform_schedule: ['99']", "timezone: Mars/Base", "transform_schedule: 7"])
def test_a_tenant_whose_schedule_is_wrong_has_none(folder, fault):
    add(folder, f"  - {{customer_code: bad, {fault}}}\n")
    assert loaded(folder)["bad"].timetable.can_be_scheduled is False


def test_a_code_given_twice_is_the_files_fault(folder):
    add(folder, "  - customer_code: c001\n")
    with pytest.raises(ConfigurationError, match="'c001' is given twice"):
        loaded(folder)


def test_more_arguments_for_every_dag(folder):
    dags = tenant_dags(folder / "tenants.yaml", max_active_tasks=3)
    assert {dag.max_active_tasks for dag in dags.values()} == {3}


def test_parsing_loads_no_heavy_module(folder):
    script = """
import json, runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path)
print("LOADED", json.dumps(sorted(sys.modules)))
"""
    files = [*map(str, sorted((ROOT / "dags").glob("*.py"))), str(folder / "tenants_dags.py")]
    assert len(files) >= 3
    done = subprocess.run(
        [sys.executable, "-c", script, *files], env=dict(os.environ), capture_output=True, text=True, check=True
    )
    modules = json.loads(done.stdout.rpartition("LOADED ")[2])
    assert "llm_convert.airflow.factory" in modules
    found = [name for name in modules for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")]
    assert found == []
