"""The demo's own Airflow: a home below the settings' home, and DAG runs by ``airflow dags test``.

Airflow runs in processes of its own: this process never imports it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from llm_convert import wiring
from llm_convert.cli.demo_progress import ProgressPrinter
from llm_convert.contracts.report import Report
from llm_convert.errors import ConfigurationError, UnavailableError
from llm_convert.pipeline.results import committed_reports
from llm_convert.settings import Settings

DAG_TIMEOUT_SECONDS = 300
ENDED = {"success", "failed", "upstream_failed", "skipped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """How a DAG run ended."""

    dag_id: str
    state: str
    tasks: dict[str, str]
    """State by task id."""
    reports: list[Report]
    """Of the newest run of the job, if any committed."""

    @property
    def tasks_said(self) -> str:
        """Counts of task states, and the tasks that are not green."""
        green = sum(state == "success" for state in self.tasks.values())
        others = ", ".join(f"{task} {state}" for task, state in self.tasks.items() if state != "success")
        return f"{green} of {len(self.tasks)} green{f'; {others}' if others else ''}"

    @property
    def ended_as_expected(self) -> bool:
        """Every task green, but ``check`` where documents need a person."""
        red = {task for task, state in self.tasks.items() if state != "success"}
        needs_person = any(item.counts_against_run for report in self.reports for item in report.items)
        return bool(self.tasks) and (red == {"check"} if needs_person else not red)


class AirflowHome:
    """An Airflow of the demo's own."""

    def __init__(self, settings: Settings, dags: Path) -> None:
        self._settings = settings
        self._dags = dags.absolute()
        self.folder = settings.home.absolute() / "airflow"

    @cached_property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self._settings.to_environment(),
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "PYTHONWARNINGS": "ignore",
            # A red check is the demo's own finding: a retry would only make its reader wait.
            "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "0",
        }

    def version(self) -> str:
        """Airflow's version, without importing it."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return f"Airflow {version('apache-airflow')}"
        except PackageNotFoundError:
            raise ConfigurationError(
                "Airflow is not installed here",
                remedy="Run 'make demo', or: pip install 'airflow-provider-llm-convert[airflow]'",
            ) from None

    def prepare(self) -> None:
        """Make the metadata database where there is none."""
        if not self._dags.is_dir():
            raise ConfigurationError(
                f"the folder {self._dags} of DAG files does not exist", remedy="Run it in the checkout, or give --dags."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / "airflow.db").exists():
            return
        print("            making its database (once)", flush=True)
        log = self.folder / "demo-migrate.log"
        with log.open("wb") as output:
            ended = subprocess.run(
                self._command("db", "migrate"), env=self._environment, stdout=output, stderr=output, check=False
            )
        if ended.returncode != 0:
            (self.folder / "airflow.db").unlink(missing_ok=True)
            raise UnavailableError(f"'airflow db migrate' ended with {ended.returncode}", remedy=f"Read {log}.")

    def run(self, dag_id: str, tenant: str, bsda: str) -> DagRun:
        """One DAG run with this BSDA, its progress shown while it works."""
        print(f"\n{dag_id}  BSDA {bsda}", flush=True)
        log = self.folder / f"demo-{dag_id}.log"
        command = self._command("dags", "test", dag_id, "--conf", json.dumps({"BSDA": bsda}))
        printer = ProgressPrinter(wiring.open_store(self._settings), tenant, bsda)
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=self._environment, stdout=output, stderr=subprocess.STDOUT)
            self._show_progress(process, dag_id, printer)
        tasks = self.task_states(dag_id)
        if not tasks or None in tasks.values():
            raise UnavailableError(
                f"Airflow did not finish {dag_id} (exit code {process.returncode})", remedy=f"Read {log}."
            )
        return DagRun(
            dag_id=dag_id,
            state="success" if all(state == "success" for state in tasks.values()) else "failed",
            tasks={task: state or "none" for task, state in tasks.items()},
            reports=committed_reports(wiring.open_store(self._settings), tenant, bsda)[-1:],
        )

    def task_states(self, dag_id: str) -> dict[str, str | None]:
        """The tasks of the newest run of a DAG and their states, as Airflow's database holds them now."""
        query = """
            select task_id, state from task_instance
            where dag_id = :dag and run_id = (select run_id from dag_run where dag_id = :dag order by id desc limit 1)
            order by coalesce(end_date, '9999'), task_id
        """
        # Read-only, and a locked database is simply looked at again: Airflow is the one who writes.
        with contextlib.closing(
            sqlite3.connect(f"file:{self.folder / 'airflow.db'}?mode=ro", uri=True, timeout=5)
        ) as database:
            try:
                return dict(database.execute(query, {"dag": dag_id}).fetchall())
            except sqlite3.OperationalError:
                return {}

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *arguments]

    def _show_progress(self, process: subprocess.Popen[bytes], dag_id: str, printer: ProgressPrinter) -> None:
        """Print each task as it ends, and the job's messages as they come, until the process ends."""
        old = self._newest_run(dag_id)
        deadline = time.monotonic() + DAG_TIMEOUT_SECONDS
        shown: set[str] = set()
        while True:
            over = process.poll() is not None
            printer.show()
            if self._newest_run(dag_id) != old:
                for task, state in self.task_states(dag_id).items():
                    if state in ENDED and task not in shown:
                        shown.add(task)
                        print(f"  {task:<36} {state}", flush=True)
            if over:
                return
            if time.monotonic() > deadline:
                process.kill()
                raise UnavailableError(
                    f"{dag_id} took longer than {DAG_TIMEOUT_SECONDS} s", remedy=f"Read the logs in {self.folder}."
                )
            time.sleep(0.3)

    def _newest_run(self, dag_id: str) -> int:
        with contextlib.closing(
            sqlite3.connect(f"file:{self.folder / 'airflow.db'}?mode=ro", uri=True, timeout=5)
        ) as database:
            found = database.execute("select max(id) from dag_run where dag_id = ?", (dag_id,)).fetchone()
        return int(found[0] or 0)
