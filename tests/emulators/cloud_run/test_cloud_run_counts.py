"""An execution's counts against a model of them, whatever its tasks do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from cloud_run_kit import JOB, completed, deploy, until
from google.cloud import run_v2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_convert.testing.emulators.cloud_run import CloudRunEmulator

# Task i fails as often as the i-th word of FAILS says, then succeeds.
SCRIPT = 'set -- $FAILS; shift $CLOUD_RUN_TASK_INDEX; test "$CLOUD_RUN_TASK_ATTEMPT" -ge "$1"'


@pytest.fixture(scope="module")
def standing() -> Iterator[CloudRunEmulator]:
    with CloudRunEmulator() as emulator:
        yield emulator


@given(
    fails=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    max_retries=st.integers(0, 2),
    parallelism=st.integers(0, 3),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_counts(standing: CloudRunEmulator, fails: list[int], max_retries: int, parallelism: int) -> None:
    deploy(
        standing,
        SCRIPT,
        env={"FAILS": " ".join(map(str, fails))},
        task_count=len(fails),
        parallelism=parallelism,
        max_retries=max_retries,
    )
    standing.run(JOB)
    execution: run_v2.Execution = until(lambda: standing.executions[-1].completion_time and standing.executions[-1])
    failed = sum(count > max_retries for count in fails)
    assert (execution.failed_count, execution.succeeded_count) == (failed, len(fails) - failed)
    assert execution.retried_count == sum(count > 0 for count in fails if max_retries)
    assert (execution.running_count, execution.cancelled_count, execution.reconciling) == (0, 0, False)
    assert completed(execution).state.name == ("CONDITION_FAILED" if failed else "CONDITION_SUCCEEDED")
    attempts = sum(min(count, max_retries) + 1 for count in fails)
    assert standing.logs(execution.name).count("Container called exit(") == attempts


def test_the_package_loads_no_vendor_package() -> None:
    program = (
        "import sys, llm_convert.testing.emulators.cloud_run, llm_convert.testing.emulators.cloud_build;"
        "print([name for name in sys.modules if name.partition('.')[0] in {'google', 'grpc'}])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"[]\n"


@pytest.mark.parametrize("room", ["cloud_run", "cloud_build"])
def test_a_missing_package_names_the_extra(room: str) -> None:
    name = {"cloud_run": "CloudRunEmulator", "cloud_build": "CloudBuildEmulator"}[room]
    package = {"cloud_run": "google.cloud.run_v2", "cloud_build": "google.cloud.devtools.cloudbuild_v1"}[room]
    program = (
        f"import importlib.util as util, llm_convert.testing.emulators.{room} as room\n"
        f"from llm_convert.errors import MissingExtraError\n"
        f"find = util.find_spec\n"
        f"util.find_spec = lambda name, *rest: None if name == '{package}' else find(name, *rest)\n"
        f"try: room.{name}()\n"
        f"except MissingExtraError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert "pip install 'airflow-provider-llm-convert[emulators]'" in said
