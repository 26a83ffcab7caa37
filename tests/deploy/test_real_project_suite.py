"""The tests against a real project are known to work: they run here with every service on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from llm_convert.testing.emulators.bigquery import BigQueryEmulator
from llm_convert.testing.emulators.cloud_run import CloudRunEmulator
from llm_convert.testing.emulators.gcs import GcsEmulator

SUITE = Path(__file__).parents[1] / "real"
PROJECT, REGION, JOB = "real-1", "asia-northeast3", "convert"


def run_suite(environ: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-s", "-p", "no:cacheprovider", str(SUITE)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_without_a_project_it_says_what_it_would_need() -> None:
    said = run_suite({})
    assert "a real project is asked only with LLM_CONVERT_REAL_PROJECT" in said
    assert " passed" not in said
    assert " failed" not in said


def test_it_passes_where_every_service_answers_as_documented(tmp_path: Path) -> None:
    with GcsEmulator() as gcs, BigQueryEmulator(storage_url=gcs.url) as warehouse:
        base = {**gcs.environment(), "LLM_CONVERT_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
        with CloudRunEmulator(base_env=base) as cloud_run:
            cloud_run.deploy(
                f"projects/{PROJECT}/locations/{REGION}/jobs/{JOB}",
                command=[sys.executable, "-m", "llm_convert.job"],
                max_retries=0,
            )
            environ = {**gcs.environment(), **warehouse.environment(), **cloud_run.environment()}
            for name, value in environ.items():
                os.environ.setdefault(name, value)
            try:
                anonymous = AnonymousCredentials()
                storage.Client(project=PROJECT, credentials=anonymous).create_bucket("real-bucket")
                bigquery.Client(project=PROJECT, credentials=anonymous).create_dataset("scratch")
            finally:
                for name in environ:
                    os.environ.pop(name, None)
            said = run_suite(
                {
                    **environ,
                    "LLM_CONVERT_REAL_PROJECT": PROJECT,
                    "LLM_CONVERT_REAL_BUCKET": "real-bucket",
                    "LLM_CONVERT_REAL_DATASET": "scratch",
                    "LLM_CONVERT_REAL_REGION": REGION,
                    "LLM_CONVERT_REAL_JOB": JOB,
                    "GOOGLE_CLOUD_PROJECT": PROJECT,
                }
            )
    assert not re.search(r"\d (failed|error)", said), said[-4000:]
    assert " passed, 1 skipped" in said, said[-4000:]
    assert "overrides are shown in list_executions" in said
    assert "exit code 78" in said
