"""An Airflow home of its own for these tests, set before Airflow is imported: nothing is written to a person's."""

import os
import shutil
import sys
import tempfile

import pytest

HOME = tempfile.mkdtemp(prefix="llm-convert-airflow-")
ENVIRONMENT = {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__API__SECRET_KEY": "tests",
    "AIRFLOW__API_AUTH__JWT_SECRET": "tests-only-and-long-enough-for-its-algorithm-sha512-which-wants-64-bytes",
}
assert "airflow" not in sys.modules, "Airflow was imported before its home was set"
os.environ.update(ENVIRONMENT)


@pytest.fixture(autouse=True, scope="module")
def _airflow_environment():
    """The same again while tests run: what holds for every test removes Airflow's variables from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


def pytest_unconfigure():
    shutil.rmtree(HOME, ignore_errors=True)
