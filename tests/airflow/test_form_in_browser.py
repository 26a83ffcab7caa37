"""The form of a run by hand, as a person sees it: a real Airflow, its scheduler, and a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standalone import Standalone

from llm_convert.samples import write_samples

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
REPOSITORY = Path(__file__).parents[2]
DAG_ID = "cf526000-20250926-1"
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1300,1400",
)

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        not CHROMIUM or not DRIVER, reason="needs chromium and chromedriver (apt-get install chromium-driver)"
    ),
]


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Standalone]:
    write_samples(tmp_path / "drive", week=1)
    environ = {"LLM_CONVERT_HOME": str(tmp_path), "LLM_CONVERT_PROMPTS": str(REPOSITORY / "jobs" / "prompts")}
    with Standalone(tmp_path, REPOSITORY / "dags", environ).running() as running:
        running.await_dag(DAG_ID)
        yield running


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in (*QUIET, f"--user-data-dir={tmp_path / 'chromium'}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.implicitly_wait(20)
    yield driver
    driver.quit()


def open_form(browser: Any, airflow: Standalone) -> None:
    # Before 3.2 the first visit signs in and forgets which page was asked for.
    browser.get(airflow.url)
    browser.find_element("xpath", "//a[@href='/dags']")
    browser.get(f"{airflow.url}/dags/{DAG_ID}")
    browser.find_element("xpath", "//button[contains(., 'Trigger')]").click()
    browser.find_element("id", "element_BSDA")


def submit(browser: Any) -> None:
    button = browser.find_elements("xpath", "//button[normalize-space()='Trigger']")[-1]
    assert button.is_enabled(), "the form can't be sent as it opens: a field with a default is taken for a missing one"
    button.click()


def test_a_person_triggers_a_night_with_the_form(browser: Any, airflow: Standalone) -> None:
    open_form(browser, airflow)
    for name in ("FILE_ID", "PROMPT_ID", "force"):
        assert browser.find_elements("name", f"element_{name}"), name
    browser.find_element("id", "element_BSDA").send_keys("2025-11")
    submit(browser)
    browser.find_element("xpath", "//*[contains(text(), 'Invalid input for param BSDA')]")
    assert airflow.get(f"dags/{DAG_ID}/dagRuns")["total_entries"] == 0

    open_form(browser, airflow)
    browser.find_element("id", "element_BSDA").send_keys("20251107140000")
    submit(browser)
    run = airflow.await_run(DAG_ID)
    assert run["state"] == "success"
    assert run["conf"] == {"BSDA": "20251107140000", "FILE_ID": None, "PROMPT_ID": None, "force": False}
    states = airflow.get(f"dags/{DAG_ID}/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
    assert {task["task_id"]: task["state"] for task in states} == {
        f"{step}-shared_drive": "success"
        for step in (
            "crawler",
            "fileid-mapping",
            "llm-convert-batch",
            "fileid-mapping-hai",
            "filter",
            "converter",
            "tag",
        )
    } | {"check": "success"}
